/* SPDX-License-Identifier: MIT */
#include "medical/grey_pipeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

selora_status slr_grey_check(const slr_grey_rule *rule, slr_error *err)
{
    if ((rule->bits_allocated != 8 && rule->bits_allocated != 16) || rule->bits_stored < 1 ||
        rule->bits_stored > rule->bits_allocated || rule->high_bit >= rule->bits_allocated ||
        rule->high_bit < rule->bits_stored - 1)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "(0028,0100) Bits Allocated %d, (0028,0101) Bits Stored %d, (0028,0102) High Bit %d "
                        "contradict each other",
                        rule->bits_allocated, rule->bits_stored, rule->high_bit);
    if (!rule->modality_lut && (!isfinite(rule->slope) || !isfinite(rule->intercept) || rule->slope == 0.0))
        return slr_fail(
            err, SELORA_BAD_INPUT,
            "(0028,1053) Rescale Slope %g, (0028,1052) Rescale Intercept %g: finite numbers and a slope "
            "other than 0 are expected",
            rule->slope, rule->intercept);
    return SELORA_OK;
}

/* ---- one value ---- */

int32_t slr_grey_stored(const slr_grey_rule *rule, uint32_t word)
{
    int shift = rule->high_bit - rule->bits_stored + 1;
    uint32_t range = 1u << rule->bits_stored, value = (word >> shift) & (range - 1);
    if (rule->is_signed && value & (range >> 1))
        return (int32_t)value - (int32_t)range;
    return (int32_t)value;
}

bool slr_grey_is_padding(const slr_grey_rule *rule, int32_t stored)
{
    return rule->has_padding && stored >= rule->padding_low && stored <= rule->padding_high;
}

double slr_grey_modality(const slr_grey_rule *rule, int32_t stored)
{
    if (rule->modality_lut)
        return slr_lut_value(rule->modality_lut, stored);
    return stored * rule->slope + rule->intercept;
}

double slr_grey_voi(const slr_grey_rule *rule, double x)
{
    switch (rule->voi) {
    case SLR_VOI_LUT:
        return slr_lut_grey(rule->voi_lut, x);
    case SLR_VOI_WINDOW:
    case SLR_VOI_USER:
        return slr_window_grey(&rule->window, x);
    default:
        return slr_range_grey(rule->low, rule->high, x);
    }
}

double slr_grey_value(const slr_grey_rule *rule, uint32_t word)
{
    int32_t stored = slr_grey_stored(rule, word);
    if (slr_grey_is_padding(rule, stored))
        return 0.0; /* background is black in a negative too */
    double y = slr_grey_voi(rule, slr_grey_modality(rule, stored));
    return rule->invert ? 1.0 - y : y;
}

/* ---- padding and range ---- */

static int32_t padding_value(const slr_grey_rule *rule, double number)
{
    int32_t value = (int32_t)number;
    if (!rule->is_signed)
        return value < 0 ? value & 0xffff : value;
    int32_t range = 1 << rule->bits_stored;
    if (value >= 32768)
        return (int16_t)value;
    return value >= range / 2 && value < range ? value - range : value; /* written without its sign */
}

void slr_grey_set_padding(slr_grey_rule *rule, double value, double limit)
{
    rule->has_padding = value >= -32768.0 && value <= 65535.0;
    if (!rule->has_padding)
        return;
    bool ranged = limit >= -32768.0 && limit <= 65535.0;
    int32_t p = padding_value(rule, value), q = ranged ? padding_value(rule, limit) : p;
    rule->padding_low = p < q ? p : q;
    rule->padding_high = p < q ? q : p;
}

void slr_grey_modality_range(const slr_grey_rule *rule, double *low, double *high)
{
    int32_t range = 1 << rule->bits_stored;
    if (rule->modality_lut) {
        *low = 0.0;
        *high = (double)((1u << rule->modality_lut->bits) - 1);
        return;
    }
    double a = slr_grey_modality(rule, rule->is_signed ? -(range / 2) : 0);
    double b = slr_grey_modality(rule, rule->is_signed ? range / 2 - 1 : range - 1);
    *low = fmin(a, b);
    *high = fmax(a, b);
}

/* ---- many values ---- */

selora_status slr_grey_count(const slr_grey_rule *rule, const void *words, size_t n, slr_grey_counts *counts,
                             slr_error *err)
{
    counts->words = (size_t)1 << rule->bits_allocated;
    counts->of_word = slr_alloc(counts->words, sizeof *counts->of_word);
    if (!counts->of_word)
        return slr_fail_memory(err, counts->words * sizeof *counts->of_word, "counts of pixel values");
    const uint8_t *bytes = words;
    const uint16_t *wide = words;
    if (rule->bits_allocated == 8)
        for (size_t i = 0; i < n; i++)
            counts->of_word[bytes[i]]++;
    else
        for (size_t i = 0; i < n; i++)
            counts->of_word[wide[i]]++;
    return SELORA_OK;
}

void slr_grey_counts_free(slr_grey_counts *counts)
{
    free(counts->of_word);
    memset(counts, 0, sizeof *counts);
}

uint64_t slr_grey_padding(const slr_grey_rule *rule, const slr_grey_counts *counts)
{
    uint64_t padding = 0;
    for (size_t word = 0; rule->has_padding && word < counts->words; word++)
        if (slr_grey_is_padding(rule, slr_grey_stored(rule, (uint32_t)word)))
            padding += counts->of_word[word];
    return padding;
}

selora_status slr_grey_percentiles(const slr_grey_rule *rule, const slr_grey_counts *counts, double p,
                                   double *low, double *high, bool *found, slr_error *err)
{
    size_t n = 0;
    slr_value_count *values = slr_alloc(counts->words, sizeof *values);
    if (!values)
        return slr_fail_memory(err, counts->words * sizeof *values, "percentiles");
    for (size_t i = 0; i < counts->words; i++) {
        /* as words, negative values lie behind the others: from there on all are in order already */
        size_t word = rule->is_signed ? i ^ (counts->words >> 1) : i;
        int32_t stored = slr_grey_stored(rule, (uint32_t)word);
        if (counts->of_word[word] && !slr_grey_is_padding(rule, stored))
            values[n++] = (slr_value_count){slr_grey_modality(rule, stored), counts->of_word[word]};
    }
    *found = n > 0;
    slr_value_counts_sort(values, n);
    if (*found) {
        *low = slr_percentile(values, n, p);
        *high = slr_percentile(values, n, 100.0 - p);
    }
    free(values);
    return SELORA_OK;
}

selora_status slr_grey_render(const slr_grey_rule *rule, const slr_grey_counts *counts, const void *words,
                              size_t n, float *greys, bool *constant, slr_error *err)
{
    float *table = slr_alloc(counts->words, sizeof *table), least = 2.0f, greatest = -1.0f;
    if (!table)
        return slr_fail_memory(err, counts->words * sizeof *table, "a table of greys");
    for (size_t word = 0; word < counts->words; word++)
        if (counts->of_word[word]) {
            table[word] = (float)slr_grey_value(rule, (uint32_t)word);
            least = fminf(least, table[word]);
            greatest = fmaxf(greatest, table[word]);
        }
    const uint8_t *bytes = words;
    const uint16_t *wide = words;
    if (rule->bits_allocated == 8)
        for (size_t i = 0; i < n; i++)
            greys[i] = table[bytes[i]];
    else
        for (size_t i = 0; i < n; i++)
            greys[i] = table[wide[i]];
    if (constant)
        *constant = !(least < greatest);
    free(table);
    return SELORA_OK;
}
