/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"

int cmd_audit(int argc, char **argv)
{
    selora_audit_options options = selora_audit_defaults();
    cli_arguments arguments = {.options = &options, .max_positions = 1};
    arguments.list = selora_audit_option_list(&arguments.count);
    selora_status status = cli_parse(&arguments, argc, argv);
    int code = cli_exit_code(status);
    if (status == SELORA_OK && arguments.common.help) {
        cli_print_help("selora audit RUN: does an adapter give its training pictures away?", "selora audit run",
                       arguments.list, arguments.count);
    } else if (status == SELORA_OK && arguments.position_count != 1) {
        fprintf(stderr, "selora: audit: expected the folder of a run\n");
        code = SELORA_USAGE;
    } else if (status == SELORA_OK) {
        cli_terminal terminal;
        selora_context *context = cli_context(&arguments, &terminal);
        char *table = NULL;
        options.run = arguments.positions[0];
        status = context ? selora_audit(context, &options, &table) : SELORA_NO_RESOURCE;
        if (table)
            fputs(table, stdout);
        free(table);
        code = context ? cli_finish(context, &terminal, status) : cli_exit_code(status);
    }
    cli_arguments_free(&arguments);
    return code;
}
