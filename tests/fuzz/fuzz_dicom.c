/* SPDX-License-Identifier: MIT
 * Any bytes as a DICOM file, and, without the header, as one compressed frame. A file is read or refused with a reason. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "medical/dcm_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_frames(slr_dcm *dcm, const slr_dcm_desc *desc)
{
    char model[SLR_DCM_MODEL];
    slr_error err = {0};
    void *frame = desc->frame_bytes <= 1 << 22 ? malloc(desc->frame_bytes) : NULL;
    for (uint32_t k = 0; frame && k < desc->frames && k < 3; k++)
        if (slr_dcm_frame(dcm, k, frame, desc->frame_bytes, model, &err) != SELORA_OK && !err.message[0])
            abort();
    free(frame);
}

static void read_values(const slr_dcm *dcm)
{
    static const char *const paths[] = {"0028,1050", "0010,0010", "0028,3010[0]/0028,3006", "7fe0,0010"};
    for (int i = 0; i < 4; i++) {
        double numbers[4];
        char text[16];
        slr_dcm_doubles(dcm, paths[i], numbers, 4);
        if (slr_dcm_text(dcm, paths[i], text, sizeof text) >= 0 && strlen(text) >= sizeof text)
            abort();
        slr_dcm_bytes(dcm, paths[i], text, sizeof text);
        slr_dcm_items(dcm, paths[i]);
    }
}

static void read_file(const uint8_t *data, size_t size)
{
    char path[64];
    slr_dcm *dcm;
    slr_dcm_desc desc;
    slr_error err = {0};
    int fd = memfd_create("input", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        close(fd);
        return;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (slr_dcm_open(path, &dcm, &err) == SELORA_OK) {
        slr_dcm_describe(dcm, &desc);
        if ((desc.pixels == SLR_DCM_PIXELS) != (desc.frame_bytes > 0) ||
            (desc.pixels == SLR_DCM_PIXELS) == (desc.refusal[0] != '\0'))
            abort();
        read_frames(dcm, &desc);
        read_values(dcm);
        slr_dcm_close(dcm);
    } else if (!err.message[0]) {
        abort();
    }
    close(fd);
}

static void read_streams(const uint8_t *data, size_t size)
{
    uint8_t out[512];
    int precision;
    slr_dcm_desc desc = {
        .rows = 16, .columns = 16, .frames = 1, .samples = 1, .bits_allocated = 16, .bits_stored = 12};
    desc.frame_bytes = sizeof out;
    slr_rle_decode(data, size, &desc, out, NULL);
    slr_jpeg_check_header(data, size, &desc, &precision, NULL);
    slr_dcm_looks_like(data, size);
    slr_dcm_data_encoding(data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int ready;
    if (!ready)
        slr_dcm_init(NULL); /* without DICOM every file is refused */
    ready = 1;
    read_file(data, size);
    read_streams(data, size);
    return 0;
}
