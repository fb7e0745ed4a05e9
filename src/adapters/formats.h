/* SPDX-License-Identifier: MIT
 *
 * The formats of adapters: each is one file of adapters/formats/ and a row in formats.c.
 *
 *     slr_pairs pairs = {0};
 *     SLR_TRY(slr_pairs_load("lora.safetensors", &pairs, err));          (any format)
 *     const slr_adapter_format *kohya = slr_format_named("kohya");
 *     slr_export_report report;
 *     SLR_TRY(kohya->write(&pairs, &(slr_export_options){0}, "out.safetensors", &report, err));
 *     slr_pairs_free(&pairs);
 */
#ifndef SLR_FORMATS_H
#define SLR_FORMATS_H

#include "adapters/pairs.h"
#include "io/checksum.h"
#include "io/safetensors.h"

typedef struct slr_export_options {
    slr_dtype dtype; /* F32, F16, BF16 */
    bool pad_most;   /* ranks padded to the largest of the component */
    bool text_both;  /* text-encoder layers under both layouts (kohya) */
} slr_export_options;

typedef struct slr_export_report {
    double worst, total; /* relative errors of dW by rounding: of the worst layer, of all together */
    char worst_layer[512];
    int layers, stored_rank; /* the largest stored */
} slr_export_report;

typedef struct slr_adapter_format {
    const char *name, *summary;
    bool folder; /* `write` makes a folder, not a file */
    /* True when the name of a tensor belongs to a file of this format; NULL: not read by names. */
    bool (*claims)(const char *name);
    /* Adds the pairs of one file. */
    selora_status (*read)(const slr_safetensors *file, slr_pairs *pairs, slr_error *err);
    /* NULL: read only. `pairs` is sorted and holds at least one layer. */
    selora_status (*write)(const slr_pairs *pairs, const slr_export_options *options, const char *path,
                           slr_export_report *report, slr_error *err);
} slr_adapter_format;

extern const slr_adapter_format slr_format_kohya, slr_format_diffusers, slr_format_diffusers_compact,
    slr_format_peft, slr_format_selora, slr_format_published, slr_format_listed;

/* One that can be written; NULL for another name. */
const slr_adapter_format *slr_format_named(const char *name);

/* By the first name that tells; SELORA_BAD_INPUT for files that hold no adapter. */
selora_status slr_format_of(const slr_safetensors *file, const slr_adapter_format **format, slr_error *err);

/* A file, a PEFT directory (or the folder of several), a run folder, a folder with
 * pytorch_lora_weights.safetensors, a model folder saved with adapters inside. Sorted. */
selora_status slr_pairs_load(const char *path, slr_pairs *pairs, slr_error *err);
/* SHA-256 of the file; of a folder with two: of both sums. */
selora_status slr_adapter_hash(const char *path, char hex[SLR_SHA256_HEX], slr_error *err);
/* The pairs of one file that is open. */
selora_status slr_pairs_load_file(const slr_safetensors *file, slr_pairs *pairs, slr_error *err);

#endif
