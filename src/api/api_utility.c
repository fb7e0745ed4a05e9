/* SPDX-License-Identifier: MIT
 * selora_utility(): classifiers on real and synthetic pictures. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/utility_export.h"
#include "core/memory.h"
#include "io/atomic_file.h"
#include "report/utility_file.h"

enum { SHARES = 8 };

typedef struct job {
    selora_context *context;
    const selora_utility_options *options;
    slr_utility_labels labels;
    slr_model *model;
    slr_extractor x;
    slr_utility_side train, validation, test, synthetic, more;
    slr_feature_set augmented; /* of the training pictures whose augmented one has features */
    uint8_t *augmented_labels;
    slr_utility_rows augmented_rows;
    double shares[SHARES];
    size_t share_count;
    slr_utility_subgroup subgroups[SLR_UTILITY_SUBGROUPS];
    size_t subgroup_count;
} job;

/* ---- options ---- */

static selora_status read_shares(job *j, slr_error *err)
{
    const char *at = j->options->shares;
    while (at && *at) {
        char *end;
        double share = strtod(at, &end);
        if (end == at || (*end && *end != ',') || !(share > 0 && share <= 1000) || j->share_count == SHARES)
            return slr_fail(err, SELORA_USAGE,
                            "--shares: found \"%s\", expected up to %d positive numbers with commas", at,
                            SHARES);
        if (share != 1) /* R+S is that one */
            j->shares[j->share_count++] = share;
        at = end + (*end == ',');
    }
    return SELORA_OK;
}

static selora_status check(const selora_utility_options *o, slr_error *err)
{
    size_t count;
    const selora_option *list = selora_utility_option_list(&count);
    const selora_utility_options defaults = selora_utility_defaults();
    return slr_options_check_ranges(list, count, o, &defaults, err);
}

/* ---- pictures ---- */

static selora_status open_sides(job *j, slr_error *err)
{
    const selora_utility_options *o = j->options;
    const slr_hooks *hooks = &j->context->hooks;
    int threads = j->context->threads;
    SLR_TRY(slr_utility_side_open(o->real, SLR_SIDE_TRAIN, o->group_column, threads, false, hooks, &j->train,
                                  err));
    SLR_TRY(slr_utility_side_open(o->real, SLR_SIDE_VALIDATION, o->group_column, threads, true, hooks,
                                  &j->validation, err));
    SLR_TRY(
        slr_utility_side_open(o->real, SLR_SIDE_TEST, o->group_column, threads, false, hooks, &j->test, err));
    if (o->synthetic)
        SLR_TRY(slr_utility_side_open(o->synthetic, SLR_SIDE_NONE, NULL, threads, false, hooks, &j->synthetic,
                                      err));
    if (o->more)
        SLR_TRY(slr_utility_side_open(o->more, SLR_SIDE_NONE, o->group_column, threads, false, hooks,
                                      &j->more, err));
    return SELORA_OK;
}

/* A test picture must not have shaped what it tests: equal pixels in anything that trains. */
static selora_status check_apart(const job *j, slr_error *err)
{
    const slr_utility_side *const others[] = {&j->train, &j->more, &j->synthetic};
    for (size_t s = 0; s < sizeof others / sizeof *others; s++)
        for (size_t i = 0; others[s]->set && i < slr_image_set_count(others[s]->set); i++)
            for (size_t t = 0; t < slr_image_set_count(j->test.set); t++)
                if (strcmp(slr_image_set_item(others[s]->set, i)->sha256,
                           slr_image_set_item(j->test.set, t)->sha256) == 0)
                    return slr_fail(err, SELORA_BAD_INPUT,
                                    "%s: picture %zu has the pixels of test picture %zu; a test picture "
                                    "must not train",
                                    slr_image_set_folder(others[s]->set), i + 1, t + 1);
    return SELORA_OK;
}

