# What `cmake --install build --prefix DIR` puts in place: program, both libraries, header, pkg-config file,
# CMake package, man page. The shared library shows selora_* alone; in the static one the inner names begin with slr_.
include(CMakePackageConfigHelpers)

add_library(selora_shared SHARED $<TARGET_OBJECTS:selora> ${CPU_OBJECTS})
target_link_libraries(selora_shared PRIVATE selora_flags)
target_include_directories(selora_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_options(selora_shared PRIVATE -Wl,-z,defs
  -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/selora.map)
set_target_properties(selora_shared PROPERTIES OUTPUT_NAME selora EXPORT_NAME selora LINKER_LANGUAGE C
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
  LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/selora.map)

install(TARGETS selora_shared EXPORT seloraTargets)
install(TARGETS selora)
if(TARGET selora_program)
  install(TARGETS selora_program)
endif()
install(FILES include/selora.h include/selora_judge.h include/selora_audit.h include/selora_sweep.h TYPE INCLUDE)
install(FILES docs/selora.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)

# The pkg-config file finds its prefix from where it lies, so that an installed tree can be moved.
set(PKGCONFIG_DIR ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH PREFIX_FROM_PKGCONFIG /prefix/${PKGCONFIG_DIR} /prefix)
configure_file(cmake/selora.pc.in selora.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/selora.pc DESTINATION ${PKGCONFIG_DIR})

set(PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/selora)
install(EXPORT seloraTargets NAMESPACE selora:: DESTINATION ${PACKAGE_DIR} FILE seloraConfig.cmake)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/seloraConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/seloraConfigVersion.cmake DESTINATION ${PACKAGE_DIR})
