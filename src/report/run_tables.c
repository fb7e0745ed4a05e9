/* SPDX-License-Identifier: MIT
 * The long tables of a run record: log.jsonl and ranks.csv. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/json.h"
#include "io/regular_file.h"
#include "report/run_record.h"

enum { MAX_TABLE = 1 << 30, MAX_RANK = 1 << 20, MAX_LAYERS = 10000, RANK_FIELDS = 7 };

/* Calls `line` for every whole line. A file that is not there has none. */
typedef selora_status each_line(slr_run_record *run, const char *line, size_t length, const char *place, slr_error *err);

static selora_status read_lines(slr_run_record *run, const char *name, each_line *line, slr_error *err)
{
    char *path = slr_format("%s/%s", run->folder, name), *text = NULL, place[512];
    size_t size = 0, number = 0;
    if (!path)
        return slr_fail_memory(err, 0, run->folder);
    selora_status status = access(path, F_OK) == 0 ? slr_read_file(path, MAX_TABLE, &text, &size, err) : SELORA_OK;
    for (char *at = text, *end; status == SELORA_OK && at && (end = memchr(at, '\n', size - (size_t)(at - text))); at = end + 1) {
        snprintf(place, sizeof place, "%s, line %zu", path, ++number);
        *end = 0;
        status = line(run, at, (size_t)(end - at), place, err);
    }
    free(text);
    free(path);
    return status;
}

/* ---- log.jsonl ---- */

static bool grow_columns(double **const *columns, size_t count, size_t *capacity, size_t used)
{
    if (used < *capacity)
        return true;
    size_t more = *capacity ? 2 * *capacity : 256;
    for (size_t i = 0; i < count; i++) {
        double *grown = more <= SIZE_MAX / sizeof *grown ? realloc(*columns[i], more * sizeof *grown) : NULL;
        if (!grown)
            return false;
        *columns[i] = grown;
    }
    *capacity = more;
    return true;
}

static double member(const json_t *line, const char *key)
{
    return slr_run_record_number(json_object_get(line, key));
}

static selora_status add_step(slr_run_steps *s, const json_t *line, slr_error *err)
{
    static const char *const keys[SLR_RUN_COLUMNS] = {"step", "loss", "lr", "gradient_norm", "rank", "parameters", "seconds",
                                                      "probe_seconds"};
    double **const columns[SLR_RUN_COLUMNS] = {&s->step, &s->loss, &s->lr, &s->gradient_norm, &s->rank, &s->parameters,
                                               &s->seconds, &s->probe_seconds};
    if (!grow_columns(columns, SLR_RUN_COLUMNS, &s->capacity, s->count))
        return slr_fail_memory(err, s->capacity * sizeof(double), "the log");
    for (int i = 0; i < SLR_RUN_COLUMNS; i++)
        (*columns[i])[s->count] = member(line, keys[i]);
    s->count++;
    return SELORA_OK;
}

static selora_status add_validation(slr_run_validations *v, const json_t *line, slr_error *err)
{
    double **const columns[] = {&v->step, &v->loss};
    if (!grow_columns(columns, 2, &v->capacity, v->count))
        return slr_fail_memory(err, v->capacity * sizeof(double), "the log");
    v->step[v->count] = member(line, "step");
    v->loss[v->count++] = member(line, "validation_loss");
    return SELORA_OK;
}

static selora_status log_line(slr_run_record *run, const char *text, size_t length, const char *place, slr_error *err)
{
    json_t *line;
    SLR_TRY(slr_json_load_memory(text, length, place, &line, err));
    bool validation = json_object_get(line, "validation_loss") != NULL;
    double step = member(line, "step"), before = -1;
    selora_status status = SELORA_OK;
    if (!validation && run->steps.count > 0)
        before = run->steps.step[run->steps.count - 1];
    if (validation && run->validations.count > 0)
        before = run->validations.step[run->validations.count - 1];
    if (!(step >= 0 && step <= 1e15))
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: expected the number of a step under \"step\"", place);
    else if (step < before)
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: step %.0f after step %.0f; steps must not go back", place, step, before);
    else
        status = validation ? add_validation(&run->validations, line, err) : add_step(&run->steps, line, err);
    json_decref(line);
    return status;
}

