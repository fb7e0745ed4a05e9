/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdio.h>

#include "cli/commands.h"

typedef struct purge_options {
    int all;
} purge_options;

static const selora_option list[] = {
    {"all", SELORA_OPTION_FLAG, offsetof(purge_options, all), 0, 0, "", "pictures, texts and tables, too", 0},
};

int cmd_purge(int argc, char **argv)
{
    purge_options options = {0};
    cli_arguments arguments = {.list = list, .count = 1, .options = &options, .max_positions = 1};
    selora_status status = cli_parse(&arguments, argc, argv);
    int code = cli_exit_code(status);
    if (status == SELORA_OK && arguments.common.help) {
        cli_print_help(
            "selora purge DIR: remove what a data set or run keeps of patients: keys, cached latents",
            "selora purge dataset --all", list, 1);
    } else if (status == SELORA_OK && arguments.position_count != 1) {
        fprintf(stderr, "selora: purge: expected the folder of a prepared data set or of a run\n");
        code = SELORA_USAGE;
    } else if (status == SELORA_OK) {
        cli_terminal terminal;
        selora_context *context = cli_context(&arguments, &terminal);
        code = context ? cli_finish(context, &terminal,
                                    selora_purge(context, arguments.positions[0], options.all))
                       : cli_exit_code(SELORA_NO_RESOURCE);
    }
    cli_arguments_free(&arguments);
    return code;
}
