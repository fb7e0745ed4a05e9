/* SPDX-License-Identifier: MIT */
#include "prepare/prompt_template.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/utf8.h"

enum { MAX_PATTERN = 4096, MAX_FIELDS = 64 };

/* A run of characters, or a field, of one word. */
typedef struct piece {
    size_t begin, length; /* in `text` */
    int field;            /* -1: characters */
} piece;

/* Pieces without a blank between them. */
typedef struct word {
    size_t first, count; /* pieces */
    bool blank;          /* one stands before it */
    bool opens;          /* it is the first of its part: a comma stands before it */
} word;

struct slr_prompt_template {
    char *text; /* the pattern with braces undone; names of fields too */
    size_t text_size;
    piece *pieces;
    size_t piece_count, piece_capacity;
    word *words;
    size_t word_count, word_capacity;
    char *fields[MAX_FIELDS];
    size_t field_count;
};

void slr_prompt_template_free(slr_prompt_template *template)
{
    if (!template)
        return;
    for (size_t i = 0; i < template->field_count; i++)
        free(template->fields[i]);
    free(template->text);
    free(template->pieces);
    free(template->words);
    free(template);
}

size_t slr_prompt_template_fields(const slr_prompt_template *template)
{
    return template->field_count;
}

const char *slr_prompt_template_field(const slr_prompt_template *template, size_t index)
{
    return template->fields[index];
}

/* ---- reading a pattern ---- */

typedef struct reader {
    const char *pattern, *at;
    slr_prompt_template *made;
    bool blank, opens, in_word; /* of the word that comes or is being read */
} reader;

static selora_status fail_memory(slr_error *err)
{
    return slr_fail(err, SELORA_NO_RESOURCE, "not enough memory for the template");
}

static selora_status begin_word(reader *in, slr_error *err)
{
    slr_prompt_template *t = in->made;
    if (in->in_word)
        return SELORA_OK;
    if (!slr_grow((void **)&t->words, &t->word_capacity, t->word_count, sizeof *t->words))
        return fail_memory(err);
    t->words[t->word_count++] = (word){.first = t->piece_count, .blank = in->blank, .opens = in->opens};
    in->blank = in->opens = false;
    in->in_word = true;
    return SELORA_OK;
}

static selora_status add_piece(reader *in, piece added, slr_error *err)
{
    slr_prompt_template *t = in->made;
    if (!slr_grow((void **)&t->pieces, &t->piece_capacity, t->piece_count, sizeof *t->pieces))
        return fail_memory(err);
    t->pieces[t->piece_count++] = added;
    t->words[t->word_count - 1].count++;
    return SELORA_OK;
}

static selora_status add_character(reader *in, char c, slr_error *err)
{
    slr_prompt_template *t = in->made;
    SLR_TRY(begin_word(in, err));
    const word *last = &t->words[t->word_count - 1];
    if (last->count == 0 || t->pieces[t->piece_count - 1].field >= 0)
        SLR_TRY(add_piece(in, (piece){.begin = t->text_size, .field = -1}, err));
    t->text[t->text_size++] = c;
    t->pieces[t->piece_count - 1].length++;
    return SELORA_OK;
}

static selora_status find_field(slr_prompt_template *t, const char *name, size_t length, int *field,
                                slr_error *err)
{
    for (size_t i = 0; i < t->field_count; i++)
        if (strlen(t->fields[i]) == length && memcmp(t->fields[i], name, length) == 0) {
            *field = (int)i;
            return SELORA_OK;
        }
    if (t->field_count >= MAX_FIELDS)
        return slr_fail(err, SELORA_USAGE, "--template: more than %d different fields", MAX_FIELDS);
    *field = (int)t->field_count;
    if (!(t->fields[t->field_count] = slr_copy_text_n(name, length)))
        return fail_memory(err);
    t->field_count++;
    return SELORA_OK;
}

/* After "{". */
static selora_status read_field(reader *in, slr_error *err)
{
    int field = -1;
    size_t length = strcspn(in->at, "{}");
    size_t place = (size_t)(in->at - in->pattern);
    if (in->at[length] != '}')
        return slr_fail(err, SELORA_USAGE,
                        "--template: the { at character %zu is never closed; {{ stands for a brace", place);
    if (length == 0)
        return slr_fail(err, SELORA_USAGE, "--template: {} at character %zu names no field", place);
    SLR_TRY(begin_word(in, err));
    SLR_TRY(find_field(in->made, in->at, length, &field, err));
    in->at += length + 1;
    return add_piece(in, (piece){.field = field}, err);
}

