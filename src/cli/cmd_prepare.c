/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/commands.h"

static const char summary[] =
    "selora prepare SOURCE... --out DATASET: from DICOM, NIfTI, PNG, JPEG and reports to a data set";
static const char example[] =
    "selora prepare export reports.csv --out dataset --size 512 --tokenizer models/tiny";

int cmd_prepare(int argc, char **argv)
{
    selora_prepare_options options = selora_prepare_defaults();
    cli_arguments arguments = {.options = &options, .max_positions = argc};
    arguments.list = selora_prepare_option_list(&arguments.count);
    selora_status status = cli_parse(&arguments, argc, argv);
    int code = cli_exit_code(status);
    if (status == SELORA_OK && arguments.common.help) {
        cli_print_help(summary, example, arguments.list, arguments.count);
    } else if (status == SELORA_OK && arguments.position_count == 0) {
        fprintf(stderr,
                "selora: prepare: name a folder or file to prepare, or several; --help shows an example\n");
        code = SELORA_USAGE;
    } else if (status == SELORA_OK) {
        cli_terminal terminal;
        selora_context *context = cli_context(&arguments, &terminal);
        options.sources = arguments.positions;
        options.source_count = arguments.position_count;
        code = context ? cli_finish(context, &terminal, selora_prepare(context, &options))
                       : cli_exit_code(SELORA_NO_RESOURCE);
    }
    cli_arguments_free(&arguments);
    return code;
}
