/* SPDX-License-Identifier: MIT */
#include "report/run_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/problems.h"
#include "io/json.h"

static const char format_name[] = "selora-run/1";
enum { MAX_JSON = 1 << 20 };

/* Options of the moment, never stored ... */
static const char *const momentary[] = {"resume", "dry-run", NULL};
/* ... and those that may differ when a run goes on: where things are (their contents are hashed), how long it goes on,
 * how often it saves and shows, what it computes again rather than keeps. */
static const char *const changeable[] = {
    "model", "data", "out", "steps", "epochs", "checkpoint-every", "checkpoints-total-limit", "validate-every",
    "validation-images", "validation-steps", "validation-guidance", "validation-prompt", "memory", "max-memory", "save-as", "strict", "audit", "resume",
    "dry-run", NULL,
};

static bool is_among(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

static char *file_in(const char *folder, const char *name)
{
    return slr_format("%s/%s", folder, name);
}

bool slr_option_may_be_shown(const selora_option *option)
{
    static const char *const texts[] = {"size", "targets", "train", "max-memory", "save-as", NULL};
    bool free_text = option->kind == SELORA_OPTION_TEXT || option->kind == SELORA_OPTION_TEXTS;
    return !free_text || is_among(option->name, texts);
}

bool slr_run_file_exists(const char *folder)
{
    static const char *const names[] = {"run.json", "log.jsonl", "checkpoints", "adapter.safetensors",
                                        "last.safetensors"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++) {
        char *path = file_in(folder, names[i]);
        found = path && access(path, F_OK) == 0;
        free(path);
    }
    return found;
}

json_t *slr_option_json(const selora_option *option, const void *options)
{
    const void *place = (const char *)options + option->offset;
    switch (option->kind) {
    case SELORA_OPTION_INT: return json_integer(*(const int64_t *)place);
    case SELORA_OPTION_FLAG: return json_boolean(*(const int *)place);
    case SELORA_OPTION_SEED: {
        uint64_t seed = *(const uint64_t *)place;
        char *text = seed > INT64_MAX ? slr_format("%llu", (unsigned long long)seed) : NULL;
        json_t *value = text ? json_string(text) : json_integer((json_int_t)seed);
        free(text);
        return value;
    }
    case SELORA_OPTION_NUMBER: {
        double number = *(const double *)place;
        if (isinf(number))
            return json_string("inf");
        return isnan(number) ? json_null() : json_real(number);
    }
    default: {
        const char *text = *(const char *const *)place;
        return text ? json_string(text) : json_null();
    }
    }
}

static json_t *facts_json(const slr_run_facts *f)
{
    json_t *root = json_object(), *data = json_object(), *adapter = json_object();
    json_object_set_new(root, "format", json_string(format_name));
    json_object_set_new(root, "selora", json_string(SELORA_VERSION));
    json_object_set_new(root, "backend", json_string(f->backend));
    json_object_set_new(root, "threads", json_integer(f->threads));
    json_object_set_new(root, "model_sha256", json_string(f->model_sha256));
    slr_json_put_text(root, "init_adapter_sha256", f->init_adapter_sha256);
    slr_json_put_text(root, "rank_pattern_sha256", f->rank_pattern_sha256);
    json_object_set_new(data, "sha256", json_string(f->data_sha256));
    json_object_set_new(data, "train", json_integer(f->train));
    json_object_set_new(data, "validation", json_integer(f->validation));
    json_object_set_new(data, "test", json_integer(f->test));
    json_object_set_new(data, "captions_empty", json_integer(f->captions_empty));
    json_object_set_new(data, "captions_cut", json_integer(f->captions_cut));
    json_object_set_new(root, "data", data);
    json_object_set_new(adapter, "layers", json_integer(f->layers));
    json_object_set_new(adapter, "parameters_at_start", json_integer(f->parameters));
    json_object_set_new(root, "adapter", adapter);
    json_object_set_new(root, "steps", json_integer(f->steps));
    return root;
}

selora_status slr_run_file_save(const char *folder, const selora_option *list, size_t count, const void *options,
                                const slr_run_facts *facts, slr_error *err)
{
    char *path = file_in(folder, "run.json");
    if (!path)
        return slr_fail_memory(err, 0, folder);
    json_t *root = facts_json(facts), *chosen = json_object();
    for (size_t i = 0; i < count; i++) {
        json_t *value = is_among(list[i].name, momentary) ? json_null() : slr_option_json(&list[i], options);
        if (json_is_null(value))
            json_decref(value);
        else if (json_object_set_new(chosen, list[i].name, value) != 0) {
            json_decref(root);
            json_decref(chosen);
            selora_status status = slr_fail(err, SELORA_USAGE, "--%s: expected UTF-8 text", list[i].name);
            free(path);
            return status;
        }
    }
    json_object_set_new(root, "options", chosen);
    selora_status status = slr_json_save_file(root, path, err);
    json_decref(root);
    free(path);
    return status;
}

static const char *shown(const json_t *value, char **text)
{
    free(*text);
    *text = value && !json_is_null(value) ? json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)) : NULL;
    return *text ? *text : "(not given)";
}

bool slr_option_values_equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    return a && json_equal(a, b);
}

