/* SPDX-License-Identifier: MIT
 *
 * Adapter files for tests: pairs of layers of every kind, files written tensor by tensor. Any failure fails the test.
 *
 *     slr_pairs pairs = pair_files_make(8, false);
 *     pair_files_write("kohya", &pairs, (slr_export_options){0}, "kohya.safetensors", &report);
 *     slr_pairs again = pair_files_load("kohya.safetensors");        (names are in the scratch folder)
 */
#ifndef PAIR_FILES_H
#define PAIR_FILES_H

#include "adapters/formats.h"

#define BLOCK "attentions.0.transformer_blocks.0."

typedef struct pair_file_layer {
    const char *path;
    int64_t in, out;
    int kernel, rank;
} pair_file_layer;

enum { PAIR_FILE_LAYERS = 12 };
extern const pair_file_layer pair_file_layers[PAIR_FILE_LAYERS]; /* ranks 1 .. 9 mixed */

/* `own`: scales that differ between layers. */
slr_pairs pair_files_make(double scale, bool own);
void pair_files_write(const char *format, const slr_pairs *pairs, slr_export_options options, const char *name,
                      slr_export_report *report);
slr_pairs pair_files_load(const char *name);

/* A tensor of values that depend on the salt; then the file. */
void pair_files_add(slr_safetensors_writer *writer, const char *name, int dims, const int64_t *shape, uint32_t salt);
void pair_files_finish(slr_safetensors_writer *writer, const char *name);

#endif
