/* SPDX-License-Identifier: MIT */
#include "eval/extractor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "eval/extractor_list.h"

static const struct {
    const char *name;
    bool has_weights;
    slr_extractor_opener *open;
} extractors[] = {
    {"radiomics", false, slr_extractor_radiomics},
    {"vae", false, slr_extractor_vae},
    {"pixels", false, slr_extractor_pixels},
    {"clip", true, slr_extractor_clip},
    {"raddino", true, slr_extractor_raddino},
    {"dinov2", true, slr_extractor_dinov2},
    {"inception", true, slr_extractor_inception},
    {"xrv", true, slr_extractor_xrv},
    {"densenet121", true, slr_extractor_densenet121},
    {"resnet50", true, slr_extractor_resnet50},
};
enum { EXTRACTORS = sizeof extractors / sizeof *extractors };

static selora_status refuse(const char *text, slr_error *err)
{
    char names[256] = "";
    size_t length = 0;
    for (int i = 0; i < EXTRACTORS; i++)
        length += (size_t)snprintf(names + length, sizeof names - length, "%s%s%s", i ? ", " : "",
                                   extractors[i].name, extractors[i].has_weights ? ":FILE" : "");
    return slr_fail(err, SELORA_USAGE, "extractor %s: not known; there are %s", text, names);
}

selora_status slr_extractor_open(const char *text, const slr_extractor_context *context, slr_extractor *x,
                                 slr_error *err)
{
    size_t length = strcspn(text, ":");
    const char *file = text[length] && text[length + 1] ? text + length + 1 : NULL;
    *x = (slr_extractor){0};
    for (int i = 0; i < EXTRACTORS; i++) {
        if (strlen(extractors[i].name) != length || memcmp(extractors[i].name, text, length) != 0)
            continue;
        if (extractors[i].has_weights != (file != NULL))
            return slr_fail(err, SELORA_USAGE, "extractor %s: %s", text,
                            file ? "has no weights; leave the file out"
                                 : "give the file of its weights as NAME:FILE.safetensors");
        return extractors[i].open(file, context, x, err);
    }
    return refuse(text, err);
}

void slr_extractor_close(slr_extractor *x)
{
    if (x->free)
        x->free(x->state);
    *x = (slr_extractor){0};
}

/* ---- a whole set ---- */

static void describe(const slr_extractor *x, const slr_image_set *set, slr_feature_set *out)
{
    snprintf(out->extractor, sizeof out->extractor, "%s", x->name);
    snprintf(out->weights_sha256, sizeof out->weights_sha256, "%s", x->weights_sha256);
    snprintf(out->preproc, sizeof out->preproc, "%s%s", x->preproc,
             slr_image_set_is_8_bit(set) ? ", 8 bits" : "");
    snprintf(out->source, sizeof out->source, "%s", slr_image_set_source(set));
    snprintf(out->data_sha256, sizeof out->data_sha256, "%s", slr_image_set_sha256(set));
}

/* Keeps row `from` of the batch as the next of the set, unless all of it is NaN. */
static selora_status keep_row(slr_extractor *x, const slr_image_item *item, const double *row,
                              slr_feature_set *out, slr_error *err)
{
    size_t missing = 0;
    for (size_t j = 0; j < x->dim; j++)
        missing += isnan(row[j]) != 0;
    if (missing == x->dim) {
        x->rejected++;
        return SELORA_OK;
    }
    for (size_t j = 0; j < x->dim; j++)
        if (!isfinite(row[j]))
            return slr_fail(err, SELORA_NUMERIC,
                            "extractor %s: feature %zu of the picture of row %lld is not finite", x->name,
                            j + 1, (long long)item->row);
    memcpy(out->values + out->count * x->dim, row, x->dim * sizeof *row);
    out->rows[out->count] = item->row;
    out->groups[out->count++] = item->group;
    return SELORA_OK;
}

/* Groups without members leave no gap. */
static selora_status close_groups(slr_feature_set *out, slr_error *err)
{
    int64_t *labels = slr_alloc(out->count, sizeof *labels);
    if (!labels)
        return slr_fail_memory(err, out->count * sizeof *labels, "the groups of pictures");
    for (size_t i = 0; i < out->count; i++)
        labels[i] = out->groups[i];
    selora_status status = slr_dense_groups(labels, out->count, out->groups, NULL, err);
    free(labels);
    return status;
}

