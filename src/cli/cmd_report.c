/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/commands.h"

enum { MOST_RUNS = 24 };

static selora_status report(selora_context *context, const selora_report_options *options)
{
    selora_status status = selora_report(context, options);
    if (status == SELORA_OK)
        printf("the report: %s\n", options->out);
    return status;
}

int cmd_report(int argc, char **argv)
{
    selora_report_options options = selora_report_defaults();
    cli_arguments arguments = {.options = &options, .max_positions = MOST_RUNS};
    arguments.list = selora_report_option_list(&arguments.count);
    selora_status status = cli_parse(&arguments, argc, argv);
    int code = cli_exit_code(status);
    if (status == SELORA_OK && arguments.common.help) {
        cli_print_help("selora report RUN...: one page about a run, or about several side by side",
                       "selora report run --out report.html", arguments.list, arguments.count);
    } else if (status == SELORA_OK && arguments.position_count < 1) {
        fprintf(stderr, "selora: report: expected the folder of a run, or several\n");
        code = SELORA_USAGE;
    } else if (status == SELORA_OK) {
        cli_terminal terminal;
        selora_context *context = cli_context(&arguments, &terminal);
        options.runs = arguments.positions;
        options.run_count = (size_t)arguments.position_count;
        code = context ? cli_finish(context, &terminal, report(context, &options)) : cli_exit_code(SELORA_NO_RESOURCE);
    }
    cli_arguments_free(&arguments);
    return code;
}
