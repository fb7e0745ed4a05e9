/* SPDX-License-Identifier: MIT */
#include "report/evaluation_file.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/atomic_file.h"
#include "io/csv.h"
#include "io/json.h"

static const char *const words[SLR_ROLES] = {"real", "train", "synthetic", "base"};
enum { CSV_LIMIT = 1 << 26 };

static json_t *metric_json(const slr_metric *metric)
{
    json_t *item = json_object();
    slr_json_put_number(item, "value", metric->value);
    slr_json_put_number(item, "se", metric->se);
    slr_json_put_number(item, "low", metric->low);
    slr_json_put_number(item, "high", metric->high);
    slr_json_put_count(item, "n", metric->n);
    slr_json_put_count(item, "m", metric->m);
    if (metric->dim)
        slr_json_put_count(item, "features", metric->dim);
    slr_json_put_number(item, "floor", metric->floor);
    slr_json_put_number(item, "base", metric->base);
    slr_json_put_text(item, "preproc", metric->preproc);
    slr_json_put_text(item, "weights_sha256", metric->weights_sha256);
    json_object_set_new(item, "note", json_string(metric->note));
    json_object_set(item, "extra", metric->extra);
    return item;
}

static json_t *side_json(const slr_judged_side *side)
{
    json_t *item = json_object();
    slr_json_put_count(item, "pictures", side->pictures);
    slr_json_put_count(item, side->patients ? "patients" : "groups", side->groups);
    slr_json_put_count(item, "prompts", side->prompts);
    json_object_set_new(item, "source", json_string(side->source));
    json_object_set_new(item, "sha256", json_string(side->sha256));
    json_object_set_new(item, "windows", json_string(side->windows));
    return item;
}

selora_status slr_evaluation_save(const slr_evaluation *e, const char *path, slr_error *err)
{
    json_t *root = json_object(), *metrics = json_object();
    json_object_set_new(root, "format", json_string("selora-metrics/1"));
    json_object_set_new(root, "selora", json_string(SELORA_VERSION));
    json_object_set_new(root, "seed", json_integer((json_int_t)e->seed));
    json_object_set_new(root, "size", json_integer(e->size));
    json_object_set_new(root, "forced", json_boolean(e->forced));
    for (int role = 0; role < SLR_ROLES; role++)
        if (e->sides[role].pictures)
            json_object_set_new(root, words[role], side_json(&e->sides[role]));
    slr_json_put_count(root, "shared_prompts", e->shared_prompts);
    for (size_t i = 0; i < e->metrics.count; i++) {
        char key[160];
        snprintf(key, sizeof key, "%s/%s", e->metrics.items[i].name, e->metrics.items[i].extractor);
        json_object_set_new(metrics, key, metric_json(&e->metrics.items[i]));
    }
    json_object_set_new(root, "metrics", metrics);
    selora_status status = slr_json_save_file(root, path, err);
    json_decref(root);
    return status;
}

/* ---- CSV ---- */

static void write_header(FILE *stream, const slr_evaluation *e)
{
    fputs("label,real,synthetic,seed", stream);
    for (size_t i = 0; i < e->metrics.count; i++) {
        char key[176];
        snprintf(key, sizeof key, "%s/%s", e->metrics.items[i].name, e->metrics.items[i].extractor);
        putc(',', stream);
        slr_csv_write_field(stream, key);
        strcat(key, " se");
        putc(',', stream);
        slr_csv_write_field(stream, key);
    }
    putc('\n', stream);
}

static void write_number(FILE *stream, double value)
{
    json_t *item = slr_json_number(value);
    char *text = json_is_null(item) ? NULL : slr_json_text(item, 0); /* no locale, no lost digits */
    putc(',', stream);
    if (text)
        fputs(text, stream);
    free(text);
    json_decref(item);
}

static void write_line(FILE *stream, const slr_evaluation *e)
{
    slr_csv_write_field(stream, e->label);
    fprintf(stream, ",%zu,%zu,%llu", e->sides[SLR_ROLE_REAL].pictures, e->sides[SLR_ROLE_SYNTHETIC].pictures,
            (unsigned long long)e->seed);
    for (size_t i = 0; i < e->metrics.count; i++) {
        write_number(stream, e->metrics.items[i].value);
        write_number(stream, e->metrics.items[i].se);
    }
    putc('\n', stream);
}

