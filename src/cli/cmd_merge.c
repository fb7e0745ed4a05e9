/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

static selora_status run(selora_context *context, const void *options)
{
    return selora_merge(context, options);
}

int cmd_merge(int argc, char **argv)
{
    selora_merge_options options = selora_merge_defaults();
    cli_job job = {.summary = "selora merge: a model with adapters folded into its weights",
                   .example = "selora merge --model sd15 --adapter run/adapter.safetensors:0.8 --out merged.safetensors",
                   .options = &options, .run = run};
    job.list = selora_merge_option_list(&job.count);
    return cli_run_job(&job, argc, argv);
}
