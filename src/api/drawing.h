/* SPDX-License-Identifier: MIT
 *
 * What selora_generate() and selora_generate_folder() share: the options turned into a planned artist, memory for one
 * batch of pictures, progress and interruption.
 */
#ifndef SLR_DRAWING_H
#define SLR_DRAWING_H

#include "api/context.h"
#include "diffusion/text_to_image.h"

typedef struct slr_drawing {
    selora_context *context;
    const slr_backend *backend;
    slr_text_to_image *artist;
    slr_task task;
    int width, height, batch, steps;
    uint64_t seed;
    int64_t done;  /* pictures finished */
    float *pixels; /* (batch, height, width, 3) */
} slr_drawing;

/* Ranges of the numbers, texts in UTF-8. */
selora_status slr_drawing_check(const selora_generate_options *options, slr_error *err);
/* Checks the options and plans; `batch` pictures at a time. slr_drawing_close() also after a failure. */
selora_status slr_drawing_open(slr_drawing *drawing, selora_context *context, const slr_model *model,
                               slr_adapter_set *adapters, const selora_generate_options *options, int batch,
                               slr_error *err);
/* Allocates, after comparing the need with the memory that is free, and starts the progress of `total` pictures. */
selora_status slr_drawing_start(slr_drawing *drawing, int64_t total, slr_error *err);
/* Draws `count` <= batch pictures into drawing->pixels. */
selora_status slr_drawing_draw(slr_drawing *drawing, const char *const *prompts, const uint32_t *indices, int count,
                               slr_error *err);
void slr_drawing_close(slr_drawing *drawing);

#endif
