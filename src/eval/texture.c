/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "eval/texture_parts.h"

enum { MOST_LEVELS = 1 << 20, MOST_SIDE = 1 << 14 };

const int slr_texture_directions[4][2] = {{0, 1}, {1, 1}, {1, 0}, {1, -1}};

selora_status slr_texture_new(size_t most, slr_texture **result, slr_error *err)
{
    slr_texture *t = *result = slr_alloc(1, sizeof *t);
    if (!t)
        return slr_fail_memory(err, sizeof *t, "radiomic features");
    t->most = most;
    t->levels = slr_alloc(most, sizeof *t->levels);
    t->sorted = slr_alloc(most, sizeof *t->sorted);
    t->first = slr_alloc(most, sizeof *t->first);
    t->second = slr_alloc(most, sizeof *t->second);
    t->by_first = slr_alloc(most, sizeof *t->by_first);
    t->cells = slr_alloc(most, sizeof *t->cells);
    t->stack = slr_alloc(most, sizeof *t->stack);
    if (t->levels && t->sorted && t->first && t->second && t->by_first && t->cells && t->stack)
        return SELORA_OK;
    slr_texture_free(t);
    *result = NULL;
    return slr_fail_memory(err, most * (sizeof *t->cells + sizeof *t->sorted + 5 * sizeof *t->first),
                           "radiomic features");
}

static void free_levels(slr_texture *t)
{
    free(t->level_counts);
    free(t->starts);
    free(t->seen);
    for (int i = 0; i < 4; i++)
        free(t->by_level[i]);
    t->level_counts = NULL;
    t->starts = NULL;
    t->seen = NULL;
    memset(t->by_level, 0, sizeof t->by_level);
    t->level_room = 0;
}

void slr_texture_free(slr_texture *t)
{
    if (!t)
        return;
    free_levels(t);
    free(t->levels);
    free(t->sorted);
    free(t->first);
    free(t->second);
    free(t->by_first);
    free(t->cells);
    free(t->stack);
    free(t);
}

/* Room for that many levels, kept for the pictures after it. */
static selora_status make_room(slr_texture *t, int levels, slr_error *err)
{
    if (levels <= t->level_room)
        return SELORA_OK;
    int room = levels < 1024 ? 1024 : levels + levels / 2;
    free_levels(t);
    t->level_counts = slr_alloc((size_t)room + 2, sizeof *t->level_counts);
    t->starts = slr_alloc((size_t)room + 2, sizeof *t->starts);
    t->seen = slr_alloc(t->most + (size_t)room + 2, sizeof *t->seen);
    bool there = t->level_counts && t->starts && t->seen;
    for (int i = 0; i < 4; i++) {
        t->by_level[i] = slr_alloc(2 * (size_t)room + 2, sizeof **t->by_level);
        there = there && t->by_level[i];
    }
    if (!there)
        return slr_fail_memory(err, (size_t)room * 12 * sizeof **t->by_level, "radiomic features");
    t->level_room = room;
    return SELORA_OK;
}

/* Values in the order of their levels. */
static void sort_by_level(slr_texture *t)
{
    size_t pixels = slr_texture_pixels(t), place = 0;
    for (int i = 1; i <= t->level_count; i++) {
        t->starts[i] = place;
        place += (size_t)t->level_counts[i];
    }
    for (size_t i = 0; i < pixels; i++)
        t->sorted[t->starts[t->levels[i]]++] = t->values[i];
}

selora_status slr_texture_levels(slr_texture *t, const double *values, int width, int height,
                                 double bin_width, slr_error *err)
{
    t->width = width;
    t->height = height;
    t->values = values;
    size_t pixels = slr_texture_pixels(t);
    if (width < 1 || height < 1 || width > MOST_SIDE || height > MOST_SIDE || pixels > t->most)
        return slr_fail(err, SELORA_USAGE, "radiomics: a picture of %d x %d pixels; %zu were announced",
                        width, height, t->most);
    double least = values[0], largest = values[0];
    for (size_t i = 1; i < pixels; i++) {
        least = values[i] < least ? values[i] : least;
        largest = values[i] > largest ? values[i] : largest;
    }
    t->least = least;
    t->largest = largest;
    double base = floor(least / bin_width), levels = floor(largest / bin_width) - base + 1;
    if (!(levels >= 1 && levels <= MOST_LEVELS))
        return slr_fail(err, SELORA_NUMERIC, "radiomics: the picture has more than %d grey levels",
                        MOST_LEVELS);
    t->level_count = (int)levels;
    SLR_TRY(make_room(t, t->level_count, err));
    memset(t->level_counts, 0, ((size_t)t->level_count + 1) * sizeof *t->level_counts);
    for (size_t i = 0; i < pixels; i++)
        t->level_counts[t->levels[i] = (int32_t)(floor(values[i] / bin_width) - base) + 1]++;
    sort_by_level(t);
    return SELORA_OK;
}

/* ---- pairs ---- */

