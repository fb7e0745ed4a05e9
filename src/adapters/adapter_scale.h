/* SPDX-License-Identifier: MIT
 *
 * What an adapter file's header says of scales and true ranks.
 *
 *     slr_adapter_header header;
 *     SLR_TRY(slr_adapter_header_read(file, &header, err));
 *     SLR_TRY(slr_adapter_header_scale(&header, path, stored_rank, &scale, err));
 *     slr_adapter_header_free(&header);
 */
#ifndef SLR_ADAPTER_SCALE_H
#define SLR_ADAPTER_SCALE_H

#include <jansson.h>

#include "io/safetensors.h"

typedef struct slr_adapter_header {
    const char *file, *place; /* for messages; place: "lora_adapter_metadata: " or "" */
    json_t *peft;   /* "lora_adapter_metadata", NULL when absent */
    json_t *layers; /* "selora.layers": path -> [rank, scale], NULL when absent */
} slr_adapter_header;

selora_status slr_adapter_header_read(const slr_safetensors *file, slr_adapter_header *header,
                                      slr_error *err);
/* The fields of a PEFT config with the component before them, as in lora_adapter_metadata; both components, since
 * names alone tell which one the file is for. NULL when memory lacks. */
json_t *slr_adapter_header_of_config(const json_t *config);
void slr_adapter_header_free(slr_adapter_header *header);

/* The factor of B A as PEFT applies it: alpha / r, or alpha / sqrt(r) with use_rslora, with the
 * patterns of r and alpha; 1 without that header. */
selora_status slr_adapter_header_scale(const slr_adapter_header *header, const char *path,
                                       int64_t stored_rank, double *scale, slr_error *err);

/* The rank and scale that selora trained with; false when the header does not say. */
selora_status slr_adapter_header_true(const slr_adapter_header *header, const char *path,
                                      bool *said, int *rank, double *scale, slr_error *err);

#endif
