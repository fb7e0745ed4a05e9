/* SPDX-License-Identifier: MIT
 *
 * Smaller ranks for an adapter: every layer keeps the largest singular values of its dW, which is the nearest matrix of
 * that rank. Layers that lose nothing keep their bits.
 *
 *     slr_compression goal = {.kind = SLR_COMPRESS_ENERGY, .energy = 0.99, .threads = 2};
 *     slr_compress_report report;
 *     SLR_TRY(slr_pairs_compress(&pairs, &goal, &report, err));
 *     slr_compress_report_free(&report);
 */
#ifndef SLR_COMPRESS_H
#define SLR_COMPRESS_H

#include "adapters/pairs.h"

typedef enum slr_compress_kind {
    SLR_COMPRESS_RANK,      /* no layer above it */
    SLR_COMPRESS_ENERGY,    /* of each layer at least this share of || dW ||^2 */
    SLR_COMPRESS_PARAMETERS /* of all layers together no more than this; what holds most of || dW ||^2 for its size */
} slr_compress_kind;

typedef struct slr_compression {
    slr_compress_kind kind;
    int64_t rank, parameters;
    double energy;
    int threads;
} slr_compression;

typedef struct slr_compressed_layer {
    char *path;
    int rank_before, rank; /* 0: left out, nothing of it was worth keeping */
    double norm, error;    /* || dW ||, and || dW - dW' || in parts of it */
} slr_compressed_layer;

typedef struct slr_compress_report {
    slr_compressed_layer *layers; /* by path */
    size_t count, left_out;
    int64_t parameters_before, parameters;
    double norm, error; /* of all layers as one */
} slr_compress_report;

/* SELORA_USAGE when nothing would be left. The result does not depend on the number of threads. */
selora_status slr_pairs_compress(slr_pairs *pairs, const slr_compression *goal, slr_compress_report *report,
                                 slr_error *err);
void slr_compress_report_free(slr_compress_report *report); /* of a zeroed one too */

#endif
