/* SPDX-License-Identifier: MIT
 *
 * Everything that `selora train` needs before its first step, opened and checked: model, pictures, split, captions,
 * adapters, trainer, and how much memory it will take. Writes nothing but, with --prepare, the data set in RUN/data.
 *
 *     slr_train_job job;
 *     SLR_TRY(slr_train_job_open(&job, context, options, err));
 *     slr_train_job_describe(&job);
 *     ... slr_train_run() (api/train_run.h) ...
 *     slr_train_job_close(&job);
 */
#ifndef SLR_TRAIN_JOB_H
#define SLR_TRAIN_JOB_H

#include "api/train_settings.h"
#include "data/latent_cache.h"
#include "data/split.h"
#include "report/run_file.h"
#include "train/data_order.h"

enum { SLR_TEXT_BUDGET_MB = 512 }; /* states of captions that a frozen text encoder keeps */

typedef struct slr_train_job {
    selora_context *context;
    const selora_train_options *options;
    slr_model *model;
    slr_train_settings settings;
    char *prepared; /* the folder of pictures that --prepare made; NULL without it */
    slr_dataset *data;
    slr_split split;
    size_t groups, groups_on_two_sides; /* of the split; no groups: 0 */
    size_t train_groups; /* patients of the training part; 0 where they are not known */
    int64_t *ids; /* (items of the dataset, T) */
    slr_adapter_set *set;
    slr_trainer *trainer;
    slr_latent_encoder *encoder;
    slr_data_order order;
    slr_run_facts facts;    /* all but the SHA-256 of the model */
    int64_t steps;          /* of the whole run */
    int64_t places;         /* pictures a step */
    int64_t validate_every; /* steps */
    slr_rank_log rank_log;  /* to be set when there is a log */
    size_t peak;            /* the most memory that the process is expected to hold */
    double opened;          /* slr_clock_seconds() when the job began */
} slr_train_job;

/* The same without adapters, trainer and a look at memory: what the audit of a run begins with. */
selora_status slr_train_job_open_inputs(slr_train_job *job, selora_context *context, const selora_train_options *options,
                                        slr_error *err);

/* Must not move afterwards. slr_train_job_close() also after a failure. */
selora_status slr_train_job_open(slr_train_job *job, selora_context *context, const selora_train_options *options,
                                 slr_error *err);
void slr_train_job_close(slr_train_job *job);

/* Notes: parts, captions, adapters, memory, backend. */
void slr_train_job_describe(const slr_train_job *job);

/* Ids of one item of the dataset. */
const int64_t *slr_train_job_ids(const slr_train_job *job, uint32_t item);

#endif