static void warn_of_prompts(const job *j)
{
    size_t seen = 0, count = j->synthetic.set ? slr_image_set_count(j->synthetic.set) : 0;
    for (size_t i = 0; i < count; i++) {
        const char *prompt = slr_image_set_item(j->synthetic.set, i)->prompt;
        bool tests = false, trains = false;
        for (size_t t = 0; prompt[0] && !tests && t < slr_image_set_count(j->test.set); t++)
            tests = strcmp(prompt, slr_image_set_item(j->test.set, t)->prompt) == 0;
        for (size_t t = 0; tests && !trains && t < slr_image_set_count(j->train.set); t++)
            trains = strcmp(prompt, slr_image_set_item(j->train.set, t)->prompt) == 0;
        seen += tests && !trains;
    }
    if (seen > 0)
        slr_warn(&j->context->hooks,
                 "%zu synthetic pictures have prompts of test pictures alone: the test set is not unseen",
                 seen);
}

static selora_status open_extractor(job *j, slr_error *err)
{
    slr_extractor_context c = {.threads = j->context->threads, .size = (int)j->options->size};
    SLR_TRY(slr_context_backend(j->context, NULL, &c.backend, err));
    if (j->options->model)
        SLR_TRY(slr_model_open(j->options->model, &(slr_model_options){0}, &j->model, err));
    c.model = j->model;
    return slr_extractor_open(j->options->extractor ? j->options->extractor : "radiomics", &c, &j->x, err);
}

static selora_status fill_sides(job *j, slr_error *err)
{
    const slr_hooks *hooks = &j->context->hooks;
    slr_utility_side *const sides[] = {&j->train, &j->validation, &j->test, &j->more, &j->synthetic};
    size_t unlabelled = 0;
    for (size_t s = 0; s < sizeof sides / sizeof *sides; s++) {
        SLR_TRY(slr_utility_side_fill(sides[s], &j->x, &j->labels,
                                      sides[s] == &j->synthetic ? &j->train : NULL, hooks, err));
        unlabelled += sides[s]->unlabelled;
    }
    if (unlabelled > 0)
        slr_warn(hooks, "%zu pictures are left out: a label of them is not known", unlabelled);
    return SELORA_OK;
}

/* ---- augmented pictures: made, looked at, removed ---- */

static selora_status read_augmented(job *j, const char *folder, slr_error *err)
{
    slr_image_set *set = NULL;
    slr_image_set_options options = {.threads = j->context->threads};
    size_t labels = j->labels.count;
    SLR_TRY(slr_image_set_open(folder, &options, &j->context->hooks, &set, err));
    selora_status status = slr_extract(&j->x, set, &j->context->hooks, &j->augmented, err);
    slr_image_set_free(set);
    SLR_TRY(status);
    j->augmented_labels = slr_alloc(j->augmented.count, labels);
    if (!j->augmented_labels)
        return slr_fail_memory(err, j->augmented.count * labels, "labels");
    for (size_t i = 0; i < j->augmented.count; i++) {
        size_t row = (size_t)j->augmented.rows[i] - 1; /* its place among the training rows */
        if (row >= j->train.rows.count)
            return slr_fail(err, SELORA_BAD_INPUT, "%s: changed while it was read", folder);
        memcpy(j->augmented_labels + i * labels, j->train.labels + row * labels, labels);
        j->augmented.groups[i] = j->train.rows.groups[row];
    }
    j->augmented_rows =
        (slr_utility_rows){j->augmented.count, j->augmented.values, j->augmented_labels, j->augmented.groups};
    return SELORA_OK;
}

static selora_status augment(job *j, slr_error *err)
{
    if (!j->options->augment)
        return SELORA_OK;
    char *folder = slr_format("%s/augmented.tmp", j->options->out);
    selora_status status = folder ? slr_remove_tree(folder, err) : slr_fail_memory(err, 0, "a path");
    if (status == SELORA_OK)
        status = slr_utility_augment(&j->train, folder, &j->context->hooks, err);
    if (status == SELORA_OK)
        status = read_augmented(j, folder, err);
    if (folder)
        slr_remove_tree(folder, NULL);
    free(folder);
    return status;
}

/* ---- subgroups ---- */

