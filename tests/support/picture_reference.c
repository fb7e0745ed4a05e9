/* SPDX-License-Identifier: MIT */
#include "support/picture_reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/dicom_fixtures.h"
#include "support/scratch.h"

slr_image picture_read(const char *name, int64_t frame, const slr_medical_options *options,
                       slr_picture_facts *facts)
{
    slr_medical_options defaults = slr_medical_options_default();
    slr_picture_facts unused;
    slr_medical *file;
    slr_image image = {0};
    slr_error err = {0};
    if (slr_medical_open(scratch_path(name), &file, NULL, &err) != SELORA_OK ||
        slr_medical_read(file, frame, options ? options : &defaults, &image, facts ? facts : &unused, &err) !=
            SELORA_OK)
        fail_msg("%s: %s", name, err.message);
    assert_int_equal((facts ? facts : &unused)->skip, SLR_SKIP_NONE);
    slr_medical_close(file);
    return image;
}

void picture_refused(const char *name, int64_t frame, const slr_medical_options *options,
                     slr_picture_skip skip, const char *text)
{
    slr_medical_options defaults = slr_medical_options_default();
    slr_picture_facts facts = {0};
    slr_medical *file = NULL;
    slr_image image = {0};
    slr_error err = {0};
    selora_status status = slr_medical_open(scratch_path(name), &file, &facts.skip, &err);
    if (status == SELORA_OK)
        status = slr_medical_read(file, frame, options ? options : &defaults, &image, &facts, &err);
    if (status != SELORA_BAD_INPUT || facts.skip != skip || !strstr(err.message, text) ||
        strstr(err.message, name) || strstr(err.message, scratch_path("")))
        fail_msg("%s: status %d, '%s' (%s), expected '%s' (%s)", name, status, err.message,
                 slr_picture_skip_name(facts.skip), text, slr_picture_skip_name(skip));
    assert_null(image.pixels);
    slr_medical_close(file);
}

void picture_words(const char *name, const uint16_t *words, size_t count)
{
    uint8_t *bytes = malloc(2 * count);
    for (size_t i = 0; i < count; i++) {
        bytes[2 * i] = (uint8_t)words[i];
        bytes[2 * i + 1] = (uint8_t)(words[i] >> 8);
    }
    scratch_write(name, bytes, 2 * count);
    free(bytes);
}

void picture_near(float found, double expected, double tolerance, size_t pixel)
{
    if (!(fabs((double)found - expected) <= tolerance))
        fail_msg("pixel %zu: %.9g, expected %.9g", pixel, (double)found, expected);
}

uint8_t *dcm2pnm_picture(const char *name, const char *options, int *width, int *height)
{
    if (!dicom_run("dcm2pnm +op %s '%s' reference.pgm", options, name))
        fail_msg("dcm2pnm %s %s fails", options, name);
    size_t size;
    int top, begin = 0;
    char *file = scratch_read("reference.pgm", &size);
    assert_non_null(file);
    assert_int_equal(sscanf(file, "P5 %d %d %d%n", width, height, &top, &begin), 3);
    assert_int_equal(top, 255);
    size_t pixels = (size_t)*width * (size_t)*height;
    assert_true(size == (size_t)begin + 1 + pixels);
    uint8_t *values = malloc(pixels);
    memcpy(values, file + begin + 1, pixels);
    free(file);
    return values;
}
