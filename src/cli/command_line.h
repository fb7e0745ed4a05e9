/* SPDX-License-Identifier: MIT
 *
 * A command's arguments: `--name value`, `--name=value`, flags without a value, positional arguments.
 *
 *     cli_arguments arguments = {.list = list, .count = count, .options = &options, .max_positions = 0};
 *     int status = cli_parse(&arguments, argc, argv);
 */
#ifndef CLI_COMMAND_LINE_H
#define CLI_COMMAND_LINE_H

#include "cli/terminal.h"

/* What every command takes. */
typedef struct cli_common {
    int64_t threads;
    const char *backend, *config;
    const char *compute; /* set by commands whose job has no options to carry it */
    int quiet, help;
} cli_common;

typedef struct cli_arguments {
    const selora_option *list; /* of the command */
    size_t count;
    void *options;             /* its struct, filled with the defaults */
    const char **positions;    /* filled in: the positional arguments */
    int position_count, max_positions;
    cli_common common;
    selora_context *parser; /* keeps texts of a --config file */
} cli_arguments;

/* Fills options and common; a message goes to stderr. A status; SELORA_OK with common.help set asks for help. */
selora_status cli_parse(cli_arguments *arguments, int argc, char **argv);
void cli_arguments_free(cli_arguments *arguments);

/* Prints a list of options as --help shows it. */
void cli_print_options(const selora_option *list, size_t count);
void cli_print_common_options(void);

/* A context by the common options, speaking to `terminal`; NULL after a message. */
selora_context *cli_context(const cli_arguments *arguments, cli_terminal *terminal);

/* Prints the context's error when `status` is one; the program's exit code. */
int cli_finish(selora_context *context, cli_terminal *terminal, selora_status status);
int cli_exit_code(selora_status status);

#endif
