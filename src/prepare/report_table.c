/* SPDX-License-Identifier: MIT */
#include "prepare/report_table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/memory.h"
#include "core/problems.h"
#include "core/utf8.h"
#include "io/csv.h"

/* A name of a row, or the end of one. */
typedef struct entry {
    char *text; /* owned */
    size_t row;
} entry;

struct slr_report_table {
    slr_table *table;
    int columns[SLR_REPORT_ROLES]; /* -1: none */
    int key;                       /* the role that finds rows */
    entry *whole, *stems;          /* sorted; stems: images only, without folders and ending */
    size_t count, stem_count;
};

/* Other names that the columns have in the wild, compared without case, blanks, - and _. */
static const char *const usual_names[SLR_REPORT_ROLES][6] = {
    [SLR_FIELD_TEXT] = {"text", "caption", "report", "reporttext", "prompt"},
    [SLR_FIELD_FINDINGS] = {"findings"},
    [SLR_FIELD_IMPRESSION] = {"impression"},
    [SLR_FIELD_INDICATION] = {"indication"},
    [SLR_FIELD_COMPARISON] = {"comparison"},
    [SLR_FIELD_MESH] = {"mesh"},
    [SLR_FIELD_MODALITY] = {"modality"},
    [SLR_FIELD_VIEW] = {"view", "viewposition", "projection"},
    [SLR_FIELD_LATERALITY] = {"laterality"},
    [SLR_FIELD_BODY_PART] = {"bodypart", "bodypartexamined"},
    [SLR_FIELD_SEX] = {"sex", "gender", "patientsex"},
    [SLR_FIELD_AGE] = {"age", "patientage"},
    [SLR_ROLE_IMAGE] = {"filename", "file", "imageid", "path", "dicomid", "image"}, /* see find_columns() */
    [SLR_ROLE_SERIES] = {"seriesinstanceuid", "seriesuid", "series"},
    [SLR_ROLE_STUDY] = {"studyinstanceuid", "studyuid", "study"},
    [SLR_ROLE_REPORT] = {"uid", "reportid", "accession", "accessionnumber", "accno"},
    [SLR_ROLE_PATIENT_ID] = {"patientid", "patient", "subjectid", "subject"},
    [SLR_ROLE_PATIENT] = {"patientid", "patient", "subjectid", "subject"},
};

/* ---- columns ---- */

static bool same_name(const char *column, const char *usual)
{
    for (; *column; column++) {
        if (*column == ' ' || *column == '-' || *column == '_')
            continue;
        if (tolower((unsigned char)*column) != *usual++)
            return false;
    }
    return !*usual;
}

static int find_usual(const slr_table *table, int role)
{
    for (int i = 0; i < 6 && usual_names[role][i]; i++)
        for (int column = 0; column < slr_table_columns(table); column++)
            if (same_name(slr_table_column_name(table, column), usual_names[role][i]))
                return column;
    return -1;
}

static void find_columns(slr_report_table *t, const slr_report_columns *columns)
{
    for (int role = 0; role < SLR_REPORT_ROLES; role++)
        t->columns[role] = columns->names[role] ? slr_table_column(t->table, columns->names[role])
                                                : find_usual(t->table, role);
    /* beside numbers of reports, "image" says what was done: "Xray Chest PA and Lateral" */
    int image = t->columns[SLR_ROLE_IMAGE];
    if (image >= 0 && !columns->names[SLR_ROLE_IMAGE] && t->columns[SLR_ROLE_REPORT] >= 0 &&
        same_name(slr_table_column_name(t->table, image), "image"))
        t->columns[SLR_ROLE_IMAGE] = -1;
    for (t->key = SLR_ROLE_IMAGE; t->key <= SLR_ROLE_PATIENT_ID && t->columns[t->key] < 0; t->key++)
        ;
}

static selora_status check_columns(const slr_report_table *t, const char *name, slr_error *err)
{
    if (t->key > SLR_ROLE_PATIENT_ID)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: no column says which pictures a row is about: file_name, "
                        "SeriesInstanceUID, StudyInstanceUID or PatientID; or name one with --columns "
                        "image=COLUMN (series=, study=, report=, patient_id=)", name);
    for (int role = 0; role < SLR_REPORT_ROLES; role++)
        if (slr_table_is_nested(t->table, t->columns[role]))
            return slr_fail(err, SELORA_BAD_INPUT,
                            "%s: the column for %s holds lists or objects, texts were expected", name,
                            slr_report_role_name(role));
    return SELORA_OK;
}

