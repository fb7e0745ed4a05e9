/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"

static selora_status run(selora_context *context, const selora_compress_options *options)
{
    char *report;
    selora_status status = selora_compress(context, options, &report);
    if (report)
        printf("%s%s", report, options->json ? "\n" : "");
    free(report);
    return status;
}

int cmd_compress(int argc, char **argv)
{
    selora_compress_options options = selora_compress_defaults();
    cli_arguments arguments = {.options = &options, .max_positions = 2};
    arguments.list = selora_compress_option_list(&arguments.count);
    selora_status status = cli_parse(&arguments, argc, argv);
    int code = cli_exit_code(status);
    if (status == SELORA_OK && arguments.common.help) {
        cli_print_help("selora compress ADAPTER OUT: write an adapter with smaller ranks; of every layer the largest singular "
                       "values of s B A stay", "selora compress lora.safetensors small.safetensors --energy 0.99",
                       arguments.list, arguments.count);
    } else if (status == SELORA_OK && arguments.position_count != 2) {
        fprintf(stderr, "selora: compress: expected the adapter and the name of the output\n");
        code = SELORA_USAGE;
    } else if (status == SELORA_OK) {
        cli_terminal terminal;
        selora_context *context = cli_context(&arguments, &terminal);
        options.adapter = arguments.positions[0];
        options.out = arguments.positions[1];
        code = context ? cli_finish(context, &terminal, run(context, &options)) : cli_exit_code(SELORA_NO_RESOURCE);
    }
    cli_arguments_free(&arguments);
    return code;
}
