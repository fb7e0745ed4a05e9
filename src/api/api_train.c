/* SPDX-License-Identifier: MIT
 * The whole job of `selora train`. */
#include <stdlib.h>
#include <string.h>

#include "api/train_run.h"

static selora_status check_required(selora_context *context, const selora_train_options *options)
{
    size_t count;
    const selora_option *list = selora_train_option_list(&count);
    return selora_options_check(context, list, count, options);
}

/* The audit of the finished run, its table among the notes. */
static selora_status audit_fully(selora_context *context, const selora_train_options *options)
{
    selora_audit_options audit = selora_audit_defaults();
    char *table = NULL;
    audit.run = options->out;
    selora_status status = selora_audit(context, &audit, &table);
    for (char *line = table; line && *line; line += strcspn(line, "\n") + 1)
        slr_note(&context->hooks, "%.*s", (int)strcspn(line, "\n"), line);
    free(table);
    return status;
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
    if (status == SELORA_OK && !options->dry_run && options->audit && strcmp(options->audit, "full") == 0)
        status = audit_fully(context, options);
    return status;
}
