/* SPDX-License-Identifier: MIT
 * The pass over the pixels of an image set: facts, hashes, colours. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/problems.h"
#include "eval/image_set_build.h"
#include "io/image.h"
#include "io/regular_file.h"

enum { MAX_PICTURE_BYTES = 1 << 30, TOGETHER = 8 /* pictures a thread between two looks at the hooks */ };

/* What one picture failed with; SELORA_OK for most. */
typedef struct outcome {
    selora_status status;
    char message[400];
} outcome;

/* A sample as a whole number of 16 bits: 8-bit samples times 257. */
static int whole(float value)
{
    return (int)lrint(65535.0 * (double)value);
}

static bool is_grey(const slr_image *image)
{
    size_t values = (size_t)image->width * (size_t)image->height * 3;
    for (size_t i = 0; image->channels == 3 && i < values; i += 3)
        if (image->pixels[i] != image->pixels[i + 1] || image->pixels[i] != image->pixels[i + 2])
            return false;
    return true;
}

/* Over 16-bit samples; grey in three channels counts as grey. */
static selora_status hash_pixels(const slr_image *image, bool grey, char hex[SLR_SHA256_HEX], slr_error *err)
{
    size_t channels = grey ? 1 : (size_t)image->channels, row = (size_t)image->width * channels;
    size_t step = grey ? (size_t)image->channels : 1;
    unsigned char *bytes = slr_alloc(row, 2);
    slr_sha256 *hash = slr_sha256_new();
    if (!bytes || !hash) {
        free(bytes);
        slr_sha256_free(hash);
        return slr_fail_memory(err, 2 * row, "the checksum of a picture");
    }
    char head[64];
    int length =
        snprintf(head, sizeof head, "selora pixels 1 %d %d %zu", image->width, image->height, channels);
    slr_sha256_update(hash, head, (size_t)length + 1);
    for (int y = 0; y < image->height; y++) {
        const float *from = image->pixels + (size_t)y * row * step;
        for (size_t i = 0; i < row; i++) {
            int sample = whole(from[i * step]);
            bytes[2 * i] = (unsigned char)(sample & 255);
            bytes[2 * i + 1] = (unsigned char)(sample >> 8);
        }
        slr_sha256_update(hash, bytes, 2 * row);
    }
    free(bytes);
    slr_sha256_finish(hash, hex);
    return *hex ? SELORA_OK : slr_fail(err, SELORA_NO_RESOURCE, "libcrypto cannot compute a SHA-256");
}

/* ---- colours ---- */

static void count_colours(const slr_image *image, bool grey, uint64_t counts[SLR_COLOUR_STEPS])
{
    size_t pixels = (size_t)image->width * (size_t)image->height;
    if (grey)
        counts[0] += pixels;
    for (size_t i = 0; !grey && i < pixels; i++) {
        const float *p = image->pixels + 3 * i;
        int r = whole(p[0]), g = whole(p[1]), b = whole(p[2]);
        int low = r < g ? r : g, high = r < g ? g : r;
        counts[(b > high ? b : high) - (b < low ? b : low)]++;
    }
}

/* The residual of the pixel of that rank. */
static double ranked(const uint64_t counts[SLR_COLOUR_STEPS], uint64_t rank)
{
    int step = 0;
    for (uint64_t below = counts[0]; below <= rank && step < SLR_COLOUR_STEPS - 1; below += counts[step])
        step++;
    return step / 257.0;
}

/* Percentile linear between the ranks around 0.99 (n - 1). */
static slr_colour_residual residual_of(const uint64_t counts[SLR_COLOUR_STEPS])
{
    uint64_t pixels = 0;
    double sum = 0;
    for (int i = 0; i < SLR_COLOUR_STEPS; i++) {
        pixels += counts[i];
        sum += (double)counts[i] * i;
    }
    if (pixels == 0)
        return (slr_colour_residual){0, 0};
    double place = 0.99 * (double)(pixels - 1), part = place - floor(place);
    uint64_t rank = (uint64_t)place;
    double low = ranked(counts, rank), high = part > 0 ? ranked(counts, rank + 1) : low;
    return (slr_colour_residual){sum / 257.0 / (double)pixels, low + part * (high - low)};
}

slr_colour_residual slr_image_set_colour(const slr_image_set *set)
{
    return residual_of(set->colour);
}

/* ---- pictures ---- */

