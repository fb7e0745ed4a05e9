/* SPDX-License-Identifier: MIT
 * What the terminal and manifest.json tell about a data set: counts, no names. */
#include "prepare/manifest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/json.h"
#include "prepare/preparation.h"

/* ---- traps ---- */

json_t *slr_traps_json(const slr_traps *traps, bool all)
{
    json_t *list = json_array();
    for (int k = 0; k < SLR_TRAPS; k++) {
        const slr_trap *trap = &traps->found[k];
        if (trap->severity == SLR_TRAP_NONE && !all)
            continue;
        json_t *rows = json_array();
        for (int i = 0; i < trap->shown; i++)
            json_array_append_new(rows, json_integer(trap->rows[i]));
        json_array_append_new(list,
                              json_pack("{ss ss sI so ss ss}", "trap", slr_trap_id(k), "severity",
                                        slr_trap_severity_name(trap->severity), "count",
                                        (json_int_t)trap->count, "first_rows", rows, "seen", trap->text,
                                        "advice", trap->severity == SLR_TRAP_NONE ? "" : slr_trap_advice(k)));
    }
    return list;
}

/* ---- counts ---- */

static void count_one(json_t *counts, const char *value)
{
    const char *key = value && *value ? value : "absent";
    json_object_set_new(counts, key, json_integer(json_integer_value(json_object_get(counts, key)) + 1));
}

/* How often each value of a column occurs; the order is that of the rows. */
static json_t *count_column(const slr_rows *rows, slr_row_column column)
{
    json_t *counts = json_object();
    for (size_t r = 0; r < rows->count; r++)
        count_one(counts, slr_rows_get(rows, r, column));
    return counts;
}