selora_status slr_evaluation_append(const slr_evaluation *e, const char *path, bool *appended, slr_error *err)
{
    char *header = NULL, *old = NULL;
    size_t size = 0, old_size = 0;
    slr_atomic_file *file;
    FILE *memory = open_memstream(&header, &size);
    if (!memory)
        return slr_fail_memory(err, 0, "a table");
    write_header(memory, e);
    fclose(memory);
    *appended = true;
    selora_status status = SELORA_OK;
    if (access(path, F_OK) == 0)
        status = slr_read_file(path, CSV_LIMIT, &old, &old_size, err);
    if (status == SELORA_OK && old)
        *appended = old_size >= size && memcmp(old, header, size) == 0;
    if (status == SELORA_OK && *appended)
        status = slr_atomic_open(path, 0644, &file, err);
    if (status == SELORA_OK && *appended) {
        FILE *stream = slr_atomic_stream(file);
        fwrite(old ? old : header, 1, old ? old_size : size, stream);
        write_line(stream, e);
        status = slr_atomic_commit(file, err);
    }
    free(header);
    free(old);
    return status;
}

/* ---- for people ---- */

void slr_judged_side_text(const slr_evaluation *e, slr_role role, char text[192])
{
    static const char *const names[SLR_ROLES] = {"real", "training", "synthetic", "base model"};
    const slr_judged_side *side = &e->sides[role];
    text[0] = '\0';
    if (!side->pictures)
        return;
    size_t length = (size_t)snprintf(text, 192, "%s%s %zu %s", names[role],
                                     role == SLR_ROLE_REAL && strcmp(side->source, "real-test") == 0 ? " test" : "",
                                     side->pictures, e->files ? "rows" : "pictures");
    if (side->patients)
        length += (size_t)snprintf(text + length, 192 - length, ", %zu patients", side->groups);
    if (side->prompts)
        snprintf(text + length, 192 - length, ", %zu prompts", side->prompts);
}

const char *slr_metric_value_text(double value, char text[32])
{
    if (!isfinite(value))
        return "-";
    snprintf(text, 32, fabs(value) >= 1000 ? "%.0f" : fabs(value) >= 100 ? "%.1f" : fabs(value) >= 1 ? "%.3f" : "%.4f", value);
    char *comma = strchr(text, ',');
    if (comma)
        *comma = '.';
    return text;
}

char *slr_evaluation_text(const slr_evaluation *e)
{
    char *text = NULL, side[192];
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (int role = 0, shown = 0; role < SLR_ROLES; role++) {
        slr_judged_side_text(e, (slr_role)role, side);
        if (side[0])
            fprintf(out, "%s%s", shown++ ? " | " : "", side);
    }
    if (!e->files)
        fprintf(out, " | %d px%s%s", e->size, e->sides[SLR_ROLE_REAL].windows[0] ? ", window: " : "",
                e->sides[SLR_ROLE_REAL].windows);
    fprintf(out, " | seed %llu\n", (unsigned long long)e->seed);
    if (e->sides[SLR_ROLE_SYNTHETIC].prompts && e->sides[SLR_ROLE_REAL].prompts)
        fprintf(out, "%zu of %zu synthetic pictures have a prompt of the real ones\n", e->shared_prompts,
                e->sides[SLR_ROLE_SYNTHETIC].pictures);
    fprintf(out, "%-34s %10s %9s %10s %10s   %s\n", "metric", "value", "+- se", "floor", "base", "note");
    for (size_t i = 0; i < e->metrics.count; i++) {
        const slr_metric *m = &e->metrics.items[i];
        char key[160], value[32], se[32], floor_text[32], base[32];
        snprintf(key, sizeof key, "%s/%s%s%.8s", m->name, m->extractor, m->weights_sha256[0] ? " " : "", m->weights_sha256);
        fprintf(out, "%-34s %10s %9s %10s %10s   %s\n", key, slr_metric_value_text(m->value, value),
                slr_metric_value_text(m->se, se), slr_metric_value_text(m->floor, floor_text),
                slr_metric_value_text(m->base, base), m->note);
    }
    fclose(out);
    return text;
}
