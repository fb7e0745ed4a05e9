/* SPDX-License-Identifier: MIT
 *
 * An adapter without its model: the low-rank pairs of a file, whatever names and scales it used.
 *
 *     slr_pairs pairs = {0};
 *     SLR_TRY(slr_pairs_load("lora.safetensors", &pairs, err));      (adapters/formats.h)
 *     ... pairs.items[i].path, .scale ...
 *     slr_pairs_free(&pairs);
 */
#ifndef SLR_PAIRS_H
#define SLR_PAIRS_H

#include <jansson.h>
#include <stdbool.h>

#include "core/problems.h"
#include "core/real.h"

/* dW = scale B A. */
typedef struct slr_pair {
    char *path;      /* as in adapter_names.h */
    int64_t in, out; /* `in` counts the taps of a kernel */
    int kernel;      /* of a convolution (A is (rank, channels, kernel, kernel)); 0: a matrix */
    int rank;
    int stored_rank; /* with rows of zeros */
    double scale;
    double applied; /* what tools multiply the stored B A with; `scale` unless B holds a part of it */
    double alpha; /* as stored; NaN without one */
    slr_real *a;  /* (rank, in) */
    slr_real *b;  /* (out, rank) */
} slr_pair;

typedef struct slr_pairs {
    slr_pair *items; /* sorted by path */
    size_t count, capacity;
    const char *format; /* what the file was recognised as; a constant */
    json_t *facts;      /* "selora.method" and the like -> text; may be NULL */
    bool text_long, text_short; /* text-encoder names with and without "text_model." */
    bool bare;         /* names of a network saved by itself: no "unet." before them */
    bool header;       /* lora_adapter_metadata is there */
    bool header_level; /* and its names have "text_model." */
    slr_problems left_over; /* names of tensors that nothing was done with, and why */
} slr_pairs;

void slr_pairs_free(slr_pairs *pairs);

/* A new pair at the end, zeroed, with memory for a and b. */
selora_status slr_pairs_add(slr_pairs *pairs, const char *path, int64_t in, int64_t out, int rank,
                            slr_pair **pair, slr_error *err);
void slr_pairs_sort(slr_pairs *pairs);
slr_pair *slr_pairs_find(const slr_pairs *pairs, const char *path); /* sorted; NULL */

/* Keeps only one component ("unet", "text_encoder"). */
void slr_pairs_keep(slr_pairs *pairs, const char *component);

/* The largest rank of a component, 0 without layers. */
int slr_pairs_most_rank(const slr_pairs *pairs, const char *component);

/* || dW ||. */
double slr_pair_norm(const slr_pair *pair);

/* || factor B' A' - dW || for other factors of the same shape, A' (rows, in), B' (out, rows):
 * from Gram matrices of the differences, so that nothing cancels. NaN when memory lacks. */
double slr_pair_distance(const slr_pair *pair, const slr_real *a, const slr_real *b, int rows,
                         double factor);

/* Sets facts[key] if the text is short and plain: no path and no caption comes through. */
void slr_pairs_note(slr_pairs *pairs, const char *key, const char *text);

#endif
