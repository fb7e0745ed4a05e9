/* SPDX-License-Identifier: MIT
 *
 * The commands of the program: each takes the arguments after its name and returns the exit code.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/command_line.h"

int cmd_train(int argc, char **argv);
int cmd_sweep(int argc, char **argv);
int cmd_generate(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_utility(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_compress(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_evaluate(int argc, char **argv);
int cmd_features(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_merge(int argc, char **argv);
int cmd_phantom(int argc, char **argv);
int cmd_prepare(int argc, char **argv);
int cmd_purge(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_demo(int argc, char **argv);

/* A command whose whole job is one library call over one options struct. */
typedef struct cli_job {
    const char *summary, *example;
    const selora_option *list;
    size_t count;
    void *options;
    selora_status (*run)(selora_context *context, const void *options);
} cli_job;

int cli_run_job(const cli_job *job, int argc, char **argv);
/* The same with one positional argument, what `place` (a field of the options) becomes; `expected` names it. */
int cli_run_job_on(const cli_job *job, const char **place, const char *expected, int argc, char **argv);
/* "usage, example, options" of a command. */
void cli_print_help(const char *summary, const char *example, const selora_option *list, size_t count);

#endif
