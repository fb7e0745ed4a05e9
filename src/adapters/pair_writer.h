/* SPDX-License-Identifier: MIT
 *
 * What the writers of all formats share: padding, rounding and its error, header facts.
 *
 *     slr_pair_writer w;
 *     SLR_TRY(slr_pair_writer_begin(&w, options, report, err));
 *     slr_pair_writer_put(&w, pair, stored_rank, factor, SLR_NAMES_KOHYA, false, err) ...
 *     SLR_TRY(slr_pair_writer_save(&w, pairs, path, err));
 *     slr_pair_writer_end(&w);                                   (also after a failure)
 */
#ifndef SLR_PAIR_WRITER_H
#define SLR_PAIR_WRITER_H

#include "adapters/adapter_names.h"
#include "adapters/formats.h"

typedef struct slr_pair_writer {
    const slr_export_options *options;
    slr_export_report *report;
    slr_safetensors_writer *writer;
    json_t *layers;  /* selora.layers */
    void **buffers; /* what the writer borrows */
    size_t count, capacity;
    double square_error, square_norm;
} slr_pair_writer;

selora_status slr_pair_writer_begin(slr_pair_writer *w, const slr_export_options *options,
                                    slr_export_report *report, slr_error *err);
void slr_pair_writer_end(slr_pair_writer *w);

/* A and factor * B with `stored` rows under the family's names; text encoders also without
 * "text_model." when `both`. */
selora_status slr_pair_writer_put(slr_pair_writer *w, const slr_pair *pair, int stored, double factor,
                                  slr_names names, bool both, slr_error *err);
selora_status slr_pair_writer_alpha(slr_pair_writer *w, const slr_pair *pair, double alpha, bool both,
                                    slr_error *err);
selora_status slr_pair_writer_note(slr_pair_writer *w, const char *key, const char *text, slr_error *err);
/* The same from an object, which is released; NULL stands for no memory. */
selora_status slr_pair_writer_object(slr_pair_writer *w, const char *key, json_t *object, slr_error *err);

/* Adds true ranks and the adapter's facts, fills the report, writes. */
selora_status slr_pair_writer_save(slr_pair_writer *w, const slr_pairs *pairs, const char *path,
                                   slr_error *err);

/* A whole number where it is one, as tools expect alpha. NULL when memory lacks. */
json_t *slr_json_plain_number(double value);

#endif
