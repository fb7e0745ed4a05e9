/* SPDX-License-Identifier: MIT
 *
 * How well pictures fit their prompts, by features of both from one encoder, with the control that tells whether the encoder
 * sees the prompts at all: the same score with prompts shuffled so that no picture keeps its own.
 *
 *     slr_text_scores scores;
 *     SLR_TRY(slr_text_judge(images, texts, prompts, count, dim, seed, item, &scores, err));
 *     printf("clip100 %.2f, shuffled %.2f\n", scores.clip100, scores.shuffled100);
 */
#ifndef SLR_TEXT_SCORES_H
#define SLR_TEXT_SCORES_H

#include <stdbool.h>

#include "eval/bootstrap.h"

enum { SLR_RETRIEVAL_CHOICES = 50 };

typedef struct slr_text_scores {
    double clip100;          /* 100 max(mean cos, 0), as torchmetrics has it */
    double clip25;           /* mean of 2.5 max(cos, 0): Hessel et al. 2021 */
    double mean_cos, sd_cos; /* raw; sd with divisor n - 1 */
    double shuffled100, shuffled25;
    slr_bootstrap own;     /* of cos with own prompts, over prompts */
    slr_bootstrap matched; /* of cos with the own prompt minus cos with a wrong one */
    bool sees_prompts;     /* the interval of `matched` lies above 0 */
    int choices;           /* prompts that retrieval chooses among: 50, or all there are */
    double recall1, recall5; /* ties count half; chance is 1 / choices and 5 / choices */
} slr_text_scores;

double slr_cosine(const double *a, const double *b, size_t dim);

/* images, texts (count, dim): row i has prompt number prompts[i], dense from 0. At least two different prompts. */
selora_status slr_text_judge(const double *images, const double *texts, const int32_t *prompts, size_t count, size_t dim,
                             uint64_t seed, uint32_t item, slr_text_scores *scores, slr_error *err);

/* partner[i] is a row with another prompt; each row is partner of one other. SELORA_BAD_INPUT where more than half of the
 * rows share a prompt. */
selora_status slr_derangement(const int32_t *prompts, size_t count, uint64_t seed, uint32_t item, uint32_t *partner,
                              slr_error *err);

#endif
