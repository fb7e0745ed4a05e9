/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/commands.h"
#include "selora_sweep.h"

int cmd_sweep(int argc, char **argv)
{
    selora_sweep_options options = selora_sweep_defaults();
    cli_arguments arguments = {.options = &options, .max_positions = 1};
    arguments.list = selora_sweep_option_list(&arguments.count);
    selora_status status = cli_parse(&arguments, argc, argv);
    int code = cli_exit_code(status);
    if (status == SELORA_OK && arguments.common.help) {
        cli_print_help("selora sweep [FILE.json] --out DIR: train with every combination of some options, one after another, "
                       "and compare", "selora sweep --model models/tiny --data chest --steps 400 --lambda 1.05,1.1,1.3 --interval "
                       "20,40 --seeds 1,2,3 --controls static,random --out sweep", arguments.list, arguments.count);
    } else if (status == SELORA_OK) {
        cli_terminal terminal;
        selora_context *context = cli_context(&arguments, &terminal);
        options.file = arguments.position_count ? arguments.positions[0] : NULL;
        code = context ? cli_finish(context, &terminal, selora_sweep(context, &options)) : cli_exit_code(SELORA_NO_RESOURCE);
    }
    cli_arguments_free(&arguments);
    return code;
}