static selora_status extract_all(slr_extractor *x, const slr_image_set *set, double *batch,
                                 const slr_hooks *hooks, slr_feature_set *out, slr_error *err)
{
    size_t total = slr_image_set_count(set), most = (size_t)x->max_batch;
    char name[96];
    snprintf(name, sizeof name, "features: %s", x->name);
    slr_task task = slr_task_begin(hooks, name, (int64_t)total);
    for (size_t first = 0; first < total; first += most) {
        size_t n = total - first < most ? total - first : most;
        if (slr_interrupted(hooks))
            return slr_fail(err, SELORA_INTERRUPTED, "interrupted while making features");
        SLR_TRY(x->run(x->state, set, first, n, batch, err));
        for (size_t i = 0; i < n; i++)
            SLR_TRY(keep_row(x, slr_image_set_item(set, first + i), batch + i * x->dim, out, err));
        slr_task_report(&task, (int64_t)(first + n), NULL);
    }
    if (out->count == 0)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: none of %zu pictures has features of %s: all are constant",
                        slr_image_set_folder(set), total, x->name);
    return x->rejected > 0 ? close_groups(out, err) : SELORA_OK;
}

/* ---- texts ---- */

/* True when every picture that has features has a prompt. */
static bool all_have_prompts(const slr_image_set *set)
{
    for (size_t i = 0; i < slr_image_set_count(set); i++)
        if (slr_image_set_item(set, i)->prompt_id < 0)
            return false;
    return true;
}

/* Each prompt once, then its features beside every row that has it; rows come in the order of the pictures. */
static selora_status fill_texts(slr_extractor *x, const slr_image_set *set, const char **prompts, double *features,
                                slr_feature_set *out, slr_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < slr_image_set_count(set); i++)
        prompts[slr_image_set_item(set, i)->prompt_id] = slr_image_set_item(set, i)->prompt;
    SLR_TRY(x->texts(x->state, prompts, slr_image_set_prompts(set), features, &x->texts_cut, err));
    for (size_t i = 0; i < slr_image_set_count(set) && kept < out->count; i++) {
        const slr_image_item *item = slr_image_set_item(set, i);
        if (item->row == out->rows[kept])
            memcpy(out->texts + kept++ * x->dim, features + (size_t)item->prompt_id * x->dim, x->dim * sizeof *features);
    }
    return slr_feature_set_check(out, slr_image_set_folder(set), err);
}

static selora_status extract_texts(slr_extractor *x, const slr_image_set *set, const slr_hooks *hooks,
                                   slr_feature_set *out, slr_error *err)
{
    size_t prompts = slr_image_set_prompts(set);
    if (prompts == 0 || !all_have_prompts(set))
        return SELORA_OK;
    if (!x->texts) {
        if (x->without_texts)
            slr_note(hooks, "extractor %s: prompts are not scored: %s", x->name, x->without_texts);
        return SELORA_OK;
    }
    const char **names = slr_alloc(prompts, sizeof *names);
    double *features = slr_alloc(prompts, x->dim * sizeof *features);
    out->texts = slr_alloc(out->count, x->dim * sizeof *out->texts);
    selora_status status = names && features && out->texts
                               ? fill_texts(x, set, names, features, out, err)
                               : slr_fail_memory(err, prompts * x->dim * sizeof *features, "features of prompts");
    free(names);
    free(features);
    return status;
}

selora_status slr_extract(slr_extractor *x, const slr_image_set *set, const slr_hooks *hooks,
                          slr_feature_set *out, slr_error *err)
{
    x->rejected = 0;
    SLR_TRY(slr_feature_set_new(slr_image_set_count(set), x->dim, out, err));
    double *batch = slr_alloc((size_t)x->max_batch * x->dim, sizeof *batch);
    describe(x, set, out);
    out->count = 0;
    selora_status status =
        batch ? extract_all(x, set, batch, hooks, out, err)
              : slr_fail_memory(err, (size_t)x->max_batch * x->dim * sizeof *batch, "features");
    free(batch);
    if (status == SELORA_OK)
        status = extract_texts(x, set, hooks, out, err);
    if (status != SELORA_OK)
        slr_feature_set_free(out);
    return status;
}
