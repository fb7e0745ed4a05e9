/* SPDX-License-Identifier: MIT */
#include "adapters/targets.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

enum { MAX_EXPRESSION = 4096 };

typedef enum rule { RULE_SELORA, RULE_ATTENTION, RULE_ALL, RULE_EXPRESSION } rule;

struct slr_targets {
    rule rule;
    char *text;
    regex_t expression; /* compiled for RULE_EXPRESSION only */
};

/* The published list. proj_in and proj_out are linear layers in models with use_linear_projection only. */
static const char *const selora_names[] = {"to_q",     "to_k",   "to_v",     "to_out",   "proj",
                                           "proj_in",  "proj_out", "time_emb_proj", "q_proj", "k_proj",
                                           "v_proj",   "out_proj", "fc1",      "fc2",      NULL};
static const char *const attention_names[] = {"to_q",   "to_k",   "to_v",   "to_out.0", "q_proj",
                                              "k_proj", "v_proj", "out_proj", NULL};

selora_status slr_targets_new(const char *text, slr_targets **result, slr_error *err)
{
    *result = NULL;
    if (strlen(text) == 0 || strlen(text) > MAX_EXPRESSION)
        return slr_fail(err, SELORA_USAGE, "--targets: expected selora, attention, all-linear or a regular expression");
    slr_targets *targets = slr_alloc(1, sizeof *targets);
    char *copy = slr_copy_text(text);
    if (!targets || !copy) {
        free(targets);
        free(copy);
        return slr_fail_memory(err, sizeof *targets, "the targets");
    }
    targets->text = copy;
    targets->rule = strcmp(text, "selora") == 0       ? RULE_SELORA
                    : strcmp(text, "attention") == 0  ? RULE_ATTENTION
                    : strcmp(text, "all-linear") == 0 ? RULE_ALL
                                                      : RULE_EXPRESSION;
    if (targets->rule == RULE_EXPRESSION) {
        int code = regcomp(&targets->expression, text, REG_EXTENDED | REG_NOSUB);
        if (code != 0) {
            char reason[200];
            regerror(code, &targets->expression, reason, sizeof reason);
            slr_fail(err, SELORA_USAGE,
                     "--targets: '%s' is neither selora, attention, all-linear nor a regular expression (%s)", text, reason);
            free(copy);
            free(targets);
            return SELORA_USAGE;
        }
    }
    *result = targets;
    return SELORA_OK;
}

void slr_targets_free(slr_targets *targets)
{
    if (!targets)
        return;
    if (targets->rule == RULE_EXPRESSION)
        regfree(&targets->expression);
    free(targets->text);
    free(targets);
}

/* True when the path ends in one of the names, a dot before it. */
static bool ends_in(const char *path, const char *const *names)
{
    size_t length = strlen(path);
    for (; *names; names++) {
        size_t own = strlen(*names);
        if (length > own && path[length - own - 1] == '.' && strcmp(path + length - own, *names) == 0)
            return true;
    }
    return false;
}

bool slr_targets_match(const slr_targets *targets, const char *path)
{
    switch (targets->rule) {
    case RULE_SELORA: return ends_in(path, selora_names);
    case RULE_ATTENTION: return ends_in(path, attention_names);
    case RULE_ALL: return true;
    default: return regexec(&targets->expression, path, 0, NULL, 0) == 0;
    }
}

static bool in_components(const char *path, const char *const *components, int count)
{
    for (int i = 0; i < count; i++) {
        size_t length = strlen(components[i]);
        if (strncmp(path, components[i], length) == 0 && path[length] == '.')
            return true;
    }
    return false;
}

selora_status slr_targets_add(const slr_targets *targets, const slr_graph *graph,
                              const char *const *components, int component_count, slr_adapter_set *set,
                              slr_error *err)
{
    int added = 0;
    for (int i = 0; i < slr_graph_op_count(graph); i++) {
        const slr_op *op = slr_graph_op(graph, i);
        if (op->kind != SLR_OP_LINEAR || !in_components(op->path, components, component_count) ||
            !slr_targets_match(targets, op->path))
            continue;
        added++;
        if (slr_adapter_set_find(set, op->path)) /* from an adapter that training goes on from */
            continue;
        SLR_TRY(slr_adapter_set_add(set, op->path, slr_tensor_columns(slr_graph_tensor(graph, op->in[0])),
                                    slr_tensor_columns(slr_graph_tensor(graph, op->out)), err));
    }
    if (added == 0)
        return slr_fail(err, SELORA_USAGE, "--targets: '%s' matches no linear layer of what is trained", targets->text);
    return SELORA_OK;
}
