/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/commands.h"

int cmd_convert(int argc, char **argv)
{
    selora_convert_options options = selora_convert_defaults();
    cli_arguments arguments = {.options = &options, .max_positions = 2};
    arguments.list = selora_convert_option_list(&arguments.count);
    selora_status status = cli_parse(&arguments, argc, argv);
    int code = cli_exit_code(status);
    if (status == SELORA_OK && arguments.common.help) {
        cli_print_help("selora convert ADAPTER --to FORMAT OUT: write an adapter of any format for other tools",
                       "selora convert run/adapter.safetensors --to kohya lora.safetensors", arguments.list,
                       arguments.count);
    } else if (status == SELORA_OK && arguments.position_count != 2) {
        fprintf(stderr, "selora: convert: expected the adapter and the name of the output\n");
        code = SELORA_USAGE;
    } else if (status == SELORA_OK) {
        cli_terminal terminal;
        selora_context *context = cli_context(&arguments, &terminal);
        options.adapter = arguments.positions[0];
        options.out = arguments.positions[1];
        code = context ? cli_finish(context, &terminal, selora_convert(context, &options))
                       : cli_exit_code(SELORA_NO_RESOURCE);
    }
    cli_arguments_free(&arguments);
    return code;
}