static void compare_option(const selora_option *option, const void *options, const json_t *stored,
                           slr_problems *problems)
{
    json_t *now = slr_option_json(option, options);
    const json_t *before = json_object_get(stored, option->name);
    char *now_text = NULL, *before_text = NULL;
    bool both_absent = json_is_null(now) && (!before || json_is_null(before));
    if (!both_absent && !slr_option_values_equal(before, now))
        slr_problems_add(problems, "--%s: the run was started with %s, found %s", option->name,
                         shown(before, &before_text), shown(now, &now_text));
    free(now_text);
    free(before_text);
    json_decref(now);
}

/* What the run began from; runs of earlier versions do not say it. */
static selora_status check_start(const json_t *root, const char *path, const char *key, const char *option,
                                 const char *now, slr_error *err)
{
    const char *before = json_string_value(json_object_get(root, key));
    if (!before || !now[0] || strcmp(before, now) == 0)
        return SELORA_OK;
    return slr_fail(err, SELORA_BAD_INPUT, "--%s: has changed since the run began (the SHA-256 in %s is another); start a "
                    "new run", option, path);
}

static selora_status check_facts(const json_t *root, const char *path, const slr_run_facts *facts,
                                 const slr_hooks *hooks, int64_t *steps, slr_error *err)
{
    const char *model, *data, *backend;
    int64_t threads;
    SLR_TRY(slr_json_string_required(root, path, "model_sha256", &model, err));
    SLR_TRY(slr_json_string_required(json_object_get(root, "data"), path, "sha256", &data, err));
    SLR_TRY(slr_json_string_required(root, path, "backend", &backend, err));
    SLR_TRY(slr_json_int_required(root, path, "threads", 1, 1 << 20, &threads, err));
    SLR_TRY(slr_json_int_required(root, path, "steps", 0, INT64_MAX, steps, err));
    if (strcmp(model, facts->model_sha256) != 0)
        return slr_fail(err, SELORA_BAD_INPUT, "--model: its weights are not those that %s names by their SHA-256", path);
    if (strcmp(data, facts->data_sha256) != 0)
        return slr_fail(err, SELORA_BAD_INPUT, "--data: pictures, captions or groups have changed since the run began (the "
                        "SHA-256 in %s is another); start a new run", path);
    SLR_TRY(check_start(root, path, "init_adapter_sha256", "init-adapter", facts->init_adapter_sha256, err));
    SLR_TRY(check_start(root, path, "rank_pattern_sha256", "rank-pattern", facts->rank_pattern_sha256, err));
    if (facts->steps < *steps)
        return slr_fail(err, SELORA_USAGE, "--steps: the run was started with %lld steps, found %lld; it can only grow",
                        (long long)*steps, (long long)facts->steps);
    if (strcmp(backend, facts->backend) != 0 || threads != facts->threads)
        slr_warn(hooks, "the run was started with backend %s and %lld threads, now %s and %d: the last bits may differ",
                 backend, (long long)threads, facts->backend, facts->threads);
    return SELORA_OK;
}

/* run.json of a folder, checked to be one; *root is the caller's. */
static selora_status load(const char *path, json_t **root, slr_error *err)
{
    SLR_TRY(slr_json_load_file(path, MAX_JSON, root, err));
    if (json_is_object(json_object_get(*root, "options")) && json_is_object(json_object_get(*root, "data")))
        return SELORA_OK;
    json_decref(*root);
    *root = NULL;
    return slr_fail(err, SELORA_BAD_INPUT, "%s: not the file of a run", path);
}

static selora_status compare_options(const json_t *root, const char *path, const selora_option *list, size_t count,
                                     const void *options, slr_error *err)
{
    slr_problems problems = {0};
    for (size_t i = 0; i < count; i++)
        if (!is_among(list[i].name, changeable))
            compare_option(&list[i], options, json_object_get(root, "options"), &problems);
    if (problems.count == 0)
        return SELORA_OK;
    slr_problems_report(&problems, path, err);
    if (err)
        err->status = SELORA_USAGE;
    return SELORA_USAGE;
}

selora_status slr_run_file_compare(const char *folder, const selora_option *list, size_t count, const void *options,
                                   slr_error *err)
{
    json_t *root = NULL;
    char *path = file_in(folder, "run.json");
    if (!path)
        return slr_fail_memory(err, 0, folder);
    selora_status status = load(path, &root, err);
    if (status == SELORA_OK)
        status = compare_options(root, path, list, count, options, err);
    json_decref(root);
    free(path);
    return status;
}

selora_status slr_run_file_check(const char *folder, const selora_option *list, size_t count, const void *options,
                                 const slr_run_facts *facts, const slr_hooks *hooks, int64_t *steps, slr_error *err)
{
    json_t *root = NULL;
    char *path = file_in(folder, "run.json");
    if (!path)
        return slr_fail_memory(err, 0, folder);
    selora_status status = load(path, &root, err);
    if (status == SELORA_OK)
        status = compare_options(root, path, list, count, options, err);
    if (status == SELORA_OK)
        status = check_facts(root, path, facts, hooks, steps, err);
    json_decref(root);
    free(path);
    return status;
}
