/* SPDX-License-Identifier: MIT */
#include "eval/ms_ssim.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "core/rng.h"

enum { TAPS = 11, SCALES = 5 };

static const double c1 = 1e-4, c2 = 9e-4; /* (0.01 L)^2, (0.03 L)^2, L = 1 */
static const double exponents[SCALES] = {0.0448, 0.2856, 0.3001, 0.2363, 0.1333};

/* Five blurred maps, a product, what is between the two passes of a blur, and two halved pictures of every scale. */
size_t slr_ms_ssim_scratch(size_t width, size_t height)
{
    return 8 * width * height;
}

static void fill_taps(double taps[TAPS])
{
    double sum = 0;
    for (int i = 0; i < TAPS; i++) {
        taps[i] = exp(-(i - 5) * (i - 5) / (2 * 1.5 * 1.5));
        sum += taps[i];
    }
    for (int i = 0; i < TAPS; i++)
        taps[i] /= sum;
}

/* out (height - 10, width - 10) of in (height, width); `between` (height, width - 10). */
static void blur(const double *in, size_t width, size_t height, const double taps[TAPS], double *between, double *out)
{
    size_t w = width - TAPS + 1, h = height - TAPS + 1;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < w; x++) {
            double sum = 0;
            for (size_t t = 0; t < TAPS; t++)
                sum += taps[t] * in[y * width + x + t];
            between[y * w + x] = sum;
        }
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            double sum = 0;
            for (size_t t = 0; t < TAPS; t++)
                sum += taps[t] * between[(y + t) * w + x];
            out[y * w + x] = sum;
        }
}

/* Means over the map of cs and of l cs. */
static void compare(const double *a, const double *b, size_t width, size_t height, double *scratch, double *cs, double *lcs)
{
    size_t cells = width * height, w = width - TAPS + 1, h = height - TAPS + 1;
    double taps[TAPS], *product = scratch + 5 * cells, *between = scratch + 6 * cells;
    double *maps[5];
    fill_taps(taps);
    for (int k = 0; k < 5; k++) {
        const double *left = k == 1 || k == 3 ? b : a, *right = k == 2 ? a : b;
        maps[k] = scratch + (size_t)k * cells;
        for (size_t i = 0; k >= 2 && i < cells; i++)
            product[i] = left[i] * right[i];
        blur(k >= 2 ? product : left, width, height, taps, between, maps[k]);
    }
    *cs = *lcs = 0;
    for (size_t i = 0; i < w * h; i++) {
        double ma = maps[0][i], mb = maps[1][i];
        double saa = maps[2][i] - ma * ma, sbb = maps[3][i] - mb * mb, sab = maps[4][i] - ma * mb;
        double contrast = (2 * sab + c2) / (saa + sbb + c2);
        *cs += contrast;
        *lcs += contrast * (2 * ma * mb + c1) / (ma * ma + mb * mb + c1);
    }
    *cs /= (double)(w * h);
    *lcs /= (double)(w * h);
}

double slr_ssim(const double *a, const double *b, size_t width, size_t height, double *contrast, double *scratch)
{
    double cs, lcs;
    compare(a, b, width, height, scratch, &cs, &lcs);
    if (contrast)
        *contrast = cs;
    return lcs;
}

static void halve(const double *in, size_t width, size_t height, double *out)
{
    for (size_t y = 0; y < height / 2; y++)
        for (size_t x = 0; x < width / 2; x++) {
            const double *at = in + 2 * y * width + 2 * x;
            out[y * (width / 2) + x] = 0.25 * ((at[0] + at[1]) + (at[width] + at[width + 1]));
        }
}

/* Halved pictures lie behind the seven maps: a quarter, a sixteenth .. of a picture each, two of each. */
double slr_ms_ssim(const double *a, const double *b, size_t width, size_t height, double *scratch)
{
    double similarity = 1, *free_space = scratch + 7 * width * height;
    for (int scale = 0; scale < SCALES; scale++) {
        double cs, lcs;
        compare(a, b, width, height, scratch, &cs, &lcs);
        double part = scale + 1 < SCALES ? cs : lcs;
        similarity *= part > 0 ? pow(part, exponents[scale]) : 0;
        if (scale + 1 == SCALES)
            break;
        size_t cells = (width / 2) * (height / 2);
        halve(a, width, height, free_space);
        halve(b, width, height, free_space + cells);
        a = free_space;
        b = free_space + cells;
        free_space += 2 * cells;
        width /= 2;
        height /= 2;
    }
    return similarity;
}

bool slr_groups_paired(const int32_t *groups, size_t count)
{
    int32_t *sizes = slr_alloc(count + 1, sizeof *sizes);
    bool paired = sizes && count > 1;
    for (size_t i = 0; sizes && i < count; i++)
        sizes[groups[i]]++;
    for (size_t i = 0; paired && i < count; i++)
        paired = sizes[groups[i]] > 1;
    free(sizes);
    return paired;
}

static size_t count_pairs(const int32_t *groups, size_t count, slr_pairing wanted)
{
    size_t pairs = 0;
    if (wanted != SLR_PAIRS_SAME_PROMPT)
        return count * (count - 1) / 2;
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            pairs += groups[i] == groups[j];
    return pairs;
}

selora_status slr_draw_pairs(const int32_t *groups, size_t count, slr_pairing wanted, size_t most, uint64_t seed,
                             uint32_t item, slr_picture_pair **pairs, size_t *pair_count, slr_error *err)
{
    size_t all = count > 1 ? count_pairs(groups, count, wanted) : 0, kept = 0, seen = 0;
    slr_rng rng = slr_rng_at(seed, SLR_STREAM_JUDGING, item, 0);
    size_t size = all < most ? all : most;
    *pair_count = 0;
    *pairs = slr_alloc(size + 1, sizeof **pairs);
    if (!*pairs)
        return slr_fail_memory(err, size * sizeof **pairs, "pairs of pictures");
    /* selection sampling: pair number `seen` joins with probability (wanted - kept) / (all - seen) */
    for (size_t i = 0; i < count && kept < size; i++)
        for (size_t j = i + 1; j < count && kept < size; j++) {
            if (wanted == SLR_PAIRS_SAME_PROMPT && groups[i] != groups[j])
                continue;
            if (slr_rng_uniform(&rng) * (double)(all - seen) < (double)(size - kept))
                (*pairs)[kept++] = (slr_picture_pair){(uint32_t)i, (uint32_t)j};
            seen++;
        }
    *pair_count = kept;
    return SELORA_OK;
}
