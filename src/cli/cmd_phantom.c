/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

static selora_status run_phantom(selora_context *context, const void *options)
{
    return selora_phantom_folder(context, options);
}

int cmd_phantom(int argc, char **argv)
{
    selora_phantom_options options = selora_phantom_defaults();
    cli_job job = {.summary = "selora phantom: draw synthetic training pictures with captions",
                   .example = "selora phantom --out phantoms --count 200 --size 64 --seed 1",
                   .options = &options, .run = run_phantom};
    job.list = selora_phantom_option_list(&job.count);
    return cli_run_job(&job, argc, argv);
}
