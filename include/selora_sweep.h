/* SPDX-License-Identifier: MIT
 *
 * selora: many training runs that differ in chosen options, one after another, and their comparison. Part of selora.h,
 * which includes it: nothing else is needed.
 *
 *     selora_sweep_options options = selora_sweep_defaults();
 *     options.file = "sweep.json";
 *     selora_status status = selora_sweep(context, &options);
 */
#ifndef SELORA_SWEEP_H
#define SELORA_SWEEP_H

#include "selora.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct selora_sweep_options {
    const char *file; /* JSON: options of training, each a value or a list of values; "controls"; "out". NULL: none */
    /* each counts instead of what the file says; NULL: not given. Lists have commas. */
    const char *out, *model, *data;
    const char *method, *lambda, *interval, *lr, *steps, *seeds;
    const char *set;      /* OPTION=VALUE[,VALUE...] of training, several with line ends between them */
    const char *controls; /* static, random, uniform: plain LoRA beside every run whose ranks grow */
    int dry_run;          /* 1: list the runs with an estimate of their time */
} selora_sweep_options;

selora_sweep_options selora_sweep_defaults(void);
const selora_option *selora_sweep_option_list(size_t *count);

/* Leaves OUT/sweep.json and sweep.csv. Runs that are over are not repeated, one that was interrupted goes on where its last
 * checkpoint is. A run that ends in SELORA_NUMERIC counts as diverged, and the next one begins. */
selora_status selora_sweep(selora_context *context, const selora_sweep_options *options);

#ifdef __cplusplus
}
#endif
#endif