static void check_cells(const slr_report_table *t, slr_problems *problems)
{
    for (size_t row = 0; row < slr_table_rows(t->table); row++)
        for (int column = 0; column < slr_table_columns(t->table); column++)
            if (strlen(slr_table_cell(t->table, row, column)) > SLR_CELL_MAX_BYTES)
                slr_problems_add(problems, "row %zu (line %zu), column %d: a text of more than %d bytes",
                                 row + 1,
                                 slr_table_line(t->table, row), column + 1, SLR_CELL_MAX_BYTES);
}

/* ---- names ---- */

static int by_text(const void *a, const void *b)
{
    const entry *left = a, *right = b;
    int order = strcmp(left->text, right->text);
    return order ? order : (left->row > right->row) - (left->row < right->row);
}

/* One spelling: / between folders, no ./ in front, no blanks at the ends. */
static char *normal_name(const char *name, bool is_path)
{
    while (*name == ' ')
        name++;
    char *copy = slr_copy_text(name);
    if (!copy)
        return NULL;
    for (size_t end = strlen(copy); end > 0 && copy[end - 1] == ' '; end--)
        copy[end - 1] = 0;
    for (char *at = copy; is_path && *at; at++)
        if (*at == '\\')
            *at = '/';
    size_t skip = 0;
    while (is_path && copy[skip] == '.' && copy[skip + 1] == '/')
        skip += 2;
    memmove(copy, copy + skip, strlen(copy + skip) + 1);
    return copy;
}

/* Where a known ending of pictures begins; the length without one: UIDs and numbers have dots, too. */
static size_t stem_length(const char *name)
{
    static const char *const endings[] = {".nii.gz", ".dcm",  ".dicom", ".png", ".jpg",
                                          ".jpeg",   ".nii", ".hdr",   ".img"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t tail = strlen(endings[i]);
        if (length > tail && strcasecmp(name + length - tail, endings[i]) == 0)
            return length - tail;
    }
    return length;
}

static char *stem_of(const char *name)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    return slr_copy_text_n(base, stem_length(base));
}

static selora_status index_rows(slr_report_table *t, const char *name, slr_error *err)
{
    size_t rows = slr_table_rows(t->table);
    bool is_path = t->key == SLR_ROLE_IMAGE;
    t->whole = slr_alloc(rows, sizeof *t->whole);
    t->stems = slr_alloc(rows, sizeof *t->stems);
    if (!t->whole || !t->stems)
        return slr_fail_memory(err, rows * sizeof *t->whole, name);
    for (size_t row = 0; row < rows; row++) {
        char *text = normal_name(slr_report_table_cell(t, row, t->key), is_path), *stem = NULL;
        if (!text || (is_path && !(stem = stem_of(text)))) {
            free(text);
            return slr_fail_memory(err, 0, name);
        }
        if (!*text) { /* about no picture: a report that is not used */
            free(text);
            free(stem);
            continue;
        }
        t->whole[t->count++] = (entry){text, row};
        if (stem)
            t->stems[t->stem_count++] = (entry){stem, row};
    }
    if (t->count > 1)
        qsort(t->whole, t->count, sizeof *t->whole, by_text);
    if (t->stem_count > 1)
        qsort(t->stems, t->stem_count, sizeof *t->stems, by_text);
    return SELORA_OK;
}

static void check_repeats(const slr_report_table *t, slr_problems *problems)
{
    static const char *const what[] = {"image; keep one", "series; keep one", "study; keep one",
                                       "report; keep one",
                                       "patient; a column with the image or the study would tell them apart"};
    for (size_t i = 1; i < t->count; i++)
        if (strcmp(t->whole[i - 1].text, t->whole[i].text) == 0)
            slr_problems_add(problems, "rows %zu and %zu are about the same %s", t->whole[i - 1].row + 1,
                             t->whole[i].row + 1, what[t->key - SLR_ROLE_IMAGE]);
}

/* ---- opening ---- */

static bool is_json(const char *data, size_t size)
{
    size_t at = size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < size && strchr(" \t\r\n", data[at]) && data[at])
        at++;
    return at < size && data[at] == '{';
}