/* Pairs by their first, then one row after the other. */
static void count_row(slr_texture *t, int first, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        int32_t second = t->by_first[i];
        if (t->seen[second]++ == 0)
            t->cells[t->cell_count++] = (slr_pair_cell){.first = first, .second = second};
    }
    for (size_t i = t->cell_count; i > 0 && t->cells[i - 1].first == first; i--) {
        t->cells[i - 1].count = t->seen[t->cells[i - 1].second];
        t->seen[t->cells[i - 1].second] = 0;
    }
}

void slr_texture_count_pairs(slr_texture *t)
{
    size_t *starts = t->starts, place = 0;
    memset(starts, 0, ((size_t)t->level_count + 1) * sizeof *starts);
    for (size_t i = 0; i < t->pairs; i++)
        starts[t->first[i]]++;
    for (int level = 1; level <= t->level_count; level++) {
        size_t count = starts[level];
        starts[level] = place;
        place += count;
    }
    for (size_t i = 0; i < t->pairs; i++)
        t->by_first[starts[t->first[i]]++] = t->second[i];
    t->cell_count = 0;
    for (int level = 1; level <= t->level_count; level++) /* starts[level] is where the level ends by now */
        count_row(t, level, level > 1 ? starts[level - 1] : 0, starts[level]);
}

double slr_texture_entropy(const double *shares, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        if (shares[i] > 0)
            sum -= shares[i] * log2(shares[i]);
    return sum;
}

/* ---- all of it ---- */

void slr_texture_features(slr_texture *t, double shift, double features[SLR_TEXTURE_FEATURES])
{
    slr_texture_first_order(t, shift, features);
    slr_texture_glcm(t, features += SLR_FIRST_ORDER_FEATURES);
    slr_texture_glrlm(t, features += SLR_GLCM_FEATURES);
    slr_texture_glszm(t, features += SLR_GLRLM_FEATURES);
    slr_texture_ngtdm(t, features + SLR_GLSZM_FEATURES);
}

const char *slr_texture_feature_name(int feature)
{
    static const char *const names[SLR_TEXTURE_FEATURES] = {
        "firstorder/Mean",
        "firstorder/Median",
        "firstorder/Minimum",
        "firstorder/Maximum",
        "firstorder/Range",
        "firstorder/Variance",
        "firstorder/Skewness",
        "firstorder/Kurtosis",
        "firstorder/Energy",
        "firstorder/RootMeanSquared",
        "firstorder/MeanAbsoluteDeviation",
        "firstorder/RobustMeanAbsoluteDeviation",
        "firstorder/InterquartileRange",
        "firstorder/10Percentile",
        "firstorder/90Percentile",
        "firstorder/Entropy",
        "firstorder/Uniformity",
        "glcm/Autocorrelation",
        "glcm/JointAverage",
        "glcm/ClusterTendency",
        "glcm/ClusterShade",
        "glcm/ClusterProminence",
        "glcm/Contrast",
        "glcm/Correlation",
        "glcm/DifferenceAverage",
        "glcm/DifferenceVariance",
        "glcm/DifferenceEntropy",
        "glcm/JointEnergy",
        "glcm/JointEntropy",
        "glcm/MaximumProbability",
        "glcm/SumEntropy",
        "glcm/SumSquares",
        "glcm/Id",
        "glcm/Idn",
        "glcm/Idm",
        "glcm/Idmn",
        "glcm/InverseVariance",
        "glcm/Imc1",
        "glcm/Imc2",
        "glrlm/ShortRunEmphasis",
        "glrlm/LongRunEmphasis",
        "glrlm/GrayLevelNonUniformity",
        "glrlm/GrayLevelNonUniformityNormalized",
        "glrlm/RunLengthNonUniformity",
        "glrlm/RunLengthNonUniformityNormalized",
        "glrlm/RunPercentage",
        "glrlm/GrayLevelVariance",
        "glrlm/RunVariance",
        "glrlm/RunEntropy",
        "glrlm/LowGrayLevelRunEmphasis",
        "glrlm/HighGrayLevelRunEmphasis",
        "glrlm/ShortRunLowGrayLevelEmphasis",
        "glrlm/ShortRunHighGrayLevelEmphasis",
        "glrlm/LongRunLowGrayLevelEmphasis",
        "glrlm/LongRunHighGrayLevelEmphasis",
        "glszm/SmallAreaEmphasis",
        "glszm/LargeAreaEmphasis",
        "glszm/GrayLevelNonUniformity",
        "glszm/GrayLevelNonUniformityNormalized",
        "glszm/SizeZoneNonUniformity",
        "glszm/SizeZoneNonUniformityNormalized",
        "glszm/ZonePercentage",
        "glszm/GrayLevelVariance",
        "glszm/ZoneVariance",
        "glszm/ZoneEntropy",
        "glszm/LowGrayLevelZoneEmphasis",
        "glszm/HighGrayLevelZoneEmphasis",
        "glszm/SmallAreaLowGrayLevelEmphasis",
        "glszm/SmallAreaHighGrayLevelEmphasis",
        "glszm/LargeAreaLowGrayLevelEmphasis",
        "glszm/LargeAreaHighGrayLevelEmphasis",
        "ngtdm/Coarseness",
        "ngtdm/Contrast",
        "ngtdm/Busyness",
        "ngtdm/Complexity",
        "ngtdm/Strength",
    };
    return names[feature];
}