static json_int_t count_value(const slr_rows *rows, slr_row_column column, const char *value)
{
    json_int_t count = 0;
    for (size_t r = 0; r < rows->count; r++)
        count += strcmp(slr_rows_get(rows, r, column), value) == 0;
    return count;
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Smallest, middle, largest. */
static json_t *span(const slr_rows *rows, slr_row_column column)
{
    int *values = slr_alloc(rows->count + 1, sizeof *values);
    if (!values || rows->count == 0) {
        free(values);
        return json_array();
    }
    for (size_t r = 0; r < rows->count; r++)
        values[r] = atoi(slr_rows_get(rows, r, column));
    qsort(values, rows->count, sizeof *values, by_number);
    json_t *result = json_pack("[i, i, i]", values[0], values[rows->count / 2], values[rows->count - 1]);
    free(values);
    return result;
}

static json_t *file_counts(const slr_prepare_counts *c, json_t **skipped)
{
    *skipped = json_object();
    for (int s = 1; s < SLR_SKIP_COUNT; s++)
        if (c->skips[s])
            slr_json_put_count(*skipped, slr_picture_skip_name(s), c->skips[s]);
    return json_pack("{sI sI sI sI sI sI sI}", "found", (json_int_t)c->found, "left_out",
                     (json_int_t)c->left_out, "reports", (json_int_t)c->reports, "other",
                     (json_int_t)c->other, "tables_not_read", (json_int_t)c->tables_left,
                     "may_be_pictures", (json_int_t)c->examined, "bad", (json_int_t)c->bad);
}

static json_t *picture_counts(const slr_preparation *p)
{
    const slr_prepare_counts *c = &p->counts;
    json_t *counts =
        json_pack("{sI sI sI sI}", "rows", (json_int_t)p->rows.count, "added", (json_int_t)c->added,
                  "there_before", (json_int_t)p->old_rows, "left_by_slice_rule", (json_int_t)c->slices_left);
    if (c->without_text)
        json_object_set_new(counts, p->job->keep_without_text ? "without_text" : "left_without_text",
                            json_integer((json_int_t)c->without_text));
    if (c->series)
        json_object_update_new(counts,
                               json_pack("{sI sI sI}", "series_of_slices", (json_int_t)c->series,
                                         "series_with_slices_at_one_place", (json_int_t)c->series_equal,
                                         "series_of_several_orientations", (json_int_t)c->series_turned));
    return counts;
}

static json_t *warning_counts(const slr_rows *rows)
{
    json_t *counts = json_object();
    for (int bit = 0; bit < SLR_WARN_COUNT; bit++) {
        json_int_t count = 0;
        for (size_t r = 0; r < rows->count; r++)
            count += strtoul(slr_rows_get(rows, r, SLR_COLUMN_WARNINGS), NULL, 10) >> bit & 1;
        if (count)
            json_object_set_new(counts, slr_picture_warning_name(bit), json_integer(count));
    }
    return counts;
}

static json_t *prompt_counts(const slr_prepare_counts *c)
{
    const slr_prompt_counts *t = &c->prompts;
    json_t *counts =
        json_pack("{sI sI sI sI sI sI sI sI sI sI}", "reports", (json_int_t)t->reports, "reports_unused",
                  (json_int_t)t->reports_unused, "from_tables", (json_int_t)t->from_table, "from_xml",
                  (json_int_t)t->from_xml, "from_caption_files", (json_int_t)t->from_caption, "from_headers",
                  (json_int_t)t->from_header, "other_part_taken", (json_int_t)t->other_part, "with_xxxx",
                  (json_int_t)t->xxxx_prompts, "words_xxxx", (json_int_t)t->xxxx_words, "left_with_xxxx",
                  (json_int_t)t->skips[SLR_PROMPT_XXXX]);
    slr_json_put_count(counts, "fields_missing", t->fields_missing);
    if (t->tokens.prompts) {
        json_t *lost = json_array(), *rows = json_array();
        for (int i = 0; i < SLR_MOST_CUT && t->tokens.most[i].lost > 0; i++) {
            json_array_append_new(lost, json_integer((json_int_t)t->tokens.most[i].lost));
            json_array_append_new(rows, json_integer((json_int_t)c->most_cut[i]));
        }
        json_object_update_new(counts, json_pack("{sI sI sI sI sI so so}", "token_limit",
                                                 (json_int_t)slr_tokenizer_length(t->tokens.tokenizer),
                                                 "cut_at_the_limit", (json_int_t)t->tokens.cut, "tokens_lost",
                                                 (json_int_t)t->tokens.lost, "ended_after_a_sentence",
                                                 (json_int_t)t->tokens.shortened, "longest_tokens",
                                                 (json_int_t)t->tokens.longest, "most_cut_rows", rows,
                                                 "most_cut_tokens", lost));
    }
    return counts;
}

static json_t *scan_counts(const slr_text_scan *scan)
{
    json_t *counts =
        json_pack("{sI sI}", "prompts", (json_int_t)scan->scanned, "suspect", (json_int_t)scan->suspect);
    for (int k = 0; k < SLR_SCAN_KINDS; k++)
        slr_json_put_count(counts, slr_text_scan_id(k), scan->found[k]);
    return counts;
}

static json_t *split_counts(const slr_preparation *p)
{
    static const char *const names[] = {"all", "train", "validation", "test"};
    const slr_split_report *s = &p->counts.split;
    json_t *counts = json_object(), *sides = json_array();
    for (int k = 1; k < 4; k++)
        json_array_append_new(sides,
                              json_pack("{ss sI sI}", "part", names[k], "pictures",
                                        (json_int_t)s->pictures[k], "patients", (json_int_t)s->patients[k]));
    json_object_set_new(counts, "by",
                        json_string(s->unknown == s->pictures[0] ? "picture: leakage possible" : "patient"));
    slr_json_put_count(counts, "patients", s->patients[0]);
    slr_json_put_count(counts, "pictures_of_unknown_patients", s->unknown);
    slr_json_put_count(counts, "patients_on_two_sides", s->patients_on_two_sides);
    slr_json_put_count(counts, "largest_patient", s->largest_patient);
    json_object_set_new(counts, "parts", sides);
    if (s->label_count) {
        json_t *labels = json_array();
        for (size_t i = 0; i < s->label_count && i < 100; i++)
            json_array_append_new(labels, json_pack("{ss sI sI sI}", "label", s->labels[i].label, "train",
                                                    (json_int_t)s->labels[i].pictures[1], "validation",
                                                    (json_int_t)s->labels[i].pictures[2], "test",
                                                    (json_int_t)s->labels[i].pictures[3]));
        json_object_set_new(counts, "labels", labels);
    }
    return counts;
}

static json_t *pixel_counts(const slr_rows *rows)
{
    json_t *counts = json_object();
    static const slr_row_column columns[] = {
        SLR_COLUMN_KIND, SLR_COLUMN_MODALITY,  SLR_COLUMN_PHOTOMETRIC, SLR_COLUMN_BITS,
        SLR_COLUMN_VOI,  SLR_COLUMN_COLOUR,    SLR_COLUMN_SYNTAX,      SLR_COLUMN_LOSSY,
        SLR_COLUMN_VIEW, SLR_COLUMN_BURNED_IN, SLR_COLUMN_DEIDENTIFIED};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        json_object_set_new(counts, slr_row_column_name(columns[i]), count_column(rows, columns[i]));
    json_object_set_new(counts, "inverted", json_integer(count_value(rows, SLR_COLUMN_INVERTED, "yes")));
    json_object_set_new(counts, "with_padding", json_integer(count_value(rows, SLR_COLUMN_PADDING, "yes")));
    json_object_set_new(counts, "width_min_median_max", span(rows, SLR_COLUMN_WIDTH));
    json_object_set_new(counts, "height_min_median_max", span(rows, SLR_COLUMN_HEIGHT));
    return counts;
}

static double rounded(double value)
{
    return round(100 * value) / 100;
}

json_t *slr_manifest_make(const slr_preparation *p)
{
    const slr_prepare_counts *c = &p->counts;
    json_t *skipped, *files = file_counts(c, &skipped);
    json_t *root = json_pack("{ss ss sO}", "format", SLR_DATA_SET_FORMAT, "version", selora_version(),
                             "settings", p->job->settings);
    json_object_set_new(root, "files", files);
    json_object_set_new(root, "skipped", skipped);
    json_object_set_new(root, "pictures", picture_counts(p));
    json_object_set_new(root, "headers_and_pixels", pixel_counts(&p->rows));
    json_object_set_new(root, "warnings", warning_counts(&p->rows));
    json_object_set_new(root, "prompts", prompt_counts(c));
    json_object_set_new(root, "may_tell_who", scan_counts(&c->prompts.scan));
    json_object_set_new(root, "split", split_counts(p));
    json_object_set_new(root, "traps", slr_traps_json(&c->traps, true));
    json_object_set_new(root, "run",
                        json_pack("{sf sf sI}", "seconds", rounded(c->seconds), "pictures_per_second",
                                  rounded(c->pictures_per_second), "peak_megabytes",
                                  (json_int_t)(c->peak_kilobytes / 1024)));
    return root;
}
