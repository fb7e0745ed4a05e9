/* SPDX-License-Identifier: MIT */
#include "prepare/prompts.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "prepare/prompt_subject.h"

/* ---- sources ---- */

selora_status slr_prompts_new(const slr_prompt_options *options, slr_prompts **prompts, slr_error *err)
{
    slr_prompts *made = slr_alloc(1, sizeof *made);
    *prompts = NULL;
    if (!made)
        return slr_fail_memory(err, sizeof *made, "the prompts");
    made->options = *options;
    selora_status status = slr_prompt_template_new(options->template ? options->template : "{text}",
                                                   &made->template, err);
    if (status == SELORA_OK)
        *prompts = made;
    else
        slr_prompts_free(made);
    return status;
}

void slr_prompts_free(slr_prompts *prompts)
{
    if (!prompts)
        return;
    for (int i = 0; i < prompts->table_count; i++) {
        slr_report_table_free(prompts->tables[i].table);
        free(prompts->tables[i].used);
    }
    for (size_t i = 0; i < prompts->xml_count; i++)
        slr_xml_report_free(prompts->xmls[i].report);
    for (size_t i = 0; i < prompts->text_count; i++)
        free(prompts->texts[i]);
    free(prompts->xmls);
    free(prompts->tails);
    free(prompts->texts);
    slr_prompt_template_free(prompts->template);
    free(prompts);
}

selora_status slr_prompts_add_table(slr_prompts *prompts, const char *data, size_t size, const char *name,
                                    slr_error *err)
{
    slr_prompt_table *last = prompts->table_count > 0 ? &prompts->tables[prompts->table_count - 1] : NULL;
    slr_prompt_table added = {.before = last ? last->before + slr_report_table_rows(last->table) : 0};
    if (prompts->table_count >= SLR_PROMPT_TABLES)
        return slr_fail(err, SELORA_USAGE, "%s: more than %d tables of reports", name, SLR_PROMPT_TABLES);
    SLR_TRY(slr_report_table_parse(data, size, name, &prompts->options.columns, &added.table, err));
    added.used = slr_alloc(slr_report_table_rows(added.table), sizeof *added.used);
    if (!added.used) {
        slr_report_table_free(added.table);
        return slr_fail_memory(err, 0, name);
    }
    prompts->tables[prompts->table_count++] = added;
    return SELORA_OK;
}

static bool add_tails(slr_prompts *prompts, const slr_xml_report *report)
{
    for (size_t i = 0; i < report->image_count; i++)
        for (const char *at = report->images[i].id; at; at = strchr(at, '_')) {
            at += *at == '_';
            if (!slr_grow((void **)&prompts->tails, &prompts->tail_capacity, prompts->tail_count,
                          sizeof *prompts->tails))
                return false;
            bool whole = at == report->images[i].id;
            prompts->tails[prompts->tail_count++] = (slr_prompt_id){at, prompts->xml_count, i, whole};
        }
    return true;
}

selora_status slr_prompts_add_xml(slr_prompts *prompts, const char *data, size_t size, const char *name,
                                  slr_error *err)
{
    slr_xml_report *report;
    size_t tails = prompts->tail_count;
    SLR_TRY(slr_xml_report_parse(data, size, name, &report, err));
    if (!add_tails(prompts, report) ||
        !slr_grow((void **)&prompts->xmls, &prompts->xml_capacity, prompts->xml_count,
                  sizeof *prompts->xmls)) {
        prompts->tail_count = tails;
        slr_xml_report_free(report);
        return slr_fail_memory(err, 0, name);
    }
    prompts->xmls[prompts->xml_count++] = (slr_prompt_xml){report, false};
    return SELORA_OK;
}

/* ---- what the options name must exist ---- */

static bool some_table_has(const slr_prompts *prompts, const char *column)
{
    for (int i = 0; i < prompts->table_count; i++)
        if (slr_report_table_column(prompts->tables[i].table, column) >= 0)
            return true;
    return false;
}

/* The keys stay out of prompts: they say who it is. */
static bool is_key(const slr_prompts *prompts, const char *field)
{
    int role = slr_report_role_find(field, strlen(field));
    if (role >= SLR_REPORT_FIELDS)
        return true;
    for (int i = 0; role < 0 && i < prompts->table_count; i++) {
        int column = slr_report_table_column(prompts->tables[i].table, field);
        if (column >= 0 && slr_report_table_is_key(prompts->tables[i].table, column))
            return true;
    }
    return false;
}

static selora_status check_field(const slr_prompts *prompts, const char *field, slr_error *err)
{
    char list[200] = "";
    if (is_key(prompts, field))
        return slr_fail(err, SELORA_USAGE,
                        "--template: {%s} tells whose picture it is; prompts do not hold that", field);
    if (slr_report_role_find(field, strlen(field)) >= 0 || some_table_has(prompts, field))
        return SELORA_OK;
    for (int role = 0; role < SLR_REPORT_FIELDS; role++) {
        strcat(list, role ? ", " : "");
        strcat(list, slr_report_role_name(role));
    }
    return slr_fail(err, SELORA_USAGE,
                    "--template: {%s} is no column of a table and none of these fields: %s. Free texts of "
                    "DICOM headers are not for prompts", field, list);
}

