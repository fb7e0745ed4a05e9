/* SPDX-License-Identifier: MIT
 * Any bytes as a NIfTI file: header, voxels and a slice along each axis, or an error that says something. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "medical/nifti_picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void draw(slr_nifti *nifti, slr_axis axis)
{
    slr_medical_options options = slr_medical_options_default();
    slr_picture_facts facts;
    slr_image image;
    slr_error err = {0};
    options.axis = axis;
    if (slr_nifti_picture(nifti, slr_nifti_slices(nifti, axis) / 2, &options, &image, &facts, &err) !=
        SELORA_OK) {
        if (!err.message[0] || image.pixels || facts.skip == SLR_SKIP_NONE)
            abort();
        return;
    }
    for (int i = 0; i < image.width * image.height * image.channels; i++)
        if (!(image.pixels[i] >= 0.0f && image.pixels[i] <= 1.0f))
            abort();
    slr_image_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    slr_nifti *nifti;
    slr_error err = {0};
    int fd = memfd_create("nifti", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (slr_nifti_open(path, &nifti, &err) == SELORA_OK) {
        const int64_t *n = slr_nifti_header_of(nifti)->size;
        if (n[0] * n[1] * n[2] <= 1 << 20)
            for (int axis = 0; axis < 3; axis++)
                draw(nifti, (slr_axis)axis);
        slr_nifti_close(nifti);
    } else if (!err.message[0]) {
        abort();
    }
    close(fd);
    return 0;
}
