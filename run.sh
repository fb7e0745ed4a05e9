#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds, shows, tests and installs selora on Debian 12, from a machine that has nothing but bash.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
    cat <<'END'
usage: ./run.sh COMMAND
  build              install what is missing (apt), build: the program is build/selora
  demo               build, then adapt the embedded model to a picture class it has never seen
  test               build, then the quick tests (a few minutes)
  test all           every test: quick, slow, sanitizers, clang, installed copy, pydicom, diffusers
  install [PREFIX]   build, then install program, libraries, header and man page (PREFIX: /usr/local)
END
}

build_packages=(gcc g++ libc6-dev cmake ninja-build pkg-config libopenblas-openmp-dev libjansson-dev libspng-dev
    zlib1g-dev libturbojpeg0-dev libutf8proc-dev libssl-dev libexpat1-dev
    libdcmtk-dev libopenjp2-7-dev libnifti2-dev)
test_packages=(libcmocka-dev dcmtk libgdcm-tools dicom3tools)
all_packages=(clang libomp-dev libclang-rt-14-dev shellcheck python3 python3-dev python3-venv)

logs=build/logs
passed=0 failed=0 skipped=0
say() { printf '%s\n' "$*"; }
die() { printf 'run.sh: %s\n' "$*" >&2; exit 1; }

# quietly WHAT COMMAND...: one line for the step; what the command prints is shown only when it fails.
quietly() {
    local what=$1 log=$logs/${1//[^a-z0-9]/-}.log start=$SECONDS
    shift
    mkdir -p "$logs"
    printf '%s ... ' "$what"
    if "$@" >"$log" 2>&1 </dev/null; then
        say "ok ($((SECONDS - start)) s)"
    else
        say "FAILED ($((SECONDS - start)) s)"
        tail -n 60 "$log"
        say "(all of it: $log)"
        return 1
    fi
}

as_root() {
    if [[ $(id -u) == 0 ]]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else say "neither root nor sudo: as root, run: $*"; return 1
    fi
}

apt_install() {
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qy -o Acquire::Retries=3)
    # the package lists of a fresh or old machine may not know the packages: refresh them only then
    as_root "${apt[@]}" install --no-install-recommends "$@" ||
        { as_root "${apt[@]}" update && as_root "${apt[@]}" install --no-install-recommends "$@"; }
}

