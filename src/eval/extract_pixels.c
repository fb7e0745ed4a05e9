/* SPDX-License-Identifier: MIT
 * Features that are the picture itself, 32 x 32 greys: to see what a metric does. */
#include <stdlib.h>

#include "core/memory.h"
#include "eval/extractor_list.h"

enum { SIDE = 32 };

static selora_status run(void *state, const slr_image_set *set, size_t first, size_t n, double *features,
                         slr_error *err)
{
    float grey[SIDE * SIDE];
    (void)state;
    for (size_t i = 0; i < n; i++) {
        SLR_TRY(slr_image_set_grey(set, first + i, SIDE, grey, err));
        for (size_t j = 0; j < SIDE * SIDE; j++)
            features[i * SIDE * SIDE + j] = (double)grey[j];
    }
    return SELORA_OK;
}

selora_status slr_extractor_pixels(const char *file, const slr_extractor_context *context, slr_extractor *x,
                                   slr_error *err)
{
    (void)file;
    (void)context;
    (void)err;
    *x = (slr_extractor){.name = "pixels",
                         .preproc = "grey 32, cover, centre, bicubic",
                         .dim = SIDE * SIDE,
                         .max_batch = 16,
                         .run = run};
    return SELORA_OK;
}
