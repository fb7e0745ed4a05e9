/* SPDX-License-Identifier: MIT
 * A row for each compared tensor on stdout, the worst of all repeated last; with --json each row is
 * one JSON object. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"

typedef struct verify_options {
    const char *model, *variant, *tokenizer, *model_config, *adapter, *compute;
    double rtol;
    int json;
} verify_options;

#define OPTION(name, kind, field, low, high, values, help, required) \
    {name, kind, offsetof(verify_options, field), low, high, values, help, required}
static const selora_option list[] = {
    OPTION("model", SELORA_OPTION_TEXT, model, 0, 0, "DIR|FILE",
           "diffusers folder, or one .safetensors file with LDM names; features cases need none", 0),
    OPTION("variant", SELORA_OPTION_TEXT, variant, 0, 0, "NAME",
           "weight files of a variant, such as fp16", 0),
    OPTION("tokenizer", SELORA_OPTION_TEXT, tokenizer, 0, 0, "DIR|FILE",
           "tokenizer; needed with a single-file model", 0),
    OPTION("model-config", SELORA_OPTION_TEXT, model_config, 0, 0, "DIR",
           "diffusers folder with the configs of a single-file model", 0),
    OPTION("adapter", SELORA_OPTION_TEXT, adapter, 0, 0, "FILE",
           "adapter of any format that joins the sample cases", 0),
    OPTION("compute", SELORA_OPTION_CHOICE, compute, 0, 0, "f32|bf16",
           "numbers that matrix products multiply; bf16 has wider tolerances (f32)", 0),
    OPTION("rtol", SELORA_OPTION_NUMBER, rtol, 0, 1e9, "X",
           "relative tolerance of every floating tensor (0: the default of each)", 0),
    OPTION("json", SELORA_OPTION_FLAG, json, 0, 0, "", "a JSON object a row", 0),
};
enum { OPTION_COUNT = sizeof list / sizeof *list, MAX_ROW = 4096 };

/* What the rows leave behind: the worst one as it was printed. */
typedef struct rows {
    int json;
    double worst; /* error in units of the tolerance; negative before the first row */
    char text[MAX_ROW];
} rows;

/* `number` as JSON has it: null when it is not finite. */
static const char *json_number(double number, char text[32])
{
    snprintf(text, 32, "%.9g", number);
    return isfinite(number) ? text : "null";
}

/* `text` between quotes, as JSON has it; cut to fit. */
static void json_string(char *out, size_t size, const char *text)
{
    size_t at = 0;
    out[at++] = '"';
    for (; *text && at + 8 < size; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            out[at++] = '\\';
        if (c < 0x20)
            at += (size_t)snprintf(out + at, 8, "\\u%04x", c);
        else
            out[at++] = (char)c;
    }
    out[at++] = '"';
    out[at] = 0;
}

static void format_json(const selora_verify_row *row, char text[MAX_ROW])
{
    char file[MAX_ROW / 3], tensor[MAX_ROW / 3], max_abs[32], relative[32];
    json_string(file, sizeof file, row->file);
    json_string(tensor, sizeof tensor, row->tensor);
    snprintf(text, MAX_ROW,
             "{\"file\": %s, \"kind\": \"%s\", \"tensor\": %s, \"max_abs\": %s, \"relative\": %s, "
             "\"tolerance\": %.9g, \"passed\": %s}",
             file, row->kind, tensor, json_number(row->max_abs, max_abs),
             json_number(row->relative, relative), row->tolerance, row->passed ? "true" : "false");
}

static void format_text(const selora_verify_row *row, char text[MAX_ROW])
{
    snprintf(text, MAX_ROW, "%s  max %9.2e  relative %9.2e  allowed %7.0e  %.1500s: %.1500s",
             row->passed ? "pass" : "FAIL", row->max_abs, row->relative, row->tolerance, row->file,
             row->tensor);
}

static void print_row(void *user, const selora_verify_row *row)
{
    rows *r = user;
    char text[MAX_ROW];
    if (r->json)
        format_json(row, text);
    else
        format_text(row, text);
    puts(text);
    double used = row->relative / (row->tolerance > 0 ? row->tolerance : 1);
    if (!isfinite(used))
        used = INFINITY;
    if (used > r->worst) {
        r->worst = used;
        memcpy(r->text, text, sizeof text);
    }
}

/* Every case is tried; the first failure of the gravest kind is what the program ends with. */
static selora_status verify_cases(selora_context *context, const selora_model *model, const selora_adapter *adapter,
                                  const verify_options *options, const cli_arguments *arguments)
{
    selora_status status = SELORA_OK, worst = SELORA_OK;
    rows r = {.json = options->json, .worst = -1};
    for (int i = 0; i < arguments->position_count && status <= SELORA_BAD_INPUT; i++) {
        const char *path = arguments->positions[i];
        status = selora_verify(context, model, adapter, path, options->rtol, print_row, &r);
        if (status >= SELORA_USAGE)
            fprintf(stderr, "selora: %s\n", selora_error(context));
        if (status > worst)
            worst = status;
    }
    if (r.worst >= 0)
        puts(r.text);
    return worst;
}

static selora_status verify_all(selora_context *context, const verify_options *options, const cli_arguments *arguments)
{
    selora_model *model = NULL;
    selora_adapter *adapter = NULL;
    selora_model_options inner = {options->variant, options->tokenizer, options->model_config, "keep"};
    selora_status status = SELORA_OK;
    if (options->model)
        status = selora_model_load(context, options->model, &inner, &model);
    if (status == SELORA_OK && options->adapter)
        status = selora_adapter_load(context, model, options->adapter, 1, &adapter);
    if (status == SELORA_OK)
        status = verify_cases(context, model, adapter, options, arguments);
    else
        fprintf(stderr, "selora: %s\n", selora_error(context));
    selora_adapter_free(adapter);
    selora_model_free(model);
    return status;
}

int cmd_verify(int argc, char **argv)
{
    verify_options options = {0};
    cli_arguments arguments = {
        .list = list, .count = OPTION_COUNT, .options = &options, .max_positions = argc};
    selora_status status = cli_parse(&arguments, argc, argv);
    int code = cli_exit_code(status);
    if (status == SELORA_OK && arguments.common.help) {
        cli_print_help("selora verify --model DIR|FILE CASE...: does selora compute what diffusers does?",
                       "selora verify --model sd15 unet.safetensors train_step.safetensors", list,
                       OPTION_COUNT);
    } else if (status == SELORA_OK && arguments.position_count == 0) {
        fprintf(stderr, "selora: verify: expected case files (tools/make_case.py makes them)\n");
        code = SELORA_USAGE;
    } else if (status == SELORA_OK) {
        cli_terminal terminal;
        arguments.common.compute = options.compute;
        selora_context *context = cli_context(&arguments, &terminal);
        status = context ? verify_all(context, &options, &arguments) : SELORA_NO_RESOURCE;
        code = cli_exit_code(status);
        selora_context_free(context);
    }
    cli_arguments_free(&arguments);
    return code;
}
