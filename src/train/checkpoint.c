/* SPDX-License-Identifier: MIT */
#include "train/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/atomic_file.h"
#include "io/checksum.h"
#include "io/json.h"

static const char format_name[] = "selora-checkpoint/1";
static const char prefix[] = "step-";
enum { MAX_JSON = 1 << 16 };

/* ---- counters as JSON ---- */

/* Of all the counters, so that a flipped digit is noticed. */
static selora_status hash_counters(const json_t *root, char hex[SLR_SHA256_HEX], slr_error *err)
{
    char *text = slr_json_text(root, 0);
    if (!text)
        return slr_fail_memory(err, MAX_JSON, "a checkpoint");
    selora_status status = slr_sha256_memory(text, strlen(text), hex, err);
    free(text);
    return status;
}

/* Takes "sha256" out of the object and compares. */
static selora_status check_counters(json_t *root, const char *path, slr_error *err)
{
    char hex[SLR_SHA256_HEX];
    const char *stored;
    SLR_TRY(slr_json_string_required(root, path, "sha256", &stored, err));
    json_t *kept = json_incref(json_object_get(root, "sha256"));
    json_object_del(root, "sha256");
    selora_status status = hash_counters(root, hex, err);
    if (status == SELORA_OK && strcmp(hex, stored) != 0)
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: its numbers do not have the SHA-256 that it names", path);
    json_decref(kept);
    return status;
}

static json_t *counters_json(const slr_run_counters *c, const char *state_sha256)
{
    json_t *root = json_object();
    json_object_set_new(root, "format", json_string(format_name));
    json_object_set_new(root, "step", json_integer(c->step));
    json_object_set_new(root, "validated_step", json_integer(c->validated_step));
    json_object_set_new(root, "best_step", json_integer(c->best_step));
    json_object_set_new(root, "best_loss", json_real(c->best_loss));
    json_object_set_new(root, "log_bytes", json_integer(c->log_bytes));
    json_object_set_new(root, "rank_bytes", json_integer(c->rank_bytes));
    json_object_set_new(root, "state_sha256", json_string(state_sha256));
    return root;
}

