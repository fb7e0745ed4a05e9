/* SPDX-License-Identifier: MIT
 * selora_evaluate(): from folders of pictures, or files of features, to metrics.json, a line of CSV, and a report. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/picture_side.h"
#include "core/memory.h"
#include "eval/compare_pictures.h"
#include "eval/extractor.h"
#include "io/atomic_file.h"
#include "report/evaluation_page.h"

typedef struct job {
    selora_context *context;
    const selora_evaluate_options *o;
    const char *places[SLR_ROLES]; /* NULL: not given */
    slr_side sides[SLR_ROLES];
    slr_image_set *sets[SLR_ROLES];
    slr_model *model;
    slr_memorisation copies;
    slr_evaluation evaluation;
} job;

/* ---- sides ---- */

/* Has the folder pictures of a test and of a training side? False for folders that do not open here: their error comes
 * where they are opened in earnest. */
static bool says_sides(const char *folder, bool *trains)
{
    slr_dataset *data;
    bool says = false;
    *trains = false;
    if (slr_dataset_open(folder, NULL, &data, NULL) != SELORA_OK)
        return false;
    for (size_t i = 0; i < slr_dataset_count(data); i++) {
        says = says || slr_dataset_item(data, i)->side == SLR_SIDE_TEST;
        *trains = *trains || slr_dataset_item(data, i)->side == SLR_SIDE_TRAIN;
    }
    slr_dataset_free(data);
    return says;
}

static selora_status choose_sides(job *j, slr_error *err)
{
    const selora_evaluate_options *o = j->o;
    const char *places[SLR_ROLES] = {o->real, o->train, o->synthetic, o->base};
    int files = 0, given = 0;
    for (int role = 0; role < SLR_ROLES; role++) {
        j->places[role] = places[role];
        given += places[role] != NULL;
        files += places[role] && slr_is_feature_file(places[role]);
    }
    if (files > 0 && files < given)
        return slr_fail(err, SELORA_USAGE, "files of features on some sides and folders on others: give one kind; `selora "
                        "features` makes files of folders");
    j->evaluation.files = files > 0;
    if (files > 0)
        return SELORA_OK;
    bool trains, says = says_sides(o->real, &trains), chosen = strcmp(o->side, "auto") != 0;
    if (chosen)
        SLR_TRY(slr_side_named(o->side, &j->sides[SLR_ROLE_REAL], err));
    else if (says)
        j->sides[SLR_ROLE_REAL] = SLR_SIDE_TEST;
    bool apart = j->sides[SLR_ROLE_REAL] == SLR_SIDE_TEST || j->sides[SLR_ROLE_REAL] == SLR_SIDE_VALIDATION;
    if (!o->train && apart && trains) {
        j->places[SLR_ROLE_TRAIN] = o->real;
        j->sides[SLR_ROLE_TRAIN] = SLR_SIDE_TRAIN;
    } else if (o->train && says_sides(o->train, &trains) && trains) {
        j->sides[SLR_ROLE_TRAIN] = SLR_SIDE_TRAIN;
    }
    return SELORA_OK;
}

static void describe_set(const slr_image_set *set, slr_judged_side *side)
{
    side->pictures = slr_image_set_count(set);
    side->groups = slr_image_set_groups(set);
    side->prompts = slr_image_set_prompts(set);
    side->patients = slr_image_set_has_patients(set);
    snprintf(side->source, sizeof side->source, "%s", slr_image_set_source(set));
    snprintf(side->sha256, sizeof side->sha256, "%s", slr_image_set_sha256(set));
    snprintf(side->windows, sizeof side->windows, "%s", slr_image_set_window_counts(set));
}

static selora_status open_sets(job *j, slr_error *err)
{
    for (int role = 0; role < SLR_ROLES; role++) {
        bool real = role == SLR_ROLE_REAL || role == SLR_ROLE_TRAIN;
        slr_image_set_options options = {.side = j->sides[role], .group_column = real ? j->o->group_column : NULL,
                                         .threads = j->context->threads};
        if (!j->places[role])
            continue;
        SLR_TRY(slr_image_set_open(j->places[role], &options, &j->context->hooks, &j->sets[role], err));
        describe_set(j->sets[role], &j->evaluation.sides[role]);
    }
    return SELORA_OK;
}

/* ---- features ---- */

static void free_features(slr_feature_set sets[SLR_ROLES])
{
    for (int role = 0; role < SLR_ROLES; role++)
        slr_feature_set_free(&sets[role]);
}

