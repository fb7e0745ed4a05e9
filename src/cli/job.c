/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/commands.h"

void cli_print_help(const char *summary, const char *example, const selora_option *list, size_t count)
{
    printf("%s\n\nexample:\n  %s\n\noptions:\n", summary, example);
    cli_print_options(list, count);
    printf("\ncommon options:\n");
    cli_print_common_options();
}

static int run_job(const cli_job *job, const char **place, const char *expected, int argc, char **argv)
{
    cli_arguments arguments = {.list = job->list, .count = job->count, .options = job->options, .max_positions = place != NULL};
    selora_status status = cli_parse(&arguments, argc, argv);
    int code = cli_exit_code(status);
    if (status == SELORA_OK && arguments.common.help) {
        cli_print_help(job->summary, job->example, job->list, job->count);
    } else if (status == SELORA_OK && place && arguments.position_count != 1) {
        fprintf(stderr, "selora: expected %s\n", expected);
        code = SELORA_USAGE;
    } else if (status == SELORA_OK) {
        cli_terminal terminal;
        selora_context *context = cli_context(&arguments, &terminal);
        if (place)
            *place = arguments.positions[0];
        code = context ? cli_finish(context, &terminal, job->run(context, job->options))
                       : cli_exit_code(SELORA_NO_RESOURCE);
    }
    cli_arguments_free(&arguments);
    return code;
}

int cli_run_job(const cli_job *job, int argc, char **argv)
{
    return run_job(job, NULL, NULL, argc, argv);
}

int cli_run_job_on(const cli_job *job, const char **place, const char *expected, int argc, char **argv)
{
    return run_job(job, place, expected, argc, argv);
}
