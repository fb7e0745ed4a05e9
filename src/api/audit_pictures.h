/* SPDX-License-Identifier: MIT
 *
 * Pictures as the copy audit compares them: grey 64 x 64 and latent means, both of the picture cut as for
 * training.
 *
 *     slr_audit_pictures train;
 *     SLR_TRY(slr_audit_pictures_of_items(&job, cache, split->train, split->train_count, &train, err));
 *     SLR_TRY(slr_audit_pictures_of_files(&job, paths, count, &synthetic, err));
 *     slr_audit_pictures_free(&train);
 */
#ifndef SLR_AUDIT_PICTURES_H
#define SLR_AUDIT_PICTURES_H

#include "api/train_job.h"

typedef struct slr_audit_pictures {
    size_t count, numbers; /* of a latent */
    float *grey;           /* (count, 64, 64) */
    float *latents;        /* (count, numbers) */
} slr_audit_pictures;

/* Items of the job's data; `cache`: the run's folder of latents, or NULL. Free it also after a failure. */
selora_status slr_audit_pictures_of_items(const slr_train_job *job, const char *cache, const uint32_t *items,
                                          size_t count, slr_audit_pictures *pictures, slr_error *err);
selora_status slr_audit_pictures_of_files(const slr_train_job *job, char *const *paths, size_t count,
                                          slr_audit_pictures *pictures, slr_error *err);
void slr_audit_pictures_free(slr_audit_pictures *pictures);

/* (height, width, 3), 0..1, as for training. */
selora_status slr_audit_picture_read(const slr_train_job *job, const char *path, float *pixels,
                                     slr_error *err);

#endif
