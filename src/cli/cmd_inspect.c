/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"

typedef struct inspect_options {
    int json;
} inspect_options;

static const selora_option list[] = {
    {"json", SELORA_OPTION_FLAG, offsetof(inspect_options, json), 0, 0, "", "print JSON", 0},
};

int cmd_inspect(int argc, char **argv)
{
    inspect_options options = {0};
    cli_arguments arguments = {.list = list, .count = 1, .options = &options, .max_positions = 1};
    selora_status status = cli_parse(&arguments, argc, argv);
    int code = cli_exit_code(status);
    if (status == SELORA_OK && arguments.common.help) {
        cli_print_help("selora inspect PATH: what a model, adapter, run or data folder holds",
                       "selora inspect run/adapter.safetensors", list, 1);
    } else if (status == SELORA_OK && arguments.position_count != 1) {
        fprintf(stderr, "selora: inspect: expected the path of a model, adapter, run or data folder\n");
        code = SELORA_USAGE;
    } else if (status == SELORA_OK) {
        cli_terminal terminal;
        selora_context *context = cli_context(&arguments, &terminal);
        char *text = NULL;
        status = context ? selora_inspect(context, arguments.positions[0], options.json, &text)
                         : SELORA_NO_RESOURCE;
        if (text)
            fputs(text, stdout);
        free(text);
        code = context ? cli_finish(context, &terminal, status) : cli_exit_code(status);
    }
    cli_arguments_free(&arguments);
    return code;
}
