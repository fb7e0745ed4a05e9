/* SPDX-License-Identifier: MIT
 *
 * The SHA-256 of a model's weight files. For gigabytes it takes seconds, so a thread of its own computes it while the
 * weights are read.
 */
#ifndef SLR_MODEL_HASH_H
#define SLR_MODEL_HASH_H

#include "io/checksum.h"
#include "models/weight_files.h"

typedef struct slr_model_hash_job slr_model_hash_job;

/* Begins; the sets of files must outlive the job. NULL when memory or a thread lacks: it is then computed when it is
 * asked for. */
slr_model_hash_job *slr_model_hash_begin(const slr_weight_files *sets, int count);
/* Waits for the result. */
selora_status slr_model_hash_end(slr_model_hash_job *job, char hex[SLR_SHA256_HEX], slr_error *err);
void slr_model_hash_free(slr_model_hash_job *job); /* waits too; NULL is legal */

/* At once: SHA-256 over the digests of the files in their order; "random" without files. */
selora_status slr_model_hash_files(const slr_weight_files *sets, int count, char hex[SLR_SHA256_HEX], slr_error *err);

#endif
