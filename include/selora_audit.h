/* SPDX-License-Identifier: MIT
 *
 * selora: does a run give its training pictures away, and what are synthetic pictures worth? Part of selora.h, which
 * includes it: nothing else is needed.
 *
 *     selora_audit_options options = selora_audit_defaults();
 *     options.run = "run";
 *     char *table;
 *     if (selora_audit(context, &options, &table) == SELORA_OK)
 *         puts(table);
 *     free(table);
 */
#ifndef SELORA_AUDIT_H
#define SELORA_AUDIT_H

#include "selora.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- audit: does a run give its training pictures away? ----------------------------------------------- */

typedef struct selora_audit_options {
    const char *run;       /* the folder of a run; everything else is known from its run.json */
    const char *data, *model; /* where they are now; NULL: where run.json says */
    const char *adapter;   /* NULL: the adapter.safetensors of the run */
    const char *out;       /* for audit.json, audit.html and audit/; NULL: the run */
    const char *synthetic; /* a folder of pictures to look for copies in; NULL: they are drawn from held-out prompts */
    const char *extractors; /* NAME or NAME:FILE, a line each: more distances than pixels and latents */
    int64_t members;       /* pictures of each group of the membership test, at most; 0: no such test */
    const char *checkpoints; /* all: the test for each checkpoint, too; none */
    int64_t images;        /* to draw, without synthetic; 0: no search for copies */
    int64_t own_prompts, own_seeds; /* training prompts drawn again, and how often each; 0: not */
    int64_t steps;         /* of the sampler */
    double guidance;
    uint64_t seed;
    int64_t batch_size;    /* of the membership test */
    int fail_on_copies;    /* 1: SELORA_CHECK_FAILED when there are clear signs of copying */
} selora_audit_options;

selora_audit_options selora_audit_defaults(void);
const selora_option *selora_audit_option_list(size_t *count);
/* *table: the numbers as text, free() it; NULL after a failure. audit/nearest-pairs-SHOWS-PATIENTS.png is for its owner alone. */
selora_status selora_audit(selora_context *context, const selora_audit_options *options, char **table);

/* ---- utility: what are synthetic pictures worth for a classifier? -------------------------------------- */

typedef struct selora_utility_options {
    const char *real;      /* a data set with sides: train, validation, test */
    const char *synthetic; /* a folder of pictures; NULL: the arms without it */
    const char *more;      /* further real pictures to train on; NULL: none */
    const char *labels;    /* COLUMN, COLUMN=VALUE or term:WORDS (in the prompt), a line each */
    const char *extractor; /* NAME or NAME:FILE */
    const char *model;     /* base model, for the extractor vae */
    const char *out;       /* for utility.json and utility.html */
    const char *shares;    /* synthetic pictures for each real one, with commas */
    const char *group_column; /* of the patients; NULL: what the folder says */
    const char *subgroups; /* metadata columns whose values are looked at apart, a line each; NULL: none */
    const char *export_to; /* a folder for each arm with its pictures, for classifiers elsewhere; NULL: none */
    int64_t seeds, size;   /* size: pixels of the metric pictures */
    int augment;           /* 1: the arm R+augmented, too */
} selora_utility_options;

selora_utility_options selora_utility_defaults(void);
const selora_option *selora_utility_option_list(size_t *count);
/* *table: the numbers as text, free() it; NULL after a failure. Exported folders show patients: for their owner alone. */
selora_status selora_utility(selora_context *context, const selora_utility_options *options, char **table);

#ifdef __cplusplus
}
#endif
#endif
