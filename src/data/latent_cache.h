/* SPDX-License-Identifier: MIT
 *
 * The latent moments of a dataset, encoded once: in memory for training, and as files so that the next start of the
 * run needs no VAE.
 *
 *     slr_latent_cache *cache;
 *     SLR_TRY(slr_latent_cache_new(&options, encoder, data, items, count, &cache, err));
 *     SLR_TRY(slr_latent_cache_fill(cache, epoch, hooks, err));
 *     const float *moments = slr_latent_cache_moments(cache, i);             (of items[i])
 *     slr_latent_cache_free(cache);
 *
 * Random crops and flips: the picture is cut in SLR_LATENT_VARIANTS ways, epoch e uses way e mod that many, and each is
 * encoded when its epoch begins for the first time. With centre crops and no flips there is one way.
 *
 * A file is named by the SHA-256 of everything its moments depend on: bytes of the picture, preparation, weights. It
 * says nothing about the picture to who does not have it. Folder and files are for the owner alone (0700, 0600). A
 * file that is damaged or of another shape is encoded again and replaced.
 */
#ifndef SLR_LATENT_CACHE_H
#define SLR_LATENT_CACHE_H

#include "core/hooks.h"
#include "data/dataset.h"
#include "data/image_prepare.h"
#include "data/latent_encoder.h"

enum { SLR_LATENT_VARIANTS = 8 };

typedef struct slr_latent_cache_options {
    const char *folder;       /* made when missing; NULL: memory only */
    const char *model_sha256; /* of the weights */
    slr_prepare_options prepare;
    uint64_t seed; /* of crops and flips */
} slr_latent_cache_options;

typedef struct slr_latent_cache slr_latent_cache;

/* `items`: indexes into the dataset, copied. slr_dataset_check_pictures() must have run. Encoder and dataset must outlive
 * the cache; the encoder need not be allocated: it is when something has to be encoded. */
selora_status slr_latent_cache_new(const slr_latent_cache_options *options, slr_latent_encoder *encoder,
                                   const slr_dataset *data, const uint32_t *items, size_t count,
                                   slr_latent_cache **cache, slr_error *err);
void slr_latent_cache_free(slr_latent_cache *cache);
size_t slr_latent_cache_bytes(const slr_latent_cache *cache); /* memory held */

/* Makes the moments of every item those of `epoch`; nothing to do when they are already. SELORA_INTERRUPTED when the
 * hooks say so: what has been encoded is in the folder. */
selora_status slr_latent_cache_fill(slr_latent_cache *cache, uint32_t epoch, const slr_hooks *hooks,
                                    slr_error *err);
const float *slr_latent_cache_moments(const slr_latent_cache *cache, size_t i); /* (h,w,2L) */

/* How many pictures the last fill had to encode (the others came from files). */
size_t slr_latent_cache_encoded(const slr_latent_cache *cache);

#endif
