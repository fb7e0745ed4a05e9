/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

static selora_status run_features(selora_context *context, const void *options)
{
    return selora_features(context, options);
}

int cmd_features(int argc, char **argv)
{
    selora_features_options options = selora_features_defaults();
    cli_job job = {.summary = "selora features DIR|FILE: features of a folder of pictures, or a file of features in another format",
                   .example = "selora features pictures --extractor radiomics --out pictures.safetensors",
                   .options = &options, .run = run_features};
    job.list = selora_features_option_list(&job.count);
    return cli_run_job_on(&job, &options.in, "a folder of pictures or a file of features", argc, argv);
}