static selora_status open_table(slr_report_table *t, const char *data, size_t size, const char *name,
                                const slr_report_columns *columns, slr_error *err)
{
    if (is_json(data, size))
        SLR_TRY(slr_table_parse_jsonl(data, size, name, &t->table, err));
    else
        SLR_TRY(slr_table_parse_csv(data, size, name, &t->table, err));
    find_columns(t, columns);
    SLR_TRY(check_columns(t, name, err));
    SLR_TRY(index_rows(t, name, err));
    slr_problems *problems = slr_alloc(1, sizeof *problems);
    if (!problems)
        return slr_fail_memory(err, sizeof *problems, name);
    check_cells(t, problems);
    check_repeats(t, problems);
    selora_status status = slr_problems_report(problems, name, err);
    free(problems);
    return status;
}

selora_status slr_report_table_parse(const char *data, size_t size, const char *name,
                                     const slr_report_columns *columns,
                                     slr_report_table **table, slr_error *err)
{
    *table = NULL;
    slr_report_table *made = slr_alloc(1, sizeof *made);
    selora_status status = made ? open_table(made, data, size, name, columns, err)
                                : slr_fail_memory(err, sizeof *made, name);
    if (status == SELORA_OK)
        *table = made;
    else
        slr_report_table_free(made);
    return status;
}

void slr_report_table_free(slr_report_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->count; i++)
        free(table->whole[i].text);
    for (size_t i = 0; i < table->stem_count; i++)
        free(table->stems[i].text);
    free(table->whole);
    free(table->stems);
    slr_table_free(table->table);
    free(table);
}

/* ---- looking up ---- */

/* The first entry with the text, NULL for none; *more: a second one follows. */
static const entry *find(const entry *list, size_t count, const char *text, bool *more)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(list[middle].text, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < count && strcmp(list[low].text, text) == 0;
    *more = found && low + 1 < count && strcmp(list[low + 1].text, text) == 0;
    return found ? &list[low] : NULL;
}

/* "a/b/x.dcm", "b/x.dcm", "x.dcm"; the same without the ending; then x alone, when one row only has it. */
static bool find_image(const slr_report_table *t, char *name, size_t *row)
{
    bool more;
    const entry *found = NULL;
    size_t stem = stem_length(name);
    for (int cut = 0; cut < 2 && !found; cut++) {
        if (cut)
            name[stem] = 0;
        for (const char *tail = name; tail && !found; tail = strchr(tail, '/')) {
            tail += *tail == '/';
            found = find(t->whole, t->count, tail, &more);
        }
    }
    if (!found) {
        const char *slash = strrchr(name, '/');
        found = find(t->stems, t->stem_count, slash ? slash + 1 : name, &more);
        found = more ? NULL : found;
    }
    if (found)
        *row = found->row;
    return found;
}

bool slr_report_table_find(const slr_report_table *table, const slr_report_keys *keys, size_t *row)
{
    const char *const values[] = {keys->image, keys->series, keys->study, keys->report, keys->patient_id};
    const char *value = values[table->key - SLR_ROLE_IMAGE];
    char *name = value ? normal_name(value, table->key == SLR_ROLE_IMAGE) : NULL;
    bool more, done = false;
    if (name && *name && table->key == SLR_ROLE_IMAGE) {
        done = find_image(table, name, row);
    } else if (name && *name) {
        const entry *found = find(table->whole, table->count, name, &more);
        done = found;
        if (found)
            *row = found->row;
    }
    free(name);
    return done;
}

size_t slr_report_table_rows(const slr_report_table *table)
{
    return slr_table_rows(table->table);
}

const char *slr_report_table_cell(const slr_report_table *table, size_t row, int role)
{
    return slr_table_cell(table->table, row, table->columns[role]);
}

int slr_report_table_column(const slr_report_table *table, const char *name)
{
    return slr_table_column(table->table, name);
}

const char *slr_report_table_other(const slr_report_table *table, size_t row, int column)
{
    return slr_table_cell(table->table, row, column);
}

int slr_report_table_key(const slr_report_table *table)
{
    return table->key;
}

bool slr_report_table_is_key(const slr_report_table *table, int column)
{
    for (int role = SLR_ROLE_IMAGE; role < SLR_REPORT_ROLES; role++)
        if (table->columns[role] == column)
            return true;
    return false;
}