/* `counts`: of this picture, cleared by the caller. */
static selora_status scan_picture(slr_image_item *item, uint64_t counts[SLR_COLOUR_STEPS], slr_error *err)
{
    char name[48], *bytes;
    size_t size;
    slr_image image = {0};
    snprintf(name, sizeof name, "picture of row %lld", (long long)item->row);
    SLR_TRY(slr_read_file(item->path, MAX_PICTURE_BYTES, &bytes, &size, err));
    item->lossy = size > 2 && memcmp(bytes, "\xff\xd8", 2) == 0;
    selora_status status = slr_image_read_memory(bytes, size, name, NULL, &image, err);
    free(bytes);
    SLR_TRY(status);
    bool grey = is_grey(&image);
    item->width = image.width;
    item->height = image.height;
    item->channels = image.channels;
    item->bits = image.bits;
    count_colours(&image, grey, counts);
    slr_colour_residual colour = residual_of(counts);
    item->colour_mean = colour.mean;
    item->colour_p99 = colour.p99;
    status = hash_pixels(&image, grey, item->sha256, err);
    slr_image_free(&image);
    return status;
}

static void scan_one(slr_image_set *set, size_t index, outcome *result)
{
    slr_error detail = {0};
    uint64_t *counts = slr_alloc(SLR_COLOUR_STEPS, sizeof *counts);
    result->status =
        counts ? scan_picture(&set->items[index], counts, &detail)
               : slr_fail_memory(&detail, SLR_COLOUR_STEPS * sizeof *counts, "the colours of a picture");
    snprintf(result->message, sizeof result->message, "%s", detail.message);
    if (result->status == SELORA_OK) {
#pragma omp critical(slr_image_set_colours)
        for (int i = 0; i < SLR_COLOUR_STEPS; i++)
            set->colour[i] += counts[i];
    }
    free(counts);
}

/* Damaged pictures become problems, other failures end the pass. */
static selora_status take_outcomes(const outcome *outcomes, size_t count, slr_problems *problems,
                                   slr_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (outcomes[i].status == SELORA_BAD_INPUT)
            slr_problems_add(problems, "%s", outcomes[i].message);
        else if (outcomes[i].status != SELORA_OK)
            return slr_fail(err, outcomes[i].status, "%s", outcomes[i].message);
    return SELORA_OK;
}

static selora_status scan_all(slr_image_set *set, int threads, outcome *outcomes, const slr_hooks *hooks,
                              slr_error *err)
{
    slr_task task = slr_task_begin(hooks, "reading pictures", (int64_t)set->count);
    slr_problems problems = {0};
    size_t together = (size_t)threads * TOGETHER;
    for (size_t first = 0; first < set->count; first += together) {
        size_t count = set->count - first < together ? set->count - first : together;
        if (slr_interrupted(hooks))
            return slr_fail(err, SELORA_INTERRUPTED, "interrupted while reading pictures");
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
        for (size_t i = 0; i < count; i++)
            scan_one(set, first + i, &outcomes[i]);
        SLR_TRY(take_outcomes(outcomes, count, &problems, err));
        slr_task_report(&task, (int64_t)(first + count), NULL);
    }
    return slr_problems_report(&problems, set->folder, err);
}

static selora_status hash_set(slr_image_set *set, slr_error *err)
{
    slr_sha256 *hash = slr_sha256_new();
    if (!hash)
        return slr_fail(err, SELORA_NO_RESOURCE, "libcrypto cannot compute a SHA-256");
    for (size_t i = 0; i < set->count; i++)
        slr_sha256_update(hash, set->items[i].sha256, SLR_SHA256_HEX - 1);
    slr_sha256_finish(hash, set->sha256);
    return *set->sha256 ? SELORA_OK : slr_fail(err, SELORA_NO_RESOURCE, "libcrypto cannot compute a SHA-256");
}

selora_status slr_image_set_scan(slr_image_set *set, int threads, const slr_hooks *hooks, slr_error *err)
{
    outcome *outcomes = slr_alloc((size_t)threads * TOGETHER, sizeof *outcomes);
    if (!outcomes)
        return slr_fail_memory(err, (size_t)threads * TOGETHER * sizeof *outcomes, "reading pictures");
    selora_status status = scan_all(set, threads, outcomes, hooks, err);
    free(outcomes);
    return status == SELORA_OK ? hash_set(set, err) : status;
}
