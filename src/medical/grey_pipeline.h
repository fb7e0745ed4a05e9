/* SPDX-License-Identifier: MIT
 *
 * From stored values to greys, in the only order that the standard knows (PS3.3 C.11): stored value,
 * padding, modality, values of interest, presentation. The rule is a function of one word, in double;
 * pictures are made by looking up the words that occur, so no pixel is computed in another way.
 *
 *     slr_grey_rule rule = {.bits_allocated = 16, .bits_stored = 12, .high_bit = 11, .slope = 1.0,
 *                           .voi = SLR_VOI_WINDOW, .window = {SLR_VOI_LINEAR, 2000, 1500}};
 *     slr_grey_counts counts;
 *     SLR_TRY(slr_grey_count(&rule, words, n, &counts, err));
 *     SLR_TRY(slr_grey_render(&rule, &counts, words, n, pixels, NULL, err));
 *     slr_grey_counts_free(&counts);
 */
#ifndef SLR_GREY_PIPELINE_H
#define SLR_GREY_PIPELINE_H

#include "medical/lut.h"
#include "medical/picture_facts.h"
#include "medical/voi.h"

typedef struct slr_grey_rule {
    int bits_allocated; /* 8 or 16 */
    int bits_stored, high_bit;
    bool is_signed;
    bool has_padding; /* stored values from low to high are background */
    int32_t padding_low, padding_high;
    const slr_lut *modality_lut; /* or NULL: */
    double slope, intercept;
    slr_voi_source voi;     /* which of the next three holds; SLR_VOI_NONE is not for greys */
    slr_window window;      /* SLR_VOI_WINDOW, SLR_VOI_USER */
    const slr_lut *voi_lut; /* SLR_VOI_LUT */
    double low, high;       /* SLR_VOI_PERCENTILE, _MINMAX, _FULL */
    bool invert;
} slr_grey_rule;

/* SELORA_BAD_INPUT unless bits make sense and slope and intercept are finite, the slope not 0. */
selora_status slr_grey_check(const slr_grey_rule *rule, slr_error *err);

/* The steps, each for itself. `word`: as it lies in memory. */
int32_t slr_grey_stored(const slr_grey_rule *rule, uint32_t word);
bool slr_grey_is_padding(const slr_grey_rule *rule, int32_t stored);
double slr_grey_modality(const slr_grey_rule *rule, int32_t stored);
double slr_grey_voi(const slr_grey_rule *rule, double x);
/* All of them: 0 (black) .. 1 for a word. */
double slr_grey_value(const slr_grey_rule *rule, uint32_t word);

/* Padding as header elements give it: read with either sign, the limit NaN when absent. */
void slr_grey_set_padding(slr_grey_rule *rule, double value, double limit);
/* The least and greatest value that the modality step can give. */
void slr_grey_modality_range(const slr_grey_rule *rule, double *low, double *high);

/* How often each word occurs. */
typedef struct slr_grey_counts {
    uint32_t *of_word; /* 2^bits_allocated */
    size_t words;
} slr_grey_counts;
selora_status slr_grey_count(const slr_grey_rule *rule, const void *words, size_t n, slr_grey_counts *counts,
                             slr_error *err);
void slr_grey_counts_free(slr_grey_counts *counts);
uint64_t slr_grey_padding(const slr_grey_rule *rule, const slr_grey_counts *counts);

/* Percentiles p and 100 - p of what is not padding; p = 0: least and greatest. *found is false when all
 * is padding. */
selora_status slr_grey_percentiles(const slr_grey_rule *rule, const slr_grey_counts *counts, double p,
                                   double *low, double *high, bool *found, slr_error *err);

/* n words to n greys. *constant (may be NULL): all greys are the same. */
selora_status slr_grey_render(const slr_grey_rule *rule, const slr_grey_counts *counts, const void *words,
                              size_t n, float *greys, bool *constant, slr_error *err);

#endif
