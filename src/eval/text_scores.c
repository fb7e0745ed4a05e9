/* SPDX-License-Identifier: MIT */
#include "eval/text_scores.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "core/rng.h"

double slr_cosine(const double *a, const double *b, size_t dim)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t j = 0; j < dim; j++) {
        ab += a[j] * b[j];
        aa += a[j] * a[j];
        bb += b[j] * b[j];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

/* A random order cut into runs of equal prompts, then turned by the longest run: no row meets its own prompt. */
selora_status slr_derangement(const int32_t *prompts, size_t count, uint64_t seed, uint32_t item, uint32_t *partner,
                              slr_error *err)
{
    uint32_t *order = slr_alloc(count, sizeof *order), *rank = slr_alloc(count, sizeof *rank);
    uint32_t *sorted = slr_alloc(count, sizeof *sorted), *begin = slr_alloc(count + 1, sizeof *begin);
    slr_rng rng = slr_rng_at(seed, SLR_STREAM_JUDGING, item, 0);
    uint32_t longest = 0;
    selora_status status = SELORA_OK;
    if (!order || !rank || !sorted || !begin) {
        status = slr_fail_memory(err, count * sizeof *order, "shuffled prompts");
        goto out;
    }
    slr_rng_permutation(&rng, rank, (uint32_t)count); /* a random order of prompts */
    slr_rng_permutation(&rng, order, (uint32_t)count); /* and of rows within them */
    for (size_t i = 0; i < count; i++)
        begin[rank[prompts[i]]]++;
    for (size_t p = 0, at = 0; p <= count; p++) {
        uint32_t size = p < count ? begin[p] : 0;
        begin[p] = (uint32_t)at;
        at += size;
        longest = size > longest ? size : longest;
    }
    if (2 * (size_t)longest > count) {
        status = slr_fail(err, SELORA_BAD_INPUT, "%u of %zu pictures have the same prompt: no shuffle gives each another one",
                          longest, count);
        goto out;
    }
    for (size_t i = 0; i < count; i++)
        sorted[begin[rank[prompts[order[i]]]]++] = order[i];
    for (size_t i = 0; i < count; i++)
        partner[sorted[i]] = sorted[(i + longest) % count];
out:
    free(order);
    free(rank);
    free(sorted);
    free(begin);
    return status;
}

/* The first row of each prompt stands for it; returns how many prompts there are. */
static size_t first_rows(const int32_t *prompts, size_t count, uint32_t *rows)
{
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++)
        if ((size_t)prompts[i] == distinct)
            rows[distinct++] = (uint32_t)i;
    return distinct;
}

/* The share of a hit among the first `top` when `better` prompts score higher and `equal` ones the same. */
static double hit(size_t better, size_t equal, size_t top)
{
    if (better >= top)
        return 0;
    return better + equal < top ? 1 : 0.5;
}

static selora_status retrieve(const double *images, const double *texts, const int32_t *prompts, size_t count, size_t dim,
                              uint64_t seed, uint32_t item, slr_text_scores *scores, slr_error *err)
{
    uint32_t *rows = slr_alloc(count, sizeof *rows), *order = slr_alloc(count, sizeof *order);
    if (!rows || !order) {
        free(rows);
        free(order);
        return slr_fail_memory(err, count * sizeof *rows, "retrieval");
    }
    size_t distinct = first_rows(prompts, count, rows);
    scores->choices = distinct < SLR_RETRIEVAL_CHOICES ? (int)distinct : SLR_RETRIEVAL_CHOICES;
    for (size_t i = 0; i < count; i++) {
        slr_rng rng = slr_rng_at(seed, SLR_STREAM_JUDGING, item, (uint32_t)i + 1);
        double own = slr_cosine(images + i * dim, texts + i * dim, dim);
        size_t better = 0, equal = 0;
        slr_rng_permutation(&rng, order, (uint32_t)distinct);
        for (int taken = 1, at = 0; taken < scores->choices; at++) {
            if (order[at] == (uint32_t)prompts[i])
                continue;
            double other = slr_cosine(images + i * dim, texts + rows[order[at]] * dim, dim);
            better += other > own;
            equal += other == own;
            taken++;
        }
        scores->recall1 += hit(better, equal, 1) / (double)count;
        scores->recall5 += hit(better, equal, 5) / (double)count;
    }
    free(rows);
    free(order);
    return SELORA_OK;
}

static void sum_up(const double *own, const double *wrong, size_t count, slr_text_scores *s)
{
    double mean = 0, shuffled = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        mean += own[i] / (double)count;
        shuffled += wrong[i] / (double)count;
        s->clip25 += 2.5 * (own[i] > 0 ? own[i] : 0) / (double)count;
        s->shuffled25 += 2.5 * (wrong[i] > 0 ? wrong[i] : 0) / (double)count;
    }
    for (size_t i = 0; i < count; i++)
        square += (own[i] - mean) * (own[i] - mean);
    s->mean_cos = mean;
    s->sd_cos = count > 1 ? sqrt(square / (double)(count - 1)) : NAN;
    s->clip100 = 100 * (mean > 0 ? mean : 0);
    s->shuffled100 = 100 * (shuffled > 0 ? shuffled : 0);
}

selora_status slr_text_judge(const double *images, const double *texts, const int32_t *prompts, size_t count, size_t dim,
                             uint64_t seed, uint32_t item, slr_text_scores *scores, slr_error *err)
{
    double *own = slr_alloc(count, sizeof *own), *wrong = slr_alloc(count, sizeof *wrong);
    uint32_t *partner = slr_alloc(count, sizeof *partner);
    selora_status status = SELORA_OK;
    *scores = (slr_text_scores){0};
    if (!own || !wrong || !partner) {
        status = slr_fail_memory(err, count * sizeof *own, "text scores");
        goto out;
    }
    SLR_TRY_OUT(slr_derangement(prompts, count, seed, item, partner, err));
    for (size_t i = 0; i < count; i++) {
        own[i] = slr_cosine(images + i * dim, texts + i * dim, dim);
        wrong[i] = slr_cosine(images + i * dim, texts + partner[i] * dim, dim);
    }
    sum_up(own, wrong, count, scores);
    SLR_TRY_OUT(slr_bootstrap_mean(own, prompts, count, seed, item, &scores->own, err));
    for (size_t i = 0; i < count; i++)
        own[i] -= wrong[i];
    SLR_TRY_OUT(slr_bootstrap_mean(own, prompts, count, seed, item, &scores->matched, err));
    scores->sees_prompts = scores->matched.low > 0;
    status = retrieve(images, texts, prompts, count, dim, seed, item, scores, err);
out:
    free(own);
    free(wrong);
    free(partner);
    return status;
}