static selora_status good_log_line(slr_run_record *run, const char *text, size_t length, const char *place, slr_error *err)
{
    selora_status status = log_line(run, text, length, place, NULL);
    return status == SELORA_NO_RESOURCE ? slr_fail_memory(err, 0, place) : SELORA_OK;
}

selora_status slr_run_record_read_log(slr_run_record *run, slr_error *err)
{
    return read_lines(run, "log.jsonl", log_line, err);
}

selora_status slr_run_record_read_good_log(slr_run_record *run, slr_error *err)
{
    return read_lines(run, "log.jsonl", good_log_line, err);
}

/* ---- ranks.csv ---- */

/* Cuts at commas; the count of fields, RANK_FIELDS + 1 when there are more. */
static int cut_fields(char *line, char *fields[RANK_FIELDS])
{
    int count = 0;
    for (char *at = line; at; count++) {
        if (count == RANK_FIELDS)
            return RANK_FIELDS + 1;
        fields[count] = at;
        at = strchr(at, ',');
        if (at)
            *at++ = 0;
    }
    return count;
}

static bool whole_number(const char *text, int64_t most, int64_t *value)
{
    char *end;
    *value = strtoll(text, &end, 10);
    return end != text && !*end && *value >= 0 && *value <= most;
}

/* Digits with a point, whatever the locale; "nan" where a layer was not probed. */
static bool ratio_number(const char *text, double *value)
{
    json_t *number = NULL;
    char array[80];
    *value = NAN;
    if (strcmp(text, "nan") == 0 || strcmp(text, "-nan") == 0 || strcmp(text, "inf") == 0)
        return true;
    snprintf(array, sizeof array, "[%.70s]", text);
    if (slr_json_load_memory(array, strlen(array), "", &number, NULL) != SELORA_OK)
        return false;
    bool good = json_is_number(json_array_get(number, 0)) && json_array_size(number) == 1;
    *value = slr_run_record_number(json_array_get(number, 0));
    json_decref(number);
    return good;
}

static selora_status rank_line(slr_run_record *run, const char *text, size_t length, const char *place, slr_error *err)
{
    char copy[1024], *fields[RANK_FIELDS];
    int64_t step, before, after;
    double ratio;
    if (strncmp(text, "step,", 5) == 0)
        return SELORA_OK;
    snprintf(copy, sizeof copy, "%.*s", (int)(length < sizeof copy ? length : 0), text);
    if (cut_fields(copy, fields) != RANK_FIELDS || !fields[1][0] || !whole_number(fields[0], INT64_MAX / 2, &step) ||
        !ratio_number(fields[2], &ratio) || !whole_number(fields[4], MAX_RANK, &before) ||
        !whole_number(fields[5], MAX_RANK, &after))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: expected step,layer,ratio,standard_error,rank_before,rank_after,note", place);
    if (run->decision_count > 0 && step < run->decisions[run->decision_count - 1].step)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: step %lld after step %lld; steps must not go back", place, (long long)step,
                        (long long)run->decisions[run->decision_count - 1].step);
    if (run->layer_count > MAX_LAYERS)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: more than %d layers; expected the table of a run", place, MAX_LAYERS);
    size_t guess = run->decision_count > 0 ? run->decisions[run->decision_count - 1].layer + 1u : 0;
    slr_run_layer *layer = slr_run_record_layer(run, fields[1], strlen(fields[1]), guess);
    if (!layer || !slr_grow((void **)&run->decisions, &run->decision_capacity, run->decision_count, sizeof *run->decisions))
        return slr_fail_memory(err, 0, place);
    layer->rank = (int)after;
    run->decisions[run->decision_count++] =
        (slr_run_decision){.step = step, .layer = (uint32_t)(layer - run->layers), .before = (int)before, .after = (int)after,
                           .ratio = ratio, .noted = fields[6][0] != 0};
    return SELORA_OK;
}

selora_status slr_run_record_read_ranks(slr_run_record *run, slr_error *err)
{
    return read_lines(run, "ranks.csv", rank_line, err);
}
