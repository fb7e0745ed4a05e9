/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

static selora_status run(selora_context *context, const void *options)
{
    return selora_train(context, options);
}

int cmd_train(int argc, char **argv)
{
    selora_train_options options = selora_train_defaults();
    cli_job job = {.summary = "selora train: fit an adapter to a folder of pictures with captions",
                   .example = "selora train --model models/tiny --data pictures --out run --steps 400",
                   .options = &options, .run = run};
    job.list = selora_train_option_list(&job.count);
    return cli_run_job(&job, argc, argv);
}
