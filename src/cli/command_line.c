/* SPDX-License-Identifier: MIT */
#include "cli/command_line.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_INTERRUPTED = 130, MAX_NAME = 64 };

#define COMMON(name, kind, field, low, high, values, help) \
    {name, kind, offsetof(cli_common, field), low, high, values, help, 0}
static const selora_option common_list[] = {
    COMMON("threads", SELORA_OPTION_INT, threads, 0, 256, "N", "0: every processor the program may use (0)"),
    COMMON("backend", SELORA_OPTION_CHOICE, backend, 0, 0,
           "auto|cpu|ref|generic|avx2|avx512|avx512bf16|amx",
           "instructions to use, by themselves the fastest; ref: slow, plain, the truth for tests (auto)"),
    COMMON("config", SELORA_OPTION_TEXT, config, 0, 0, "FILE", "options from a JSON file, such as RUN/run.json"),
    COMMON("quiet", SELORA_OPTION_FLAG, quiet, 0, 0, "", "warnings and errors only"),
    COMMON("help", SELORA_OPTION_FLAG, help, 0, 0, "", "this text"),
};
enum { COMMON_COUNT = sizeof common_list / sizeof *common_list };

static const selora_option *find(const selora_option *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    return NULL;
}

static selora_status complain(const char *text, const char *detail)
{
    fprintf(stderr, "selora: %s%s\n", text, detail);
    return SELORA_USAGE;
}

/* argv[at] is --name or --name=value; returns the index of the last argument used, -1 after a message. */
static int take_option(cli_arguments *a, int argc, char **argv, int at)
{
    const char *text = argv[at] + 2;
    size_t length = strcspn(text, "=");
    char name[MAX_NAME];
    snprintf(name, sizeof name, "%.*s", (int)(length < MAX_NAME ? length : MAX_NAME - 1), text);
    const selora_option *list = a->list; /* a command's own option hides a common one of that name */
    size_t count = a->count;
    void *options = a->options;
    const selora_option *option = find(list, count, name);
    if (!option) {
        list = common_list, count = COMMON_COUNT, options = &a->common;
        option = find(list, count, name);
    }
    const char *value = text[length] == '=' ? text + length + 1 : NULL;
    if (!value && option && option->kind == SELORA_OPTION_FLAG)
        value = "true";
    if (!value && option) {
        if (++at >= argc) {
            fprintf(stderr, "selora: --%s: expected %s after it\n", name, option->values);
            return -1;
        }
        value = argv[at];
    }
    if (selora_option_set(a->parser, list, count, options, name, value ? value : "") != SELORA_OK) {
        fprintf(stderr, "selora: %s\n", selora_error(a->parser));
        return -1;
    }
    return at;
}

static selora_status load_config(cli_arguments *a, int argc, char **argv)
{
    const char *path = NULL;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            path = argv[i + 1];
        else if (strncmp(argv[i], "--config=", 9) == 0)
            path = argv[i] + 9;
    }
    /* A command may have an option of that name itself (bench). */
    if (!path || find(a->list, a->count, "config"))
        return SELORA_OK;
    selora_status status = selora_options_load(a->parser, a->list, a->count, a->options, path);
    if (status != SELORA_OK)
        fprintf(stderr, "selora: %s\n", selora_error(a->parser));
    return status;
}

selora_status cli_parse(cli_arguments *a, int argc, char **argv)
{
    selora_status status = selora_context_new(&(selora_settings){.threads = 1}, &a->parser);
    if (status != SELORA_OK)
        return status;
    a->positions = calloc((size_t)a->max_positions + 1, sizeof *a->positions);
    if (!a->positions)
        return SELORA_NO_RESOURCE;
    status = load_config(a, argc, argv);
    if (status != SELORA_OK)
        return status;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "-h") == 0) {
            a->common.help = 1;
        } else if (strncmp(argv[i], "--", 2) == 0) {
            i = take_option(a, argc, argv, i);
            if (i < 0)
                return SELORA_USAGE;
        } else if (argv[i][0] == '-' && argv[i][1]) {
            return complain("no such option; options start with two dashes: ", argv[i]);
        } else if (a->position_count >= a->max_positions) {
            return complain("unexpected argument; every value follows its --option: ", argv[i]);
        } else {
            a->positions[a->position_count++] = argv[i];
        }
    }
    if (a->common.help)
        return SELORA_OK;
    status = selora_options_check(a->parser, a->list, a->count, a->options);
    if (status != SELORA_OK)
        fprintf(stderr, "selora: %s\n", selora_error(a->parser));
    return status;
}

void cli_arguments_free(cli_arguments *arguments)
{
    free(arguments->positions);
    selora_context_free(arguments->parser);
}

void cli_print_options(const selora_option *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char left[128];
        snprintf(left, sizeof left, "--%s %s", list[i].name, list[i].values);
        if (strlen(left) > 30)
            printf("  %s\n  %-30s %s\n", left, "", list[i].help);
        else
            printf("  %-30s %s\n", left, list[i].help);
    }
}

void cli_print_common_options(void)
{
    cli_print_options(common_list, COMMON_COUNT);
}

selora_context *cli_context(const cli_arguments *arguments, cli_terminal *terminal)
{
    const cli_common *common = &arguments->common;
    selora_settings settings = {.threads = (int)common->threads, .backend = common->backend, .compute = common->compute,
                                .hooks = cli_terminal_hooks(terminal, common->quiet)};
    selora_context *context = NULL;
    selora_status status = selora_context_new(&settings, &context);
    if (status == SELORA_USAGE)
        fprintf(stderr, "selora: --backend %s: this processor does not have it\n", common->backend);
    else if (status != SELORA_OK)
        fprintf(stderr, "selora: not enough memory to start\n");
    return context;
}

int cli_exit_code(selora_status status)
{
    return status == SELORA_INTERRUPTED ? EXIT_INTERRUPTED : (int)status;
}

int cli_finish(selora_context *context, cli_terminal *terminal, selora_status status)
{
    cli_terminal_clear(terminal);
    if (status != SELORA_OK && selora_error(context)[0])
        fprintf(stderr, "selora: %s\n", selora_error(context));
    selora_context_free(context);
    return cli_exit_code(status);
}
