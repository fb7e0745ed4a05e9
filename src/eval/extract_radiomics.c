/* SPDX-License-Identifier: MIT
 * Radiomic features of metric pictures: a picture a thread. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"
#include "eval/extractor_list.h"
#include "eval/radiomics.h"

enum { SIDE = 224, EACH = 4 /* pictures of a thread between two reports */ };

typedef struct worker {
    slr_radiomics *radiomics;
    float *picture; /* (side, side) */
    double *grey;
    slr_error error;
    size_t failed; /* picture of the error */
} worker;

typedef struct radiomics_state {
    int side, threads;
    worker *workers; /* (threads) */
} radiomics_state;

static void free_state(void *state)
{
    radiomics_state *s = state;
    for (int i = 0; s->workers && i < s->threads; i++) {
        slr_radiomics_free(s->workers[i].radiomics);
        free(s->workers[i].picture);
        free(s->workers[i].grey);
    }
    free(s->workers);
    free(s);
}

static selora_status run_one(worker *w, const radiomics_state *s, const slr_image_set *set, size_t index,
                             double *features)
{
    bool constant;
    size_t pixels = (size_t)s->side * (size_t)s->side;
    SLR_TRY(slr_image_set_grey(set, index, s->side, w->picture, &w->error));
    for (size_t i = 0; i < pixels; i++)
        w->grey[i] = (double)w->picture[i];
    SLR_TRY(slr_radiomics_run(w->radiomics, w->grey, features, &constant, &w->error));
    for (int i = 0; constant && i < SLR_RADIOMICS_FEATURES; i++)
        features[i] = NAN;
    return SELORA_OK;
}

/* The error of the first picture that failed. */
static selora_status first_error(const radiomics_state *s, const slr_image_set *set, slr_error *err)
{
    const worker *first = NULL;
    for (int i = 0; i < s->threads; i++)
        if (s->workers[i].error.status != SELORA_OK && (!first || s->workers[i].failed < first->failed))
            first = &s->workers[i];
    return first ? slr_fail(err, first->error.status, "picture of row %lld: %s",
                            (long long)slr_image_set_item(set, first->failed)->row, first->error.message)
                 : SELORA_OK;
}

static selora_status run(void *state, const slr_image_set *set, size_t first, size_t n, double *features,
                         slr_error *err)
{
    radiomics_state *s = state;
#pragma omp parallel for num_threads(s->threads) schedule(dynamic, 1)
    for (int t = 0; t < s->threads; t++) {
        worker *w = &s->workers[t];
        w->error = (slr_error){0};
        for (size_t i = (size_t)t; i < n && w->error.status == SELORA_OK; i += (size_t)s->threads) {
            w->failed = first + i;
            (void)run_one(w, s, set, first + i, features + i * SLR_RADIOMICS_FEATURES);
        }
    }
    return first_error(s, set, err);
}

static selora_status make_workers(radiomics_state *s, slr_error *err)
{
    size_t pixels = (size_t)s->side * (size_t)s->side;
    s->workers = slr_alloc((size_t)s->threads, sizeof *s->workers);
    if (!s->workers)
        return slr_fail_memory(err, (size_t)s->threads * sizeof *s->workers, "radiomic features");
    for (int i = 0; i < s->threads; i++) {
        worker *w = &s->workers[i];
        SLR_TRY(slr_radiomics_new(s->side, &w->radiomics, err));
        w->picture = slr_alloc(pixels, sizeof *w->picture);
        w->grey = slr_alloc(pixels, sizeof *w->grey);
        if (!w->picture || !w->grey)
            return slr_fail_memory(err, pixels * sizeof *w->grey, "radiomic features");
    }
    return SELORA_OK;
}

selora_status slr_extractor_radiomics(const char *file, const slr_extractor_context *context,
                                      slr_extractor *x, slr_error *err)
{
    (void)file;
    radiomics_state *s = slr_alloc(1, sizeof *s);
    if (!s)
        return slr_fail_memory(err, sizeof *s, "radiomic features");
    s->side = context->size > 0 ? context->size : SIDE;
    s->threads = context->threads > 1 ? context->threads : 1;
    selora_status status = make_workers(s, err);
    if (status != SELORA_OK) {
        free_state(s);
        return status;
    }
    *x = (slr_extractor){.name = "radiomics",
                         .dim = SLR_RADIOMICS_FEATURES,
                         .max_batch = EACH * s->threads,
                         .state = s,
                         .run = run,
                         .free = free_state};
    snprintf(x->preproc, sizeof x->preproc, SLR_RADIOMICS_NAME ", grey %d, cover, centre, bicubic", s->side);
    return SELORA_OK;
}