static selora_status judge_features(job *j, const slr_feature_set sets[SLR_ROLES], slr_error *err)
{
    slr_comparison c = {.seed = j->o->seed, .threads = j->context->threads, .force = j->o->force,
                        .hooks = &j->context->hooks};
    for (int role = 0; role < SLR_ROLES; role++)
        c.sides[role] = sets[role].count ? &sets[role] : NULL;
    slr_note(c.hooks, "metrics of %s: %zu features", sets[SLR_ROLE_REAL].extractor, sets[SLR_ROLE_REAL].dim);
    SLR_TRY(slr_compare_features(&c, &j->evaluation.metrics, err));
    if (!c.sides[SLR_ROLE_TRAIN] || strcmp(sets[SLR_ROLE_REAL].extractor, "radiomics") == 0)
        return SELORA_OK;
    slr_feature_space space = {.dim = sets[SLR_ROLE_REAL].dim, .kind = strcmp(sets[SLR_ROLE_REAL].extractor, "vae") == 0
                                                                           ? SLR_DISTANCE_RMS : SLR_DISTANCE_COSINE};
    static const slr_role roles[3] = {SLR_ROLE_TRAIN, SLR_ROLE_REAL, SLR_ROLE_SYNTHETIC};
    for (int side = 0; side < 3; side++) {
        space.count[side] = sets[roles[side]].count;
        space.side[side] = sets[roles[side]].values;
    }
    slr_picture_space pictures = slr_feature_picture_space(&space);
    return slr_add_copies(&pictures, sets[SLR_ROLE_REAL].extractor, c.threads, c.hooks, &j->evaluation.metrics, NULL, err);
}

static selora_status read_features(job *j, slr_error *err)
{
    slr_feature_set sets[SLR_ROLES] = {0};
    selora_status status = SELORA_OK;
    for (int role = 0; role < SLR_ROLES; role++) {
        slr_judged_side *side = &j->evaluation.sides[role];
        if (!j->places[role])
            continue;
        SLR_TRY_OUT(slr_feature_set_read(j->places[role], &sets[role], err));
        side->pictures = sets[role].count;
        snprintf(side->source, sizeof side->source, "%s", sets[role].source);
        snprintf(side->sha256, sizeof side->sha256, "%s", sets[role].data_sha256);
        for (size_t i = 0; i < sets[role].count; i++)
            side->groups = side->groups > (size_t)sets[role].groups[i] ? side->groups : (size_t)sets[role].groups[i] + 1;
    }
    status = judge_features(j, sets, err);
out:
    free_features(sets);
    return status;
}

static selora_status run_extractor(job *j, const char *text, slr_error *err)
{
    slr_extractor_context c = {.threads = j->context->threads, .size = (int)j->o->size, .model = j->model};
    slr_feature_set sets[SLR_ROLES] = {0};
    slr_extractor x = {0};
    selora_status status;
    SLR_TRY_OUT(slr_context_backend(j->context, NULL, &c.backend, err));
    SLR_TRY_OUT(slr_extractor_open(text, &c, &x, err));
    for (int role = 0; role < SLR_ROLES; role++) {
        if (!j->sets[role])
            continue;
        SLR_TRY_OUT(slr_extract(&x, j->sets[role], &j->context->hooks, &sets[role], err));
        if (x.rejected)
            slr_warn(&j->context->hooks, "%zu pictures are constant and have no %s", x.rejected, x.name);
        if (x.texts_cut)
            slr_warn(&j->context->hooks, "%s: %zu different prompts are longer than its 77 tokens and were cut", x.name,
                     x.texts_cut);
    }
    if (x.without_texts)
        slr_warn(&j->context->hooks, "%s: no text scores: %s", x.name, x.without_texts);
    status = judge_features(j, sets, err);
out:
    free_features(sets);
    slr_extractor_close(&x);
    return status;
}

static bool same_name(const char *a, const char *b)
{
    size_t length = strcspn(a, ":\n");
    return length == strcspn(b, ":\n") && strncmp(a, b, length) == 0;
}