static selora_status check_options(const slr_prompts *prompts, slr_error *err)
{
    for (size_t i = 0; i < slr_prompt_template_fields(prompts->template); i++)
        SLR_TRY(check_field(prompts, slr_prompt_template_field(prompts->template, i), err));
    for (int role = 0; role < SLR_REPORT_ROLES; role++) {
        const char *column = prompts->options.columns.names[role];
        if (column && !some_table_has(prompts, column))
            return slr_fail(err, SELORA_USAGE, "%s: no table of reports has a column %s",
                            role == SLR_ROLE_PATIENT ? "--patient-col" : "--columns", column);
    }
    if (prompts->options.label_column && !some_table_has(prompts, prompts->options.label_column))
        return slr_fail(err, SELORA_USAGE, "--stratify: no table of reports has a column %s",
                        prompts->options.label_column);
    return SELORA_OK;
}

/* ---- one picture ---- */

static bool is_report_text(const char *field)
{
    int role = slr_report_role_find(field, strlen(field));
    return role == SLR_FIELD_TEXT || role == SLR_FIELD_FINDINGS || role == SLR_FIELD_IMPRESSION;
}

/* ---- its prompt ---- */

static void clean(slr_prompt_subject *s, char *value, size_t *xxxx)
{
    slr_prompt_blanks(value);
    *xxxx += slr_xxxx_count(value);
    if (s->prompts->options.xxxx == SLR_XXXX_DROP)
        slr_xxxx_drop(value);
}

/* Cleaned values of all fields; the caller frees them, also after a failure. */
static selora_status fill_values(slr_prompt_subject *s, char **values, size_t *xxxx, bool *lacks_text,
                                 slr_error *err)
{
    size_t texts = 0, found = 0;
    for (size_t i = 0; i < slr_prompt_template_fields(s->prompts->template); i++) {
        const char *field = slr_prompt_template_field(s->prompts->template, i);
        if (!(values[i] = slr_prompt_value(s, field)))
            return slr_fail(err, SELORA_NO_RESOURCE, "not enough memory for a prompt");
        clean(s, values[i], xxxx);
        texts += is_report_text(field);
        found += is_report_text(field) && *values[i];
    }
    *lacks_text = texts > 0 && found == 0;
    return SELORA_OK;
}

static void count_source(const slr_prompt_subject *s)
{
    bool table = *slr_prompt_cell(s, SLR_FIELD_TEXT) || *slr_prompt_cell(s, SLR_FIELD_FINDINGS) ||
                 *slr_prompt_cell(s, SLR_FIELD_IMPRESSION);
    bool xml = s->xml && (s->xml->fields[SLR_FIELD_FINDINGS] || s->xml->fields[SLR_FIELD_IMPRESSION]);
    s->counts->from_table += table;
    s->counts->from_xml += !table && xml;
    s->counts->from_caption += !table && !xml && s->beside;
    s->counts->from_header += !table && !xml && !s->beside;
}

static selora_status make_prompt(slr_prompt_subject *s, const char *const *values, size_t number, size_t xxxx,
                                 char **text,
                                 slr_error *err)
{
    size_t missing;
    SLR_TRY(slr_prompt_template_fill(s->prompts->template, values, text, &missing, err));
    slr_prompt_blanks(*text);
    if (!**text)
        return SELORA_OK;
    slr_prompt_counts *counts = s->counts;
    SLR_TRY(slr_token_budget_fit(&counts->tokens, number, *text, err));
    slr_text_scan_add(&counts->scan, *text, strlen(*text));
    counts->fields_missing += missing;
    counts->xxxx_words += xxxx;
    counts->xxxx_prompts += xxxx > 0;
    counts->ages_over_89 += s->over_89;
    count_source(s);
    return SELORA_OK;
}

/* A row of a table that names reports, series or studies says more than one that names images. */
static size_t report_number(const slr_prompt_subject *s)
{
    size_t number = 0;
    bool shared = false;
    if (s->xml)
        return s->xml_number;
    for (int i = 0; i < s->prompts->table_count && !shared; i++) {
        const slr_prompt_table *source = &s->prompts->tables[i];
        if (!s->has_row[i])
            continue;
        shared = slr_report_table_key(source->table) != SLR_ROLE_IMAGE;
        if (shared || number == 0)
            number = s->prompts->xml_count + source->before + s->rows[i] + 1;
    }
    return number;
}