# need PACKAGE...: installs those that are missing; no apt call when none is.
need() {
    command -v dpkg-query >/dev/null || return 0 # not Debian: CMake names what is missing
    local package missing=()
    for package; do
        [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == "install ok installed" ]] ||
            missing+=("$package")
    done
    [[ ${#missing[@]} == 0 ]] || quietly "install ${missing[*]}" apt_install "${missing[@]}" ||
        die "these Debian packages are needed: ${missing[*]}"
}

# build PRESET [TARGET...]: configures and builds, all of it without a target; ccache is used where there is one.
build() {
    local preset=$1 launcher=() targets=()
    shift
    (($# == 0)) || targets=(--target "$@")
    ! command -v ccache >/dev/null || launcher=(-D CMAKE_C_COMPILER_LAUNCHER=ccache -D CMAKE_CXX_COMPILER_LAUNCHER=ccache)
    quietly "configure $preset" cmake --preset "$preset" "${launcher[@]}" &&
        quietly "build $preset" cmake --build --preset "$preset" "${targets[@]}"
}

# What users run, without tests.
build_program() {
    need "${build_packages[@]}"
    build release selora_program selora_shared || die "the build failed"
}

# check WHAT COMMAND...: one step that is a test by itself.
check() {
    if quietly "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

# run_ctest WHAT DIR [CTEST OPTION...]: adds up the cmocka tests (or, for other programs, the programs). A skipped
# test is never a passed one; a program that failed without saying so (crash, leak, no time left) is one failure.
run_ctest() {
    local what=$1 dir=$2 status=0 p f s
    shift 2
    rm -f "$dir/Testing/Temporary/LastTest.log"
    quietly "$what" ctest --test-dir "$dir" --output-on-failure --no-tests=error -j "$(nproc)" "$@" || status=1
    read -r p f s < <(awk '
        /^[0-9]+\/[0-9]+ Test: / { ok = bad = skip = told = good = 0 }
        /^\[  PASSED  \] [0-9]+ test/ { ok += $4; told = 1 }
        /^\[  FAILED  \] [0-9]+ test/ { bad += $4; told = 1 }
        /^\[  SKIPPED \] [0-9]+ test/ { skip += $4; told = 1 }
        /^Test Passed\.$/ { good = 1 }
        /^".*" time elapsed: / {
            passed += told ? ok : good; skipped += skip; failed += good ? 0 : (bad ? bad : 1)
        }
        END { print passed + 0, failed + 0, skipped + 0 }' "$dir/Testing/Temporary/LastTest.log" || echo 0 1 0)
    ((status == 0 || f > 0)) || f=1
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    say "    $p passed, $f failed, $s skipped"
}

install_to() {
    local prefix=$1 runner=()
    mkdir -p "$prefix" 2>/dev/null && [[ -w $prefix ]] || runner=(as_root)
    quietly "install to $prefix" "${runner[@]}" cmake --install build --prefix "$prefix"
}

test_quick() {
    check "check the tree" tools/check_tree.sh
    if build release; then
        run_ctest "quick tests" build -LE slow
    else
        failed=$((failed + 1))
    fi
}

# Adds the last "N passed, N failed" line of a step's log.
count_from() {
    local p=0 f=0
    read -r p _ f _ < <(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$1" | tail -n 1) || f=1
    passed=$((passed + p)) failed=$((failed + f))
    say "    $p passed, $f failed"
}

# The examples against an installed copy, as a stranger would build them.
test_installed() {
    local prefix=$PWD/build/installed name
    rm -rf "$prefix" build/examples && mkdir -p build/examples || return 1
    cmake --install build --prefix "$prefix" || return 1
    export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
    for name in generate train; do
        # shellcheck disable=SC2046
        cc -std=c11 -Wall -Wextra -Werror "examples/$name.c" -o "build/examples/$name-pc" \
            $(pkg-config --cflags --libs selora) || return 1
        # shellcheck disable=SC2046
        cc -std=c11 "examples/$name.c" -o "build/examples/$name-static" $(pkg-config --cflags selora) \
            "$prefix/lib/libselora.a" $(pkg-config --static --libs selora | sed 's/-lselora//') || return 1
    done
    cmake -G Ninja -S examples -B build/examples/cmake -D CMAKE_PREFIX_PATH="$prefix" &&
        cmake --build build/examples/cmake || return 1
    tests/examples.sh "$prefix/bin/selora" build/examples
}

# peers_python REQUIREMENTS WHAT [BASE]: Python with reference packages, in a folder that later runs find again.
# With BASE, another such Python, only what the file lists is installed and the rest (torch: gigabytes) is BASE's.
peers_python() {
    local folder base=${3-}
    folder=${XDG_CACHE_HOME:-${HOME:-$PWD/build}/.cache}/selora/peers-$({ cat "$1" && printf %s "$base"; } | sha256sum | cut -c1-12)
    peers=$folder/bin/python
    [[ ! -e $folder/ready ]] || return 0
    quietly "install $2" install_peers "$folder" "$1" "$base" ||
        { say "the comparison needs a package index: no network?"; return 1; }
}

install_peers() {
    local folder=$1 requirements=$2 base=$3 options=()
    local where=(-c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    /usr/bin/python3 -m venv --clear "$folder" || return 1
    if [[ -n $base ]]; then
        options=(--no-deps)
        "$base" "${where[@]}" >"$("$folder/bin/python" "${where[@]}")/base.pth" || return 1
    fi
    "$folder/bin/pip" install --no-input --retries 5 --timeout 60 "${options[@]}" -r "$requirements" &&
        touch "$folder/ready"
}

# Adapters in diffusers and peft of two generations.
test_adapters() {
    local current=$peers
    quietly "adapters in diffusers and peft" "$current" tools/check_adapters.py --selora build/selora || true
    count_from $logs/adapters-in-diffusers-and-peft.log
    if peers_python tools/requirements_elder.txt "an elder generation of the reference" "$current"; then
        quietly "adapters in elder diffusers" "$peers" tools/check_adapters.py --selora build/selora || true
        count_from $logs/adapters-in-elder-diffusers.log
    else
        failed=$((failed + 1))
    fi
}

test_all() {
    need "${all_packages[@]}"
    test_quick
    if [[ $(ctest --test-dir build -N -L slow) != *"Total Tests: 0"* ]]; then
        run_ctest "slow tests" build -L slow
    fi
    check "the installed copy" test_installed
    local preset
    for preset in asan clang; do
        if build $preset; then
            run_ctest "quick tests, $preset" build-$preset -LE slow
        else
            failed=$((failed + 1))
        fi
    done
    if peers_python tools/requirements_medical.txt "pydicom and nibabel"; then
        quietly "comparison with pydicom" "$peers" tools/medical_peers.py \
            --write-picture build/tests/write_picture --random 1000 || true
        count_from $logs/comparison-with-pydicom.log
    else
        failed=$((failed + 1))
    fi
    if peers_python tools/requirements_dicom.txt "pydicom with decoders"; then
        quietly "comparison of stored values" "$peers" tools/verify_dicom.py --read build/dicom_read || true
        count_from $logs/comparison-of-stored-values.log
    else
        failed=$((failed + 1))
    fi
    if peers_python tools/requirements_radiomics.txt "PyRadiomics and PyWavelets"; then
        quietly "comparison with pyradiomics" "$peers" tools/check_radiomics.py --selora build/selora || true
        count_from $logs/comparison-with-pyradiomics.log
    else
        failed=$((failed + 1))
    fi
    if peers_python tools/requirements_metrics.txt "scipy, scikit-image and prdc"; then
        quietly "comparison of metrics" "$peers" tools/check_metrics.py --selora build/selora || true
        count_from $logs/comparison-of-metrics.log
    else
        failed=$((failed + 1))
    fi
    if peers_python tools/requirements.txt "the reference (a few GB of Python packages)"; then
        quietly "comparison with diffusers" "$peers" tools/verify_sweep.py --selora build/selora --models 12 || true
        count_from $logs/comparison-with-diffusers.log
        quietly "features beside their reference" "$peers" tools/feature_cases.py build/feature_cases --full --selora build/selora || true
        count_from $logs/features-beside-their-reference.log
        quietly "merged models in diffusers" "$peers" tools/check_merge.py --selora build/selora || true
        count_from $logs/merged-models-in-diffusers.log
        test_adapters
    else
        failed=$((failed + 1))
    fi
    if peers_python tools/requirements_tensorboard.txt "TensorBoard"; then
        quietly "events in tensorboard" "$peers" tools/check_tensorboard.py build/selora || true
        count_from $logs/events-in-tensorboard.log
    else
        failed=$((failed + 1))
    fi
    check "check the shell scripts" shellcheck -x -S warning run.sh .ci/run tools/*.sh tests/*.sh tests/cli/*.sh
}

main() {
    case "${1-}${2:+ $2}" in
    build)
        build_program
        say "the program: build/selora"
        ;;
    demo)
        build_program
        rm -rf demo # of an earlier demo; git ignores it
        build/selora demo --model models/tiny --out demo
        ;;
    test | "test all")
        need "${build_packages[@]}" "${test_packages[@]}"
        if [[ ${2-} == all ]]; then test_all; else test_quick; fi
        say "$passed passed, $failed failed, $skipped skipped"
        ((failed == 0 && passed > 0))
        ;;
    install | "install "*)
        build_program
        install_to "${2-/usr/local}" || die "the installation failed"
        ;;
    *)
        usage
        [[ ${1-} == help || ${1-} == --help ]] || exit 2
        ;;
    esac
}

main "$@"
