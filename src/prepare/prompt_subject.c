/* SPDX-License-Identifier: MIT */
#include "prepare/prompt_subject.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/captions.h"
#include "prepare/header_words.h"

static bool is_blank_text(const char *text)
{
    return !text || text[strspn(text, " \t\r\n")] == 0;
}

/* The first table with something in the column of the role; "". */
const char *slr_prompt_cell(const slr_prompt_subject *s, int role)
{
    for (int i = 0; i < s->prompts->table_count; i++) {
        const char *text = s->has_row[i] ? slr_report_table_cell(s->prompts->tables[i].table, s->rows[i],
                                                                 role) : "";
        if (!is_blank_text(text))
            return text;
    }
    return "";
}

const char *slr_prompt_other_cell(const slr_prompt_subject *s, const char *name)
{
    for (int i = 0; i < s->prompts->table_count; i++) {
        const slr_report_table *table = s->prompts->tables[i].table;
        int column = slr_report_table_column(table, name);
        const char *text = s->has_row[i] && column >= 0 ? slr_report_table_other(table, s->rows[i],
                                                                                 column) : "";
        if (!is_blank_text(text))
            return text;
    }
    return "";
}

/* ---- its sources ---- */


/* The picture of an XML report with this stem: its id, else an id that ends in it, when one report only has
   such. */
static const slr_prompt_id *find_tail(const slr_prompts *prompts, const char *stem)
{
    const slr_prompt_id *tails = prompts->tails;
    size_t low = 0, high = prompts->tail_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(tails[middle].text, stem) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low >= prompts->tail_count || strcmp(tails[low].text, stem) != 0)
        return NULL;
    bool two = low + 1 < prompts->tail_count && strcmp(tails[low + 1].text, stem) == 0 &&
               tails[low + 1].report != tails[low].report;
    return tails[low].whole || !two ? &tails[low] : NULL;
}

static selora_status find_xml(slr_prompt_subject *s, slr_error *err)
{
    const char *name = s->picture->name;
    if (!name || s->prompts->xml_count == 0)
        return SELORA_OK;
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name, *dot = strrchr(base, '.');
    char *stem = slr_copy_text_n(base, dot && dot > base ? (size_t)(dot - base) : strlen(base));
    if (!stem)
        return slr_fail_memory(err, strlen(base), "the name of a picture");
    const slr_prompt_id *found = find_tail(s->prompts, stem);
    free(stem);
    if (!found)
        return SELORA_OK;
    slr_prompt_xml *source = &s->prompts->xmls[found->report];
    source->used = true;
    s->xml = source->report;
    s->xml_number = found->report + 1;
    s->xml_caption = source->report->images[found->image].caption;
    return SELORA_OK;
}

/* Numbers of reports are known when the tables that name pictures were asked: `linked` is the second time. */
static void find_rows(slr_prompt_subject *s, bool linked)
{
    const slr_prompt_picture *p = s->picture;
    slr_report_keys keys = {p->name, p->series_uid, p->study_uid, NULL, p->patient_id};
    keys.report = linked ? slr_prompt_cell(s, SLR_ROLE_REPORT) : NULL;
    for (int i = 0; i < s->prompts->table_count; i++) {
        slr_prompt_table *source = &s->prompts->tables[i];
        if ((slr_report_table_key(source->table) == SLR_ROLE_REPORT) != linked)
            continue;
        s->has_row[i] = slr_report_table_find(source->table, &keys, &s->rows[i]);
        if (s->has_row[i])
            source->used[s->rows[i]] = true;
    }
}

/* ---- values of fields ---- */

static const char *report_part(const slr_prompt_subject *s, int field)
{
    const char *text = slr_prompt_cell(s, field);
    if (!*text && s->xml && s->xml->fields[field])
        text = s->xml->fields[field];
    return text;
}

static bool has_report_text(const slr_prompt_subject *s)
{
    return *slr_prompt_cell(s, SLR_FIELD_TEXT) || !is_blank_text(report_part(s, SLR_FIELD_FINDINGS)) ||
           !is_blank_text(report_part(s, SLR_FIELD_IMPRESSION));
}

/* Its number in the list stands for the picture: the message of the reader would hold its path. */
static selora_status find_caption(slr_prompt_subject *s, size_t number, slr_error *err)
{
    slr_error detail = {0};
    if (!s->picture->path || has_report_text(s))
        return SELORA_OK;
    selora_status status = slr_caption_beside(s->picture->path, &s->beside, &detail);
    if (status == SELORA_BAD_INPUT)
        return slr_fail(err, status,
                        "picture %zu: its caption file is not UTF-8 text of at most 1 MiB, or differs "
                        "from a second one beside it", number);
    return status == SELORA_OK ? status : slr_fail(err, status,
                                                   "picture %zu: its caption file cannot be read", number);
}