static selora_status fill_prompt(slr_prompt_subject *s, char **values, size_t number, slr_prompt *result,
                                 char **text, slr_error *err)
{
    size_t xxxx = 0;
    bool lacks_text = false;
    SLR_TRY(slr_prompt_find_sources(s, number, err));
    *result = (slr_prompt){.patient = slr_prompt_cell(s, SLR_ROLE_PATIENT), .label = "",
                           .view = s->view ? s->view : "", .report = report_number(s)};
    if (s->prompts->options.label_column)
        result->label = slr_prompt_other_cell(s, s->prompts->options.label_column);
    size_t before = s->counts->other_part;
    SLR_TRY(fill_values(s, values, &xxxx, &lacks_text, err));
    if (lacks_text)
        result->skip = slr_prompt_has_source(s) ? SLR_PROMPT_NO_TEXT : SLR_PROMPT_NO_REPORT;
    else if (xxxx > 0 && s->prompts->options.xxxx == SLR_XXXX_SPLIT)
        result->skip = SLR_PROMPT_XXXX;
    else
        SLR_TRY(make_prompt(s, (const char *const *)values, number, xxxx, text, err));
    if (!result->skip && !**text)
        result->skip = slr_prompt_has_source(s) ? SLR_PROMPT_NO_TEXT : SLR_PROMPT_NO_REPORT;
    if (result->skip) {
        free(*text);
        *text = NULL;
        s->counts->other_part = before;
    }
    result->text = *text;
    s->counts->skips[result->skip]++;
    return SELORA_OK;
}

/* ---- all pictures ---- */

static int by_tail(const void *a, const void *b)
{
    const slr_prompt_id *left = a, *right = b;
    int order = strcmp(left->text, right->text);
    order = order ? order : right->whole - left->whole;
    return order ? order : (left->report > right->report) - (left->report < right->report);
}

static int by_prompt(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static selora_status count_same(const slr_prompts *prompts, slr_prompt_counts *counts, slr_error *err)
{
    size_t used = 0;
    const char **texts = slr_alloc(prompts->text_count, sizeof *texts);
    if (!texts)
        return slr_fail_memory(err, prompts->text_count * sizeof *texts, "the prompts");
    for (size_t i = 0; i < prompts->text_count; i++)
        if (prompts->texts[i])
            texts[used++] = prompts->texts[i];
    if (used > 1)
        qsort(texts, used, sizeof *texts, by_prompt);
    for (size_t begin = 0, end; begin < used; begin = end) {
        for (end = begin; end < used && strcmp(texts[end], texts[begin]) == 0; end++)
            ;
        counts->same_text += end - begin > 1 ? end - begin : 0;
        counts->most_same = end - begin > counts->most_same ? end - begin : counts->most_same;
    }
    free(texts);
    return SELORA_OK;
}

static void count_reports(const slr_prompts *prompts, slr_prompt_counts *counts)
{
    for (int i = 0; i < prompts->table_count; i++)
        for (size_t row = 0; row < slr_report_table_rows(prompts->tables[i].table); row++) {
            counts->reports++;
            counts->reports_unused += !prompts->tables[i].used[row];
        }
    for (size_t i = 0; i < prompts->xml_count; i++)
        counts->reports_unused += !prompts->xmls[i].used;
    counts->reports += prompts->xml_count;
}

static selora_status fill_all(slr_prompts *prompts, const slr_prompt_picture *pictures, size_t count,
                              char **values,
                              slr_prompt *results, slr_prompt_counts *counts, slr_error *err)
{
    size_t fields = slr_prompt_template_fields(prompts->template);
    selora_status status = SELORA_OK;
    for (size_t i = 0; status == SELORA_OK && i < count; i++) {
        slr_prompt_subject s = {.prompts = prompts, .counts = counts, .picture = &pictures[i]};
        status = fill_prompt(&s, values, i + 1, &results[i], &prompts->texts[i], err);
        for (size_t k = 0; k < fields; k++) {
            free(values[k]);
            values[k] = NULL;
        }
        free(s.beside);
    }
    return status;
}

selora_status slr_prompts_fill(slr_prompts *prompts, const slr_prompt_picture *pictures, size_t count,
                               slr_prompt *results,
                               slr_prompt_counts *counts, slr_error *err)
{
    *counts = (slr_prompt_counts){.tokens = {.tokenizer = prompts->options.tokenizer,
                                             .truncate = prompts->options.truncate}};
    if (prompts->texts)
        return slr_fail(err, SELORA_USAGE, "the prompts were filled already");
    SLR_TRY(check_options(prompts, err));
    if (prompts->tail_count > 1)
        qsort(prompts->tails, prompts->tail_count, sizeof *prompts->tails, by_tail);
    char **values = slr_alloc(slr_prompt_template_fields(prompts->template), sizeof *values);
    prompts->texts = slr_alloc(count, sizeof *prompts->texts);
    if (!values || !prompts->texts) {
        free(values);
        return slr_fail_memory(err, count * sizeof *prompts->texts, "the prompts");
    }
    prompts->text_count = count;
    selora_status status = fill_all(prompts, pictures, count, values, results, counts, err);
    free(values);
    SLR_TRY(status);
    count_reports(prompts, counts);
    return count_same(prompts, counts, err);
}
