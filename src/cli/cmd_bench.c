/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"

static selora_status run_bench(selora_context *context, const void *options)
{
    char *text = NULL;
    selora_status status = selora_bench(context, options, &text);
    if (text)
        fputs(text, stdout);
    free(text);
    return status;
}

int cmd_bench(int argc, char **argv)
{
    selora_bench_options options = selora_bench_defaults();
    cli_job job = {.summary = "selora bench: how fast a model of random weights trains or draws here, and in what memory",
                   .example = "selora bench --config sd15 --task train --size 224 --batch 1 --repeat 3",
                   .options = &options, .run = run_bench};
    job.list = selora_bench_option_list(&job.count);
    return cli_run_job(&job, argc, argv);
}
