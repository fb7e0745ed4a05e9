/* SPDX-License-Identifier: MIT */
#include "support/dicom_mutations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/worker_pool.h"
#include "support/dicom_fixtures.h"
#include "support/scratch.h"

static const char *const conversions[] = {"cp",
                                          "dcmconv +ti",
                                          "dcmconv +tb",
                                          "dcmconv +td",
                                          "dcmconv -F +ti",
                                          "dcmcrle",
                                          "dcmcjpeg +e1",
                                          "dcmcjpeg +eb",
                                          "dcmcjpeg +el +sv 6",
                                          "dcmcjpeg +ee",
                                          "dcmcjpls",
                                          "gdcmconv --j2k",
                                          "gdcmconv --j2k --lossy --irreversible"};
enum { FILES = sizeof conversions / sizeof *conversions };

typedef struct corpus {
    char *data[FILES];
    size_t size[FILES];
    int read, refused; /* of what came back */
} corpus;

static uint64_t step(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

static size_t below(uint64_t *random, size_t limit)
{
    return limit > 0 ? (size_t)(step(random) % limit) : 0;
}

/* One of five kinds of damage, in place; the new size. A quarter of the places are surely in the header. */
static size_t damage(char *data, size_t size, uint64_t *random)
{
    size_t range = step(random) % 4 == 0 && size > 700 ? 700 : size, at = below(random, range);
    switch (step(random) % 8) {
    case 0: /* cut */
        return at;
    case 1: /* a run of zeros or ones */
        memset(data + at, step(random) % 2 ? 0 : 0xff, 1 + below(random, size - at < 16 ? size - at : 16));
        return size;
    case 2: /* a piece is gone */ {
        size_t piece = below(random, size - at < 64 ? size - at : 64);
        memmove(data + at, data + at + piece, size - at - piece);
        return size - piece;
    }
    case 3: /* a piece stands somewhere else as well */ {
        size_t from = below(random, size), room = size - (at > from ? at : from);
        memmove(data + at, data + from, below(random, room < 64 ? room : 64));
        return size;
    }
    default: /* bytes that say something else */
        for (size_t i = 0, count = 1 + below(random, 8); i < count; i++)
            data[below(random, range)] = (char)step(random);
        return size;
    }
}

static void read_all(slr_dcm *dcm, slr_error *err, selora_status *status)
{
    slr_dcm_desc desc;
    char model[SLR_DCM_MODEL], text[100];
    double numbers[8];
    slr_dcm_describe(dcm, &desc);
    slr_dcm_text(dcm, "0010,0010", text, sizeof text);
    slr_dcm_doubles(dcm, "0028,1050", numbers, 8);
    slr_dcm_bytes(dcm, "0028,3010[0]/0028,3006", text, sizeof text);
    slr_dcm_items(dcm, "0028,3010");
    if (desc.pixels != SLR_DCM_PIXELS) {
        *status = slr_fail(err, SELORA_BAD_INPUT, "%s", desc.refusal);
        return;
    }
    uint8_t *pixels = malloc(desc.frame_bytes);
    *status =
        pixels ? SELORA_OK : slr_fail(err, SELORA_BAD_INPUT, "no memory for %zu bytes", desc.frame_bytes);
    for (uint32_t k = 0; *status == SELORA_OK && k < desc.frames && k < 3; k++)
        *status = slr_dcm_frame(dcm, desc.frames - 1 - k, pixels, desc.frame_bytes, model, err);
    free(pixels);
}

static selora_status read_damaged(void *context, int64_t index, void *result, slr_error *err)
{
    (void)result;
    const corpus *c = context;
    uint64_t random = 0x9e3779b97f4a7c15u * (uint64_t)(index + 1);
    int which = (int)(index % FILES);
    char name[32], *data = malloc(c->size[which]);
    memcpy(data, c->data[which], c->size[which]);
    size_t size = c->size[which];
    for (uint64_t times = 1 + (step(&random) % 4 == 0); times > 0 && size > 0; times--)
        size = damage(data, size, &random);
    snprintf(name, sizeof name, "m%ld.dcm", (long)index);
    scratch_write(name, data, size);
    free(data);
    slr_dcm *dcm = NULL;
    selora_status status = slr_dcm_open(scratch_path(name), &dcm, err);
    if (status == SELORA_OK)
        read_all(dcm, err, &status);
    slr_dcm_close(dcm);
    unlink(scratch_path(name));
    return status;
}

static selora_status judge(void *context, int64_t index, selora_status status, const char *message,
                           const void *result, slr_error *err)
{
    (void)result;
    corpus *c = context;
    bool told = status == SELORA_OK ||
                (message[0] && !strstr(message, "its decoder") && !strstr(message, "took over"));
    if (!told || (status != SELORA_OK && status != SELORA_BAD_INPUT))
        return slr_fail(err, SELORA_CHECK_FAILED, "damaged file %ld (from %s): status %d, \"%s\"",
                        (long)index, conversions[index % FILES], status, message);
    c->read += status == SELORA_OK;
    c->refused += status != SELORA_OK;
    return SELORA_OK;
}

void dicom_mutations_check(int count)
{
    corpus c = {.read = 0};
    uint16_t frames[2 * 24 * 24];
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 2 * 24 * 24; i++)
        frames[i] = (uint16_t)(step(&random) & 0xfff);
    scratch_write("frames.raw", frames, sizeof frames);
    dicom_fixture("x.dcm",
                  "(0010,0010) PN [Doe^Jane]\n(0028,0008) IS [2]\n(0028,0010) US 24\n(0028,0011) US 24\n"
                  "(0028,1050) DS [2048]\n"
                  "(0028,3010) SQ\n(fffe,e000) na\n(0028,3002) US 2\\7\\16\n(0028,3006) US 1\\65535\n"
                  "(fffe,e00d) na\n(fffe,e0dd) na\n(7fe0,0010) OW =frames.raw\n");
    for (int i = 0; i < FILES; i++) {
        if (!dicom_run("rm -f y.dcm; %s x.dcm y.dcm", conversions[i]))
            fail_msg("%s", conversions[i]);
        c.data[i] = scratch_read("y.dcm", &c.size[i]);
        assert_non_null(c.data[i]);
    }
    slr_error err = {0};
    slr_worker_pool_options options = {.jobs = 2, .max_bytes = (int64_t)1 << 30};
    if (slr_worker_pool_run(&options, count, read_damaged, judge, &c, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    print_message("%d damaged files: %d read, %d refused\n", count, c.read, c.refused);
    assert_int_equal(c.read + c.refused, count);
    assert_true(c.refused > count / 3 && c.read > count / 20); /* neither toothless nor all noise */
    for (int i = 0; i < FILES; i++)
        free(c.data[i]);
}