/* {text} in fresh memory; "" when there is none, NULL when memory lacks. */
static char *whole_text(const slr_prompt_subject *s)
{
    slr_report_choice choice = s->prompts->options.choice;
    const char *text = slr_prompt_cell(s, SLR_FIELD_TEXT), *findings = report_part(s, SLR_FIELD_FINDINGS);
    const char *impression = report_part(s, SLR_FIELD_IMPRESSION);
    if (!is_blank_text(text))
        return slr_copy_text(text);
    if (is_blank_text(findings) && is_blank_text(impression))
        return slr_copy_text(s->beside ? s->beside : "");
    if (choice == SLR_REPORT_BOTH)
        return slr_format("%s %s", findings, impression);
    bool first = choice == SLR_REPORT_FINDINGS;
    const char *asked = first ? findings : impression, *other = first ? impression : findings;
    s->counts->other_part += is_blank_text(asked);
    return slr_copy_text(is_blank_text(asked) ? other : asked);
}

/* A term of the header, as a prompt says it. */
static const char *header_term(const slr_prompt_subject *s, const char *value,
                               const char *(*name)(const char *),
                               const char *(*words)(const char *))
{
    const char *term = value ? name(value) : NULL;
    s->counts->words_unknown += !term && !is_blank_text(value);
    return !term ? "" : words ? words(term) : term;
}

static const char *term_of(const slr_prompt_subject *s, int field, const char *value,
                           const char *(*name)(const char *),
                           const char *(*words)(const char *))
{
    const char *own = slr_prompt_cell(s, field);
    const char *term = *own ? name(own) : NULL;
    if (!*own)
        return header_term(s, value, name, words);
    return term && words ? words(term) : own;
}

static char *age_text(slr_prompt_subject *s)
{
    char text[SLR_AGE_TEXT] = "";
    const char *own = slr_prompt_cell(s, SLR_FIELD_AGE), *value = *own ? own : s->picture->age;
    if (!is_blank_text(value) && !slr_age_words(value, s->prompts->options.exact_age, text))
        s->counts->words_unknown++;
    s->over_89 = strcmp(text, "90+") == 0;
    return slr_copy_text(text);
}

static char *body_part_text(const slr_prompt_subject *s)
{
    char words[SLR_BODY_PART_WORDS];
    const char *term = term_of(s, SLR_FIELD_BODY_PART, s->picture->body_part, slr_body_part_name, NULL);
    const char *name = slr_body_part_name(term);
    return slr_copy_text(name && slr_body_part_words(name, words) ? words : term);
}

static const char *view_text(const slr_prompt_subject *s)
{
    const char *own = slr_prompt_cell(s, SLR_FIELD_VIEW);
    return s->view ? slr_view_words(s->view) : own;
}

char *slr_prompt_value(slr_prompt_subject *s, const char *field)
{
    const slr_prompt_picture *p = s->picture;
    int role = slr_report_role_find(field, strlen(field));
    switch (role) {
    case -1:
        return slr_copy_text(slr_prompt_other_cell(s, field));
    case SLR_FIELD_TEXT:
        return whole_text(s);
    case SLR_FIELD_MODALITY:
        return slr_copy_text(term_of(s, role, p->modality, slr_modality_name, NULL));
    case SLR_FIELD_VIEW:
        return slr_copy_text(view_text(s));
    case SLR_FIELD_LATERALITY:
        return slr_copy_text(term_of(s, role, p->laterality, slr_laterality_name, slr_laterality_words));
    case SLR_FIELD_BODY_PART:
        return body_part_text(s);
    case SLR_FIELD_SEX:
        return slr_copy_text(term_of(s, role, p->sex, slr_sex_name, slr_sex_words));
    case SLR_FIELD_AGE:
        return age_text(s);
    default:
        return slr_copy_text(report_part(s, role));
    }
}

/* ---- all of them ---- */

/* A defined term from table, header or caption, in this order. */
static void find_view(slr_prompt_subject *s)
{
    const char *own = slr_prompt_cell(s, SLR_FIELD_VIEW);
    s->view = slr_view_name(own);
    if (*own)
        return;
    s->counts->words_unknown += !is_blank_text(s->picture->view) && !slr_view_name(s->picture->view);
    s->view = slr_view_name(s->picture->view);
    if (!s->view)
        s->view = slr_view_in_caption(s->xml_caption);
}

selora_status slr_prompt_find_sources(slr_prompt_subject *s, size_t number, slr_error *err)
{
    s->xml_caption = "";
    find_rows(s, false);
    find_rows(s, true);
    SLR_TRY(find_xml(s, err));
    find_view(s);
    return find_caption(s, number, err);
}

bool slr_prompt_has_source(const slr_prompt_subject *s)
{
    for (int i = 0; i < s->prompts->table_count; i++)
        if (s->has_row[i])
            return true;
    return s->xml || s->beside;
}