/* radiomics, vae where there is a model, and those asked for; each once. */
static selora_status run_extractors(job *j, slr_error *err)
{
    const char *list = j->o->extractors ? j->o->extractors : "";
    char *all = slr_format("radiomics\n%s%s", j->model ? "vae\n" : "", list);
    selora_status status = all ? SELORA_OK : slr_fail_memory(err, 0, "a list of extractors");
    for (char *line = all; status == SELORA_OK && *line;) {
        size_t length = strcspn(line, "\n");
        char *next = line + length + (line[length] == '\n');
        bool asked = line - all >= (long)(strlen(all) - strlen(list)), repeated = false;
        line[length] = '\0';
        for (const char *before = all; before < line; before += strlen(before) + 1)
            repeated = repeated || same_name(before, line);
        if (repeated && asked && strcmp(line, "radiomics") != 0 && strcmp(line, "vae") != 0)
            status = slr_fail(err, SELORA_USAGE, "--extractor %s: an extractor of that name is there already", line);
        else if (!repeated)
            status = run_extractor(j, line, err);
        line = next;
    }
    free(all);
    return status;
}

static selora_status judge_pictures(job *j, slr_error *err)
{
    slr_picture_comparison c = {.size = (int)j->o->size, .seed = j->o->seed, .threads = j->context->threads,
                                .force = j->o->force, .hooks = &j->context->hooks};
    SLR_TRY(open_sets(j, err));
    memcpy(c.sides, j->sets, sizeof c.sides);
    SLR_TRY(slr_check_sides(&c, err));
    for (int role = 0; role < SLR_ROLES; role++)
        if (j->sets[role])
            SLR_TRY(slr_image_set_keep(j->sets[role], c.size, c.threads, c.hooks, err));
    if (j->o->model)
        SLR_TRY(slr_model_open(j->o->model, &(slr_model_options){0}, &j->model, err));
    j->evaluation.shared_prompts = slr_shared_prompts(j->sets[SLR_ROLE_REAL], j->sets[SLR_ROLE_SYNTHETIC]);
    SLR_TRY(run_extractors(j, err));
    return slr_compare_pictures(&c, &j->evaluation.metrics, &j->copies, err);
}

/* ---- what is left ---- */

static selora_status save(job *j, slr_error *err)
{
    char *metrics = slr_format("%s/metrics.json", j->o->out);
    char *csv = j->o->csv ? slr_copy_text(j->o->csv) : slr_format("%s/metrics.csv", j->o->out);
    bool appended = true;
    selora_status status = metrics && csv ? SELORA_OK : slr_fail_memory(err, 0, "a path");
    if (status == SELORA_OK)
        status = slr_evaluation_save(&j->evaluation, metrics, err);
    if (status == SELORA_OK)
        status = slr_evaluation_append(&j->evaluation, csv, &appended, err);
    if (!appended)
        slr_warn(&j->context->hooks, "%s has other columns: no line was added; name another file with --csv", csv);
    free(metrics);
    free(csv);
    return status;
}

static selora_status save_page(const job *j, slr_error *err)
{
    slr_evaluation_pictures pictures = {.copies = &j->copies, .show_patients = j->o->show_patients};
    char *path = slr_format("%s/report.html", j->o->out);
    for (int role = 0; role < SLR_ROLES; role++)
        pictures.sides[role] = j->sets[role];
    selora_status status = path ? slr_evaluation_page(&j->evaluation, &pictures, path, err) : slr_fail_memory(err, 0, "a path");
    free(path);
    return status;
}

static selora_status run(job *j, char **table, slr_error *err)
{
    SLR_TRY(choose_sides(j, err));
    SLR_TRY(slr_make_folders(j->o->out, 0755, err));
    SLR_TRY(j->evaluation.files ? read_features(j, err) : judge_pictures(j, err));
    SLR_TRY(save(j, err));
    SLR_TRY(save_page(j, err));
    *table = slr_evaluation_text(&j->evaluation);
    return *table ? SELORA_OK : slr_fail_memory(err, 0, "the table");
}

selora_status selora_evaluate(selora_context *context, const selora_evaluate_options *options, char **table)
{
    size_t count;
    const selora_option *list = selora_evaluate_option_list(&count);
    *table = NULL;
    SLR_TRY(selora_options_check(context, list, count, options));
    slr_error *err = slr_context_begin(context);
    job j = {.context = context, .o = options,
             .evaluation = {.size = (int)options->size, .seed = options->seed, .forced = options->force,
                            .label = options->label ? options->label : ""}};
    selora_status status = run(&j, table, err);
    for (int role = 0; role < SLR_ROLES; role++)
        slr_image_set_free(j.sets[role]);
    slr_metric_table_free(&j.evaluation.metrics);
    slr_memorisation_free(&j.copies);
    slr_model_free(j.model);
    return status;
}
