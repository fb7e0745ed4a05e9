/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

static selora_status run_generate(selora_context *context, const void *options)
{
    return selora_generate_folder(context, options);
}

int cmd_generate(int argc, char **argv)
{
    selora_generate_options options = selora_generate_defaults();
    cli_job job = {.summary = "selora generate: draw pictures from prompts",
                   .example = "selora generate --model models/tiny --adapter run/adapter.safetensors "
                              "--prompt \"frontal chest, nodule, upper left\" --count 8 --out pictures",
                   .options = &options, .run = run_generate};
    job.list = selora_generate_option_list(&job.count);
    return cli_run_job(&job, argc, argv);
}
