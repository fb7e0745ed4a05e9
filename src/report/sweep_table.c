/* SPDX-License-Identifier: MIT */
#include "report/sweep_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/atomic_file.h"
#include "io/csv.h"
#include "io/json.h"
#include "report/paired.h"

static const char loss_key[] = "best_validation_loss";

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

static bool is_arm(const json_t *row, const char *arm)
{
    return strcmp(text_of(row, "arm"), arm) == 0;
}

/* A mean over the runs of an arm that have the number; null without any. */
static json_t *mean_of(const json_t *rows, const char *arm, const char *key)
{
    double sum = 0;
    size_t index, count = 0;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, index, row) {
        const json_t *value = json_object_get(row, key);
        if (is_arm(row, arm) && json_is_number(value)) {
            sum += json_number_value(value);
            count++;
        }
    }
    return count ? json_real(sum / (double)count) : json_null();
}

static json_t *arm_row(const json_t *rows, const json_t *first)
{
    static const char *const keys[] = {"final_rank", "parameters", "adapter_bytes", "best_validation_loss",
                                       "last_training_loss", "step_seconds_median", "peak_bytes"};
    const char *arm = text_of(first, "arm");
    json_int_t runs = 0, diverged = 0;
    size_t index;
    json_t *row, *result = json_pack("{s:s, s:s}", "arm", arm, "control", text_of(first, "control"));
    json_array_foreach((json_t *)(uintptr_t)rows, index, row)
        if (is_arm(row, arm)) {
            runs++;
            diverged += json_is_true(json_object_get(row, "diverged"));
        }
    json_object_set_new(result, "runs", json_integer(runs));
    json_object_set_new(result, "diverged", json_integer(diverged));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        json_object_set_new(result, keys[i], mean_of(rows, arm, keys[i]));
    return result;
}

/* The loss of an arm at a seed; NaN where there is none. */
static double loss_at(const json_t *rows, const char *arm, const json_t *seed)
{
    size_t index;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, index, row) {
        const json_t *loss = json_object_get(row, loss_key);
        if (is_arm(row, arm) && json_equal(json_object_get(row, "seed"), (json_t *)(uintptr_t)seed) && json_is_number(loss))
            return json_number_value(loss);
    }
    return NAN;
}

/* Every arm at its first row; NULL differences: no memory. */
static json_t *pair_row(const json_t *rows, const json_t *first)
{
    const char *arm = text_of(first, "arm"), *other = text_of(first, "compared_with");
    double *differences = slr_alloc(json_array_size(rows) + 1, sizeof *differences);
    size_t count = 0, index;
    json_t *row;
    if (!differences)
        return NULL;
    json_array_foreach((json_t *)(uintptr_t)rows, index, row) {
        const json_t *seed = json_object_get(row, "seed");
        double difference = loss_at(rows, arm, seed) - loss_at(rows, other, seed);
        if (is_arm(row, arm) && isfinite(difference))
            differences[count++] = difference;
    }
    slr_paired paired = slr_paired_of(differences, count);
    free(differences);
    const char *note = count == 0 ? "no seed at which both have a validation loss" : count == 1 ? "one run"
                       : count < SLR_PAIRED_LEAST ? "two seeds: no interval" : "";
    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:s}", "arm", arm, "compared_with", other, "number", loss_key, "seeds",
                     (json_int_t)count, "mean_difference", slr_json_number(paired.mean), "low", slr_json_number(paired.low), "high",
                     slr_json_number(paired.high), "note", note);
}

static bool is_first(const json_t *rows, size_t at)
{
    const char *arm = text_of(json_array_get(rows, at), "arm");
    for (size_t i = 0; i < at; i++)
        if (is_arm(json_array_get(rows, i), arm))
            return false;
    return true;
}

json_t *slr_sweep_comparison(const json_t *rows)
{
    json_t *arms = json_array(), *pairs = json_array();
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (!is_first(rows, i))
            continue;
        json_array_append_new(arms, arm_row(rows, row));
        if (*text_of(row, "compared_with"))
            json_array_append_new(pairs, pair_row(rows, row));
    }
    return json_pack("{s:o, s:o}", "arms", arms, "pairs", pairs);
}

/* ---- as a table ---- */

/* Members of any row in the order in which they come, objects left out. */
static json_t *columns_of(const json_t *rows)
{
    json_t *columns = json_object(), *row, *value;
    const char *key;
    size_t index;
    json_array_foreach((json_t *)(uintptr_t)rows, index, row)
        json_object_foreach(row, key, value)
            if (!json_is_object(value) && !json_object_get(columns, key))
                json_object_set_new(columns, key, json_true());
    return columns;
}

static void write_cell(FILE *out, const json_t *value)
{
    char *text = !value || json_is_string(value) || json_is_null(value) ? NULL : slr_json_text(value, 0);
    if (json_is_string(value))
        slr_csv_write_field(out, json_string_value(value));
    else if (text)
        fputs(text, out);
    free(text);
}

selora_status slr_sweep_table_write(const json_t *rows, const char *path, slr_error *err)
{
    slr_atomic_file *file;
    SLR_TRY(slr_atomic_open(path, 0644, &file, err));
    FILE *out = slr_atomic_stream(file);
    json_t *columns = columns_of(rows), *row, *ignored;
    const char *key, *comma = "";
    size_t index;
    json_object_foreach(columns, key, ignored) {
        fprintf(out, "%s%s", comma, key);
        comma = ",";
    }
    fputc('\n', out);
    json_array_foreach((json_t *)(uintptr_t)rows, index, row) {
        comma = "";
        json_object_foreach(columns, key, ignored) {
            fputs(comma, out);
            write_cell(out, json_object_get(row, key));
            comma = ",";
        }
        fputc('\n', out);
    }
    json_decref(columns);
    return slr_atomic_commit(file, err);
}