/* A number at the front of ages ("063Y", "63") stands for its range. */
static void subgroup_name(const char *column, const char *cell, char *name, size_t capacity)
{
    char *end;
    double age = strtod(cell, &end);
    bool is_age = strcasestr(column, "age") && end != cell && (!*end || strcasecmp(end, "y") == 0);
    if (is_age)
        snprintf(name, capacity, "%s %s", column, age < 40 ? "below 40" : age < 65 ? "40 to 64" : "from 65");
    else
        snprintf(name, capacity, "%s %s", column, cell);
}

static selora_status add_member(job *j, const char *name, size_t row, slr_error *err)
{
    size_t g = 0;
    while (g < j->subgroup_count && strcmp(j->subgroups[g].name, name) != 0)
        g++;
    if (g == j->subgroup_count) {
        uint8_t *member = g < SLR_UTILITY_SUBGROUPS ? slr_alloc(j->test.rows.count, 1) : NULL;
        if (g == SLR_UTILITY_SUBGROUPS)
            return slr_fail(err, SELORA_USAGE, "--subgroup: more than %d values; choose columns with few",
                            SLR_UTILITY_SUBGROUPS);
        if (!member)
            return slr_fail_memory(err, j->test.rows.count, "a subgroup");
        snprintf(j->subgroups[g].name, sizeof j->subgroups[g].name, "%s", name);
        j->subgroups[g].member = member;
        j->subgroup_count++;
    }
    ((uint8_t *)(uintptr_t)j->subgroups[g].member)[row] = 1;
    return SELORA_OK;
}

static selora_status find_subgroups(job *j, slr_error *err)
{
    const char *list = j->options->subgroups;
    while (list && *list) {
        size_t length = strcspn(list, "\n");
        char *column = slr_copy_text_n(list, length), name[64];
        if (!column)
            return slr_fail_memory(err, length, "a column");
        selora_status status = SELORA_OK;
        for (size_t i = 0; status == SELORA_OK && i < j->test.rows.count; i++) {
            const char *cell = slr_image_set_cell(j->test.set, j->test.items[i], column);
            subgroup_name(column, cell, name, sizeof name);
            if (cell[0])
                status = add_member(j, name, i, err);
        }
        free(column);
        SLR_TRY(status);
        list += length + (list[length] == '\n');
    }
    return SELORA_OK;
}

/* ---- results ---- */

static size_t count_patients(const slr_utility_rows *rows)
{
    int32_t most = -1;
    for (size_t i = 0; i < rows->count; i++)
        most = rows->groups[i] > most ? rows->groups[i] : most;
    return (size_t)(most + 1);
}

static selora_status save(const job *j, const slr_utility *u, char **table, slr_error *err)
{
    const char *labels[SLR_UTILITY_LABELS], *subgroups[SLR_UTILITY_SUBGROUPS];
    for (size_t l = 0; l < j->labels.count; l++)
        labels[l] = j->labels.items[l].name;
    for (size_t g = 0; g < j->subgroup_count; g++)
        subgroups[g] = j->subgroups[g].name;
    slr_utility_facts facts = {.extractor = j->x.name,
                               .weights_sha256 = j->x.weights_sha256,
                               .preproc = j->x.preproc,
                               .dim = j->train.features.dim,
                               .train = j->train.rows.count,
                               .validation = j->validation.rows.count,
                               .test = j->test.rows.count,
                               .test_patients = count_patients(&j->test.rows),
                               .synthetic = j->synthetic.rows.count,
                               .labels = labels,
                               .subgroups = subgroups};
    char *json = slr_format("%s/utility.json", j->options->out),
         *html = slr_format("%s/utility.html", j->options->out);
    selora_status status =
        json && html ? slr_utility_file_save(u, &facts, json, err) : slr_fail_memory(err, 0, "a path");
    if (status == SELORA_OK)
        status = slr_utility_page_save(u, &facts, html, err);
    if (status == SELORA_OK && !(*table = slr_utility_table(u, &facts)))
        status = slr_fail_memory(err, 0, "the table");
    free(json);
    free(html);
    return status;
}

