/* SPDX-License-Identifier: MIT */
#include "eval/radiomics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"
#include "eval/wavelet.h"

static const double spread = 100, bin_width = 5, shift = 300, least_deviation = 1e-6, least_detail = 1e-9;

/* LH: H along y, L along x. */
static const struct {
    const char *name;
    slr_wavelet_filter down, across;
} bands[SLR_RADIOMICS_BANDS] = {
    {"orig", SLR_WAVELET_LOW, SLR_WAVELET_LOW}, /* not filtered */
    {"LH", SLR_WAVELET_HIGH, SLR_WAVELET_LOW},  {"HL", SLR_WAVELET_LOW, SLR_WAVELET_HIGH},
    {"HH", SLR_WAVELET_HIGH, SLR_WAVELET_HIGH}, {"LL", SLR_WAVELET_LOW, SLR_WAVELET_LOW},
};

struct slr_radiomics {
    int side;
    slr_texture *texture;
    double *values, *scratch, *band; /* (side, side) */
};

selora_status slr_radiomics_new(int side, slr_radiomics **result, slr_error *err)
{
    enum { LEAST = 16, MOST = 4096 };
    *result = NULL;
    if (side < LEAST || side > MOST || side % 2)
        return slr_fail(err, SELORA_USAGE,
                        "radiomics: pictures of %d pixels a side; an even number from %d to %d is needed",
                        side, LEAST, MOST);
    size_t pixels = (size_t)side * (size_t)side;
    slr_radiomics *r = slr_alloc(1, sizeof *r);
    if (!r)
        return slr_fail_memory(err, sizeof *r, "radiomic features");
    r->side = side;
    r->values = slr_alloc(pixels, sizeof *r->values);
    r->scratch = slr_alloc(pixels, sizeof *r->scratch);
    r->band = slr_alloc(pixels, sizeof *r->band);
    selora_status status = r->values && r->scratch && r->band
                               ? slr_texture_new(pixels, &r->texture, err)
                               : slr_fail_memory(err, 3 * pixels * sizeof *r->band, "radiomic features");
    if (status != SELORA_OK)
        slr_radiomics_free(r);
    else
        *result = r;
    return status;
}

void slr_radiomics_free(slr_radiomics *r)
{
    if (!r)
        return;
    slr_texture_free(r->texture);
    free(r->values);
    free(r->scratch);
    free(r->band);
    free(r);
}

/* To mean 0 and deviation 100 (divisor n - 1); false where there is none. */
static bool normalise(const double *grey, size_t pixels, double *values)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < pixels; i++)
        sum += grey[i];
    double mean = sum / (double)pixels;
    for (size_t i = 0; i < pixels; i++)
        squares += (grey[i] - mean) * (grey[i] - mean);
    double deviation = sqrt(squares / (double)(pixels - 1));
    if (!(deviation >= least_deviation))
        return false;
    for (size_t i = 0; i < pixels; i++)
        values[i] = spread * (grey[i] - mean) / deviation;
    return true;
}

/* Flat parts of a picture (black around a head) are 0 in the bands but for rounding, and 0 is an edge between
 * two levels: noise must not choose the side. */
static void take_band(slr_radiomics *r, int b)
{
    size_t pixels = (size_t)r->side * (size_t)r->side;
    slr_wavelet_band(r->values, r->side, r->side, bands[b].down, bands[b].across, r->scratch, r->band);
    for (size_t i = 0; i < pixels; i++)
        r->band[i] = fabs(r->band[i]) < least_detail ? 0 : r->band[i];
}

selora_status slr_radiomics_run(slr_radiomics *r, const double *grey, double features[SLR_RADIOMICS_FEATURES],
                                bool *constant, slr_error *err)
{
    *constant = !normalise(grey, (size_t)r->side * (size_t)r->side, r->values);
    for (int b = 0; b < SLR_RADIOMICS_BANDS && !*constant; b++) {
        const double *band = b == 0 ? r->values : r->band;
        if (b > 0)
            take_band(r, b);
        SLR_TRY(slr_texture_levels(r->texture, band, r->side, r->side, bin_width, err));
        slr_texture_features(r->texture, shift, features + b * SLR_TEXTURE_FEATURES);
    }
    return SELORA_OK;
}

void slr_radiomics_feature_name(int feature, char name[64])
{
    snprintf(name, 64, "%s/%s", bands[feature / SLR_TEXTURE_FEATURES].name,
             slr_texture_feature_name(feature % SLR_TEXTURE_FEATURES));
}
