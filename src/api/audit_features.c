/* SPDX-License-Identifier: MIT
 * Copies by the cosine of an extractor's features: `selora audit --extractor`. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/audit_run.h"
#include "core/memory.h"
#include "eval/extractor.h"
#include "eval/picture_space.h"

/* Rows of features that belong to items, in their order; what the extractor rejected is left out. */
static selora_status take_items(const slr_feature_set *all, const slr_train_job *job,
                                const uint32_t *const *parts, const size_t *counts, int part_count,
                                slr_feature_set *taken, slr_error *err)
{
    size_t rows = slr_dataset_count(job->data) + 1, count = 0;
    size_t *place = slr_alloc(rows, sizeof *place), *chosen = slr_alloc(rows, sizeof *chosen);
    selora_status status = place && chosen ? SELORA_OK : slr_fail_memory(err, rows * sizeof *place, "rows");
    for (size_t i = 0; status == SELORA_OK && i < all->count; i++)
        if (all->rows[i] >= 0 && (size_t)all->rows[i] < rows)
            place[all->rows[i]] = i + 1;
    for (int part = 0; status == SELORA_OK && part < part_count; part++)
        for (size_t i = 0; i < counts[part]; i++) {
            size_t row = slr_dataset_item(job->data, parts[part][i])->row;
            if (row < rows && place[row])
                chosen[count++] = place[row] - 1;
        }
    if (status == SELORA_OK)
        status = slr_feature_set_take(all, chosen, count, taken, err);
    free(place);
    free(chosen);
    return status;
}

static selora_status features_of(const slr_audit_run *run, slr_extractor *x, const char *folder,
                                 slr_feature_set *features, slr_error *err)
{
    slr_image_set *set;
    slr_image_set_options options = {.threads = run->context->threads};
    SLR_TRY(slr_image_set_open(folder, &options, &run->context->hooks, &set, err));
    selora_status status = slr_extract(x, set, &run->context->hooks, features, err);
    slr_image_set_free(set);
    return status;
}

static selora_status judge(slr_audit_run *run, const char *name, const slr_feature_set sides[3],
                           slr_error *err)
{
    slr_audit_space *space = &run->result->spaces[run->result->space_count++];
    slr_feature_space features = {.dim = sides[0].dim, .kind = SLR_DISTANCE_COSINE};
    for (int side = 0; side < 3; side++) {
        features.count[side] = sides[side].count;
        features.side[side] = sides[side].values;
    }
    snprintf(space->name, sizeof space->name, "%s", name);
    slr_picture_space pictures = slr_feature_picture_space(&features);
    SLR_TRY(
        slr_memorisation_judge(&pictures, run->context->threads, &run->context->hooks, &space->copies, err));
    /* where the extractor rejected training pictures, its rows are not those of the split */
    return sides[0].count == run->job.split.train_count ? slr_audit_count_repeats(run, space, err)
                                                        : SELORA_OK;
}

static selora_status one_extractor(slr_audit_run *run, const char *text, const char *synthetic,
                                   slr_error *err)
{
    const slr_split *s = &run->job.split;
    const uint32_t *const held_out[] = {s->validation, s->test}, *const train[] = {s->train};
    const size_t held_out_counts[] = {s->validation_count, s->test_count}, train_counts[] = {s->train_count};
    slr_extractor_context c = {.threads = run->context->threads,
                               .backend = run->job.settings.trainer.backend,
                               .model = run->job.model};
    slr_extractor x = {0};
    slr_feature_set all = {0}, sides[3] = {{0}};
    selora_status status = slr_extractor_open(text, &c, &x, err);
    if (status == SELORA_OK)
        status = features_of(run, &x, run->training.data, &all, err);
    if (status == SELORA_OK)
        status = take_items(&all, &run->job, train, train_counts, 1, &sides[0], err);
    if (status == SELORA_OK)
        status = take_items(&all, &run->job, held_out, held_out_counts, 2, &sides[1], err);
    if (status == SELORA_OK)
        status = features_of(run, &x, synthetic, &sides[2], err);
    if (status == SELORA_OK)
        status = judge(run, x.name, sides, err);
    for (int side = 0; side < 3; side++)
        slr_feature_set_free(&sides[side]);
    slr_feature_set_free(&all);
    slr_extractor_close(&x);
    return status;
}

selora_status slr_audit_run_features(slr_audit_run *run, const char *synthetic, slr_error *err)
{
    const char *list = run->options->extractors;
    while (list && *list) {
        size_t length = strcspn(list, "\n");
        char *text = slr_copy_text_n(list, length);
        selora_status status =
            !text ? slr_fail_memory(err, length, "a name")
            : run->result->space_count >= SLR_AUDIT_SPACES
                ? slr_fail(err, SELORA_USAGE, "--extractor: more than %d", SLR_AUDIT_SPACES - 2)
                : one_extractor(run, text, synthetic, err);
        free(text);
        SLR_TRY(status);
        list += length + (list[length] == '\n');
    }
    return SELORA_OK;
}