static selora_status export_arm(const job *j, const char *name, const slr_utility_side *const *sides,
                                const size_t *counts, size_t side_count, slr_error *err)
{
    char *folder = slr_format("%s/%s", j->options->export_to, name);
    if (!folder)
        return slr_fail_memory(err, 0, "a path");
    selora_status status = slr_utility_export(folder, sides, counts, side_count, &j->labels, err);
    free(folder);
    return status;
}

static selora_status export_all(const job *j, slr_error *err)
{
    size_t real = j->train.rows.count, all = j->synthetic.rows.count, more = j->more.rows.count;
    const slr_utility_side *const both[] = {&j->train, &j->synthetic}, *const ceiling[] = {&j->train,
                                                                                           &j->more};
    if (!j->options->export_to)
        return SELORA_OK;
    SLR_TRY(slr_make_folders(j->options->export_to, 0700, err));
    SLR_TRY(export_arm(j, "test", (const slr_utility_side *const[]){&j->test}, &j->test.rows.count, 1, err));
    if (j->validation.rows.count > 0)
        SLR_TRY(export_arm(j, "validation", (const slr_utility_side *const[]){&j->validation},
                           &j->validation.rows.count, 1, err));
    SLR_TRY(export_arm(j, "R", both, &real, 1, err));
    if (all > 0) {
        SLR_TRY(export_arm(j, "S", both + 1, &all, 1, err));
        SLR_TRY(export_arm(j, "R+S", both, (const size_t[]){real, all < real ? all : real}, 2, err));
    }
    return more > 0 ? export_arm(j, "R+R'", ceiling, (const size_t[]){real, more}, 2, err) : SELORA_OK;
}

static selora_status run(job *j, char **table, slr_error *err)
{
    slr_utility *u = NULL;
    SLR_TRY(check(j->options, err));
    SLR_TRY(read_shares(j, err));
    SLR_TRY(slr_utility_labels_read(j->options->labels, &j->labels, err));
    SLR_TRY(open_extractor(j, err));
    SLR_TRY(open_sides(j, err));
    SLR_TRY(check_apart(j, err));
    warn_of_prompts(j);
    SLR_TRY(fill_sides(j, err));
    SLR_TRY(slr_make_folders(j->options->out, 0755, err));
    SLR_TRY(augment(j, err));
    SLR_TRY(find_subgroups(j, err));
    slr_utility_data data = {.dim = j->train.features.dim,
                             .label_count = j->labels.count,
                             .train = j->train.rows,
                             .validation = j->validation.rows,
                             .test = j->test.rows,
                             .synthetic = j->synthetic.rows,
                             .more = j->more.rows,
                             .augmented = j->augmented_rows,
                             .shares = j->shares,
                             .share_count = j->share_count,
                             .subgroups = j->subgroups,
                             .subgroup_count = j->subgroup_count};
    SLR_TRY(slr_utility_run(&data, (int)j->options->seeds, j->context->threads, &j->context->hooks, &u, err));
    selora_status status = save(j, u, table, err);
    slr_utility_free(u);
    return status == SELORA_OK ? export_all(j, err) : status;
}

selora_status selora_utility(selora_context *context, const selora_utility_options *options, char **table)
{
    size_t count;
    const selora_option *list = selora_utility_option_list(&count);
    *table = NULL;
    SLR_TRY(selora_options_check(context, list, count, options));
    job j = {.context = context, .options = options};
    selora_status status = run(&j, table, slr_context_begin(context));
    slr_utility_side *const sides[] = {&j.train, &j.validation, &j.test, &j.more, &j.synthetic};
    for (size_t s = 0; s < sizeof sides / sizeof *sides; s++)
        slr_utility_side_free(sides[s]);
    for (size_t g = 0; g < j.subgroup_count; g++)
        free((void *)(uintptr_t)j.subgroups[g].member);
    slr_feature_set_free(&j.augmented);
    free(j.augmented_labels);
    slr_extractor_close(&j.x);
    slr_model_free(j.model);
    slr_utility_labels_free(&j.labels);
    if (status != SELORA_OK) {
        free(*table);
        *table = NULL;
    }
    return status;
}
