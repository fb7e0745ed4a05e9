/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"

static selora_status run_utility(selora_context *context, const void *options)
{
    char *table = NULL;
    selora_status status = selora_utility(context, options, &table);
    if (table)
        fputs(table, stdout);
    free(table);
    return status;
}

int cmd_utility(int argc, char **argv)
{
    selora_utility_options options = selora_utility_defaults();
    cli_job job = {.summary = "selora utility: what are synthetic pictures worth for a classifier?",
                   .example = "selora utility --real chest --synthetic pictures --label term:pneumonia --out worth",
                   .options = &options, .run = run_utility};
    job.list = selora_utility_option_list(&job.count);
    return cli_run_job(&job, argc, argv);
}