static selora_status read_pattern(reader *in, slr_error *err)
{
    in->opens = true;
    while (*in->at) {
        char c = *in->at++;
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            in->blank = true;
            in->in_word = false;
        } else if (c == ',') {
            if (in->opens) /* nothing since the last comma: an empty part */
                SLR_TRY(begin_word(in, err));
            in->opens = true;
            in->blank = in->in_word = false;
        } else if (c == '{' && *in->at != '{') {
            SLR_TRY(read_field(in, err));
        } else if ((c == '{' || c == '}') && *in->at == c) {
            in->at++;
            SLR_TRY(add_character(in, c, err));
        } else if (c == '}') {
            return slr_fail(err, SELORA_USAGE,
                            "--template: the } at character %zu closes nothing; }} stands for a brace",
                            (size_t)(in->at - in->pattern));
        } else {
            SLR_TRY(add_character(in, c, err));
        }
    }
    return in->opens ? begin_word(in, err) : SELORA_OK;
}

selora_status slr_prompt_template_new(const char *pattern, slr_prompt_template **result, slr_error *err)
{
    size_t size = strlen(pattern);
    *result = NULL;
    if (size > MAX_PATTERN || slr_utf8_valid(pattern, size) < size)
        return slr_fail(err, SELORA_USAGE, size > MAX_PATTERN ? "--template: is longer than 4096 bytes"
                                                              : "--template: is not UTF-8");
    slr_prompt_template *made = slr_alloc(1, sizeof *made);
    reader in = {.pattern = pattern, .at = pattern, .made = made};
    if (!made || !(made->text = slr_alloc(size + 1, 1))) {
        slr_prompt_template_free(made);
        return fail_memory(err);
    }
    selora_status status = read_pattern(&in, err);
    if (status == SELORA_OK)
        *result = made;
    else
        slr_prompt_template_free(made);
    return status;
}

/* ---- filling it ---- */

typedef struct filler {
    const slr_prompt_template *template;
    const char *const *values;
    char *text;
    size_t size, capacity;
    size_t missing;
    bool failed;
} filler;

static bool is_missing(const filler *f, const piece *p)
{
    return p->field >= 0 && (!f->values[p->field] || !*f->values[p->field]);
}

static void put(filler *f, const char *bytes, size_t size)
{
    if (f->failed || !slr_grow((void **)&f->text, &f->capacity, f->size + size, 1)) {
        f->failed = true;
        return;
    }
    memcpy(f->text + f->size, bytes, size);
    f->size += size;
}

/* Fields of a word, and how many of them are missing. */
static size_t count_fields(const filler *f, const word *w, size_t *missing)
{
    size_t fields = 0;
    for (size_t i = w->first; i < w->first + w->count; i++) {
        fields += f->template->pieces[i].field >= 0;
        *missing += is_missing(f, &f->template->pieces[i]);
    }
    return fields;
}

static bool lacks_field(const filler *f, const word *w)
{
    size_t missing = 0;
    count_fields(f, w, &missing);
    return missing > 0;
}

/* "age:" before a word that goes. */
static bool is_label(const filler *f, const word *w)
{
    if (w->count == 0)
        return false;
    const piece *last = &f->template->pieces[w->first + w->count - 1];
    return last->field < 0 && f->template->text[last->begin + last->length - 1] == ':';
}

static void put_word(filler *f, const word *w)
{
    for (size_t i = w->first; i < w->first + w->count; i++) {
        const piece *p = &f->template->pieces[i];
        const char *bytes = p->field < 0 ? f->template->text + p->begin : f->values[p->field];
        put(f, bytes, p->field < 0 ? p->length : strlen(bytes));
    }
}

/* Words [begin, end) are one part; *first: no part was written yet. */
static void put_part(filler *f, size_t begin, size_t end, bool *first)
{
    const word *words = f->template->words;
    size_t fields = 0, missing = 0;
    for (size_t i = begin; i < end; i++)
        fields += count_fields(f, &words[i], &missing);
    f->missing += missing;
    if (fields > 0 && missing == fields)
        return;
    bool opens = true; /* no word of the part was written yet */
    if (!*first)
        put(f, ",", 1);
    for (size_t i = begin; i < end; i++) {
        bool label = i + 1 < end && is_label(f, &words[i]) && lacks_field(f, &words[i + 1]);
        if (lacks_field(f, &words[i]) || label)
            continue;
        if (opens ? words[begin].blank && !*first : words[i].blank)
            put(f, " ", 1);
        put_word(f, &words[i]);
        opens = false;
    }
    *first = false;
}

selora_status slr_prompt_template_fill(const slr_prompt_template *template, const char *const *values,
                                       char **text,
                                       size_t *missing, slr_error *err)
{
    filler f = {.template = template, .values = values};
    bool first = true;
    for (size_t begin = 0, end; begin < template->word_count; begin = end) {
        for (end = begin + 1; end < template->word_count && !template->words[end].opens; end++)
            ;
        put_part(&f, begin, end, &first);
    }
    put(&f, "", 1);
    *text = NULL;
    *missing = f.missing;
    if (f.failed) {
        free(f.text);
        return fail_memory(err);
    }
    *text = f.text;
    return SELORA_OK;
}
