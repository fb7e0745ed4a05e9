/* SPDX-License-Identifier: MIT */
#include "support/dicom_fixtures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "support/scratch.h"

static const char *const defaults[] = {
    "(0002,0010) UI =LittleEndianExplicit",
    "(0008,0016) UI =SecondaryCaptureImageStorage",
    "(0008,0018) UI [2.25.1]",
    "(0028,0002) US 1",
    "(0028,0004) CS [MONOCHROME2]",
    "(0028,0010) US 16",
    "(0028,0011) US 16",
    "(0028,0100) US 16",
    "(0028,0101) US 12",
    "(0028,0102) US 11",
    "(0028,0103) US 0",
    "(7fe0,0010) OW =p12.raw",
};

static bool in_path(const char *program)
{
    const char *path = getenv("PATH");
    while (path && *path) {
        char file[512];
        size_t length = strcspn(path, ":");
        snprintf(file, sizeof file, "%.*s/%s", (int)length, path, program);
        if (access(file, X_OK) == 0)
            return true;
        path += length + (path[length] == ':');
    }
    return false;
}

void dicom_need(const char *program, ...)
{
    slr_error err = {0};
    if (slr_dcm_init(&err) != SELORA_OK) {
        print_message("skipped: %s\n", err.message);
        skip();
    }
    va_list args;
    va_start(args, program);
    for (; program; program = va_arg(args, const char *))
        if (!in_path(program)) {
            va_end(args);
            print_message("skipped: the program %s is missing (packages dcmtk, libgdcm-tools, dicom3tools)\n",
                          program);
            skip();
        }
    va_end(args);
}

uint16_t dicom_ramp(int i)
{
    return (uint16_t)((16 * i + i % 7) & 0xfff);
}

/* Is there a line that begins with the tag of `line`, or with a minus and it? */
static bool is_replaced(const char *line, const char *lines)
{
    for (const char *at = lines; *at;) {
        if (strncmp(at + (*at == '-'), line, strlen("(gggg,eeee)")) == 0)
            return true;
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    return false;
}

static void write_ramp(void)
{
    uint8_t raw[512];
    for (int i = 0; i < 256; i++) {
        raw[2 * i] = (uint8_t)dicom_ramp(i);
        raw[2 * i + 1] = (uint8_t)(dicom_ramp(i) >> 8);
    }
    scratch_write("p12.raw", raw, sizeof raw);
}

void dicom_fixture(const char *name, const char *lines)
{
    char dump[16384] = "";
    size_t used = 0;
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        if (!is_replaced(defaults[i], lines))
            used += (size_t)snprintf(dump + used, sizeof dump - used, "%s\n", defaults[i]);
    for (const char *at = lines; *at;) {
        size_t length = strcspn(at, "\n");
        if (*at != '-')
            used += (size_t)snprintf(dump + used, sizeof dump - used, "%.*s\n", (int)length, at);
        at += length + (at[length] == '\n');
        assert_true(used < sizeof dump);
    }
    write_ramp();
    scratch_write("fixture.dump", dump, used);
    if (!dicom_run("dump2dcm -q fixture.dump %s", name))
        fail_msg("dump2dcm does not take:\n%s", dump);
}

bool dicom_run(const char *format, ...)
{
    char command[2048];
    int length = snprintf(command, sizeof command, "cd '%s' && { ", scratch_path(""));
    va_list args;
    va_start(args, format);
    length += vsnprintf(command + length, sizeof command - (size_t)length, format, args);
    va_end(args);
    snprintf(command + length, sizeof command - (size_t)length, "; } >/dev/null 2>&1 </dev/null");
    return system(command) == 0;
}

slr_dcm *dicom_open(const char *name)
{
    slr_dcm *dcm = NULL;
    slr_error err = {0};
    if (slr_dcm_open(scratch_path(name), &dcm, &err) != SELORA_OK)
        fail_msg("%s: %s", name, err.message);
    return dcm;
}

void *dicom_frame(slr_dcm *dcm, uint32_t frame, char model[SLR_DCM_MODEL])
{
    slr_dcm_desc desc;
    slr_error err = {0};
    slr_dcm_describe(dcm, &desc);
    if (desc.pixels != SLR_DCM_PIXELS)
        fail_msg("%s", desc.refusal);
    void *out = malloc(desc.frame_bytes);
    if (slr_dcm_frame(dcm, frame, out, desc.frame_bytes, model, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return out;
}
