/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"

static selora_status run_evaluate(selora_context *context, const void *options)
{
    char *table = NULL;
    selora_status status = selora_evaluate(context, options, &table);
    if (table)
        fputs(table, stdout);
    free(table);
    return status;
}

int cmd_evaluate(int argc, char **argv)
{
    selora_evaluate_options options = selora_evaluate_defaults();
    cli_job job = {.summary = "selora evaluate: compare synthetic pictures with real ones",
                   .example = "selora evaluate --real chest --synthetic pictures --base base_pictures --out judged",
                   .options = &options, .run = run_evaluate};
    job.list = selora_evaluate_option_list(&job.count);
    return cli_run_job(&job, argc, argv);
}
