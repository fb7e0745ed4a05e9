/* SPDX-License-Identifier: MIT
 * The whole job of `selora train`. */
#include "api/train_run.h"

static selora_status check_required(selora_context *context, const selora_train_options *options)
{
    size_t count;
    const selora_option *list = selora_train_option_list(&count);
    return selora_options_check(context, list, count, options);
}

selora_status selora_train(selora_context *context, const selora_train_options *options)
{
    SLR_TRY(check_required(context, options));
    slr_error *err = slr_context_begin(context);
    if (!options->dry_run)
        SLR_TRY(slr_train_run_check_folder(options, err));
    slr_train_job job;
    selora_status status = slr_train_job_open(&job, context, options, err);
    if (status == SELORA_OK)
        slr_train_job_describe(&job);
    if (status == SELORA_OK && !options->dry_run)
        status = slr_train_run(&job, err);
    slr_train_job_close(&job);
    return status;
}