static selora_status read_counters(const json_t *root, const char *path, slr_run_counters *c, const char **state_sha256,
                                   slr_error *err)
{
    const char *format;
    SLR_TRY(slr_json_string_required(root, path, "format", &format, err));
    if (strcmp(format, format_name) != 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: format is %.60s, expected %s", path, format, format_name);
    SLR_TRY(slr_json_int_required(root, path, "step", 1, INT64_MAX, &c->step, err));
    SLR_TRY(slr_json_int_required(root, path, "validated_step", 0, c->step, &c->validated_step, err));
    SLR_TRY(slr_json_int_required(root, path, "best_step", 0, c->step, &c->best_step, err));
    SLR_TRY(slr_json_double(root, path, "best_loss", 0, 1e300, &c->best_loss, err));
    SLR_TRY(slr_json_int_required(root, path, "log_bytes", 0, INT64_MAX, &c->log_bytes, err));
    SLR_TRY(slr_json_int_required(root, path, "rank_bytes", 0, INT64_MAX, &c->rank_bytes, err));
    return slr_json_string_required(root, path, "state_sha256", state_sha256, err);
}

/* ---- names ---- */

/* The step in "step-000400", -1 for another name. */
static int64_t step_of(const char *name)
{
    char *end;
    size_t length = sizeof prefix - 1;
    if (strncmp(name, prefix, length) != 0 || name[length] < '0' || name[length] > '9')
        return -1;
    errno = 0;
    int64_t step = strtoll(name + length, &end, 10);
    return errno || *end ? -1 : step;
}

typedef struct step_list {
    int64_t *steps; /* newest first */
    size_t count, capacity;
} step_list;

static int newest_first(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

/* Every checkpoint by name, whole or not. A missing folder has none. */
static selora_status list_steps(const char *folder, step_list *list, slr_error *err)
{
    *list = (step_list){0};
    DIR *listing = opendir(folder);
    if (!listing)
        return errno == ENOENT ? SELORA_OK : slr_fail_errno(err, folder, "read the folder");
    selora_status status = SELORA_OK;
    for (struct dirent *entry; status == SELORA_OK && (entry = readdir(listing));) {
        int64_t step = step_of(entry->d_name);
        if (step < 0)
            continue;
        if (!slr_grow((void **)&list->steps, &list->capacity, list->count, sizeof *list->steps))
            status = slr_fail_memory(err, list->count * sizeof *list->steps, folder);
        else
            list->steps[list->count++] = step;
    }
    closedir(listing);
    if (list->count > 1)
        qsort(list->steps, list->count, sizeof *list->steps, newest_first);
    return status;
}

static char *step_path(const char *folder, int64_t step)
{
    return slr_format("%s/%s%06" PRId64, folder, prefix, step);
}

/* ---- writing ---- */

static selora_status write_state(const slr_trainer *trainer, const char *path, slr_error *err)
{
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    if (!writer)
        return slr_fail_memory(err, 0, path);
    selora_status status = slr_safetensors_writer_metadata(writer, "format", format_name, err);
    if (status == SELORA_OK)
        status = slr_trainer_save(trainer, writer, err);
    if (status == SELORA_OK)
        status = slr_safetensors_writer_save(writer, path, err);
    slr_safetensors_writer_free(writer);
    return status;
}

static selora_status write_files(const char *folder, const slr_trainer *trainer, const slr_run_counters *counters,
                                 slr_error *err)
{
    selora_status status;
    char hex[SLR_SHA256_HEX];
    json_t *root = NULL;
    char *state = slr_format("%s/state.safetensors", folder), *json = slr_format("%s/checkpoint.json", folder);
    if (!state || !json) {
        status = slr_fail_memory(err, 0, folder);
        goto out;
    }
    SLR_TRY_OUT(write_state(trainer, state, err));
    SLR_TRY_OUT(slr_sha256_file(state, hex, err));
    root = counters_json(counters, hex);
    SLR_TRY_OUT(hash_counters(root, hex, err));
    json_object_set_new(root, "sha256", json_string(hex));
    SLR_TRY_OUT(slr_json_save_file(root, json, err));
out:
    json_decref(root);
    free(state);
    free(json);
    return status;
}

selora_status slr_checkpoint_remove_old(const char *folder, int64_t whole, int64_t keep, slr_error *err)
{
    step_list list;
    selora_status status = list_steps(folder, &list, err);
    for (size_t i = (size_t)keep; status == SELORA_OK && i < list.count; i++) {
        if (list.steps[i] >= whole)
            continue;
        char *path = step_path(folder, list.steps[i]);
        status = path ? slr_remove_tree(path, err) : slr_fail_memory(err, 0, folder);
        free(path);
    }
    free(list.steps);
    return status;
}

selora_status slr_checkpoint_write(const char *folder, const slr_trainer *trainer, const slr_run_counters *counters,
                                   int64_t keep, slr_error *err)
{
    selora_status status;
    char *path = step_path(folder, counters->step), *temporary = NULL;
    if (!path)
        return slr_fail_memory(err, 0, folder);
    SLR_TRY_OUT(slr_make_folders(folder, 0755, err));
    SLR_TRY_OUT(slr_atomic_folder_begin(path, 0755, &temporary, err));
    SLR_TRY_OUT(write_files(temporary, trainer, counters, err));
    SLR_TRY_OUT(slr_remove_tree(path, err)); /* a damaged one, or the same step reached again */
    SLR_TRY_OUT(slr_atomic_folder_commit(temporary, path, err));
    free(temporary);
    temporary = NULL;
    SLR_TRY_OUT(slr_checkpoint_remove_old(folder, counters->step, keep, err));
out:
    if (temporary)
        slr_remove_tree(temporary, NULL);
    free(temporary);
    free(path);
    return status;
}

/* ---- reading ---- */

static selora_status read_checkpoint(const char *path, slr_run_counters *counters, slr_error *err)
{
    selora_status status;
    char hex[SLR_SHA256_HEX];
    const char *expected;
    json_t *root = NULL;
    char *state = slr_format("%s/state.safetensors", path), *json = slr_format("%s/checkpoint.json", path);
    if (!state || !json) {
        status = slr_fail_memory(err, 0, path);
        goto out;
    }
    SLR_TRY_OUT(slr_json_load_file(json, MAX_JSON, &root, err));
    SLR_TRY_OUT(check_counters(root, json, err));
    SLR_TRY_OUT(read_counters(root, json, counters, &expected, err));
    SLR_TRY_OUT(slr_sha256_file(state, hex, err));
    if (strcmp(hex, expected) != 0)
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: its SHA-256 is not that of checkpoint.json", state);
out:
    json_decref(root);
    free(state);
    free(json);
    return status;
}

static selora_status open_newest(const char *folder, const step_list *list, const slr_hooks *hooks,
                                 slr_checkpoint *found, slr_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        slr_error detail = {0};
        found->path = step_path(folder, list->steps[i]);
        if (!found->path)
            return slr_fail_memory(err, 0, folder);
        selora_status status = read_checkpoint(found->path, &found->counters, &detail);
        if (status == SELORA_OK && found->counters.step != list->steps[i])
            status = slr_fail(&detail, SELORA_BAD_INPUT, "%s: holds step %" PRId64, found->path, found->counters.step);
        if (status == SELORA_OK)
            return SELORA_OK;
        if (status == SELORA_NO_RESOURCE)
            return slr_fail(err, status, "%s", detail.message);
        slr_warn(hooks, "a damaged checkpoint is passed over: %s", detail.message);
        free(found->path);
        found->path = NULL;
    }
    return SELORA_OK;
}

selora_status slr_checkpoint_find(const char *folder, const slr_hooks *hooks, slr_checkpoint **result, slr_error *err)
{
    *result = NULL;
    step_list list;
    slr_checkpoint *found = slr_alloc(1, sizeof *found);
    if (!found)
        return slr_fail_memory(err, sizeof *found, folder);
    slr_remove_left_overs(folder);
    selora_status status = list_steps(folder, &list, err);
    if (status == SELORA_OK)
        status = open_newest(folder, &list, hooks, found, err);
    free(list.steps);
    if (status == SELORA_OK && found->path)
        *result = found;
    else
        slr_checkpoint_free(found);
    return status;
}

selora_status slr_checkpoint_list(const char *folder, int64_t **steps, size_t *count, slr_error *err)
{
    step_list list;
    selora_status status = list_steps(folder, &list, err);
    if (status != SELORA_OK) {
        free(list.steps);
        list = (step_list){0};
    }
    for (size_t i = 0; i < list.count / 2; i++) {
        int64_t newer = list.steps[i];
        list.steps[i] = list.steps[list.count - 1 - i];
        list.steps[list.count - 1 - i] = newer;
    }
    *steps = list.steps;
    *count = list.count;
    return status;
}

selora_status slr_checkpoint_at(const char *folder, int64_t step, slr_checkpoint **result, slr_error *err)
{
    *result = NULL;
    slr_checkpoint *found = slr_alloc(1, sizeof *found);
    char *path = step_path(folder, step);
    selora_status status = found && path ? read_checkpoint(path, &found->counters, err) : slr_fail_memory(err, 0, folder);
    if (status != SELORA_OK) {
        free(path);
        free(found);
        return status;
    }
    found->path = path;
    *result = found;
    return SELORA_OK;
}

void slr_checkpoint_free(slr_checkpoint *checkpoint)
{
    if (!checkpoint)
        return;
    free(checkpoint->path);
    free(checkpoint);
}

selora_status slr_checkpoint_load(const slr_checkpoint *checkpoint, slr_trainer *trainer, slr_error *err)
{
    char *path = slr_format("%s/state.safetensors", checkpoint->path);
    slr_safetensors *file = NULL;
    if (!path)
        return slr_fail_memory(err, 0, checkpoint->path);
    selora_status status = slr_safetensors_open(path, &file, err);
    if (status == SELORA_OK)
        status = slr_trainer_load(trainer, file, checkpoint->counters.step, err);
    slr_safetensors_close(file);
    free(path);
    return status;
}
