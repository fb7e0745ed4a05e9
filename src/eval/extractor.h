/* SPDX-License-Identifier: MIT
 *
 * What turns pictures into features: a name, a preprocessing id, and for networks the user's weights.
 *
 *     slr_extractor_context c = {.threads = 2, .backend = backend};
 *     slr_extractor x;
 *     slr_feature_set features;
 *     SLR_TRY(slr_extractor_open("radiomics", &c, &x, err));          ("clip:weights.safetensors")
 *     SLR_TRY(slr_extract(&x, set, hooks, &features, err));
 *     slr_extractor_close(&x);
 *
 * The features of a picture are the same bits whatever else is read and for any number of threads.
 *
 * A new one is a row in the table of extractor.c and a function that fills an slr_extractor.
 */
#ifndef SLR_EXTRACTOR_H
#define SLR_EXTRACTOR_H

#include "eval/feature_set.h"
#include "eval/image_set.h"
#include "models/model.h"

/* Zero-initialised: the defaults. */
typedef struct slr_extractor_context {
    int threads;                /* 0: one */
    int size;                   /* side of the metric pictures of extractors that leave it open; 0: 224 */
    const slr_backend *backend; /* for networks */
    const slr_model *model;     /* the base model, for `vae` */
} slr_extractor_context;

typedef struct slr_extractor {
    char name[64];
    char weights_sha256[SLR_SHA256_HEX]; /* "" without weights */
    char preproc[96];
    size_t dim;
    int max_batch;   /* pictures of one call of run() at most */
    size_t rejected; /* set by slr_extract(): pictures without features */
    size_t texts_cut; /* set by slr_extract(): different prompts that are longer than the text tower takes */
    const char *without_texts; /* why a network for pictures and texts reads no texts; NULL */
    void *state;
    /* Features of pictures first .. first + n - 1, (n, dim). A row of NaN alone: the picture has none (a
     * constant one has no radiomics), and is counted. */
    selora_status (*run)(void *state, const slr_image_set *set, size_t first, size_t n, double *features,
                         slr_error *err);
    /* Features of texts, (count, dim), where the network has them; else NULL. *cut: how many were too long. */
    selora_status (*texts)(void *state, const char *const *prompts, size_t count, double *features, size_t *cut,
                           slr_error *err);
    void (*free)(void *state);
} slr_extractor;

/* `text`: NAME or NAME:FILE. SELORA_USAGE names what there is for an unknown name, a missing or superfluous
 * file. */
selora_status slr_extractor_open(const char *text, const slr_extractor_context *context, slr_extractor *x,
                                 slr_error *err);
void slr_extractor_close(slr_extractor *x); /* also of a zeroed one */

/* All pictures of a set, and the texts of their prompts where all have one and the network reads texts. Rejected ones are left out and counted in x->rejected; a feature that is not finite
 * otherwise is SELORA_NUMERIC. */
selora_status slr_extract(slr_extractor *x, const slr_image_set *set, const slr_hooks *hooks,
                          slr_feature_set *out, slr_error *err);

#endif
