/* SPDX-License-Identifier: MIT
 * Networks with the user's weights. A metric picture is grey: networks for colours see it in all three channels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "eval/extractor_list.h"
#include "models/feature_net.h"

enum { MAX_BATCH = 8, PATH_SIZE = 4096 };

typedef struct network_state {
    slr_feature_net *net;
    const slr_feature_info *info;
    const slr_backend *backend;
    slr_tokenizer *tokenizer; /* NULL: texts are not read */
    int threads, batch;
    float *pictures;    /* (batch, side, side, channels) */
    slr_real *features; /* (batch, dim) */
} network_state;

static void free_state(void *state)
{
    network_state *s = state;
    slr_feature_net_close(s->net);
    slr_tokenizer_free(s->tokenizer);
    free(s->pictures);
    free(s->features);
    free(s);
}

/* Greys of the network's side at `out`. What it resizes itself comes in the picture's own pixels. */
static selora_status read_grey(const network_state *s, const slr_image_set *set, size_t index, float *out, slr_error *err)
{
    const slr_image_item *item = slr_image_set_item(set, index);
    int side = item->width < item->height ? item->width : item->height;
    if (!s->info->any_side || side == s->info->side)
        return slr_image_set_grey(set, index, s->info->side, out, err);
    float *own = slr_alloc((size_t)side, (size_t)side * sizeof *own);
    if (!own)
        return slr_fail_memory(err, (size_t)side * (size_t)side * sizeof *own, "a picture");
    selora_status status = slr_image_set_grey(set, index, side, own, err);
    if (status == SELORA_OK)
        slr_feature_resize(own, side, 1, out, s->info->side);
    free(own);
    return status;
}

static selora_status read_picture(const network_state *s, const slr_image_set *set, size_t index, float *out,
                                  slr_error *err)
{
    size_t pixels = (size_t)s->info->side * (size_t)s->info->side, channels = (size_t)s->info->channels;
    SLR_TRY(read_grey(s, set, index, out, err));
    for (size_t i = pixels; channels > 1 && i-- > 0;) /* from the end, since greys and colours share the memory */
        for (size_t c = channels; c-- > 0;)
            out[i * channels + c] = out[i];
    return SELORA_OK;
}

static selora_status run(void *state, const slr_image_set *set, size_t first, size_t n, double *features, slr_error *err)
{
    network_state *s = state;
    size_t picture = (size_t)s->info->side * (size_t)s->info->side * (size_t)s->info->channels, dim = (size_t)s->info->dim;
    slr_error errors[MAX_BATCH];
    selora_status worst[MAX_BATCH] = {SELORA_OK};
    memset(s->pictures + n * picture, 0, ((size_t)s->batch - n) * picture * sizeof *s->pictures);
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
    for (size_t i = 0; i < n; i++) {
        errors[i].status = SELORA_OK;
        worst[i] = read_picture(s, set, first + i, s->pictures + i * picture, &errors[i]);
    }
    for (size_t i = 0; i < n; i++)
        if (worst[i] != SELORA_OK) {
            if (err)
                *err = errors[i];
            return worst[i];
        }
    slr_feature_net_run(s->net, s->pictures, s->features);
    for (size_t i = 0; i < n * dim; i++)
        features[i] = (double)s->features[i];
    return SELORA_OK;
}

static selora_status texts(void *state, const char *const *prompts, size_t count, double *features, size_t *cut,
                           slr_error *err)
{
    network_state *s = state;
    size_t numbers = count * (size_t)s->info->dim;
    int64_t longer = 0;
    slr_real *values = slr_alloc(numbers, sizeof *values);
    if (!values)
        return slr_fail_memory(err, numbers * sizeof *values, "features of prompts");
    selora_status status = slr_feature_net_texts(s->net, s->backend, s->threads, s->tokenizer, prompts, (int64_t)count,
                                                 values, &longer, err);
    for (size_t i = 0; status == SELORA_OK && i < numbers; i++)
        features[i] = (double)values[i];
    *cut = (size_t)longer;
    free(values);
    return status;
}

/* The tokenizer beside the weights, else the base model's; s->tokenizer stays NULL without one. */
static selora_status open_tokenizer(network_state *s, const char *file, const slr_model *model, slr_error *err)
{
    static const char *const names[] = {"tokenizer.json", "vocab.json"};
    const char *slash = strrchr(file, '/');
    char folder[PATH_SIZE], path[PATH_SIZE];
    if (snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - file) : 1, slash ? file : ".") >= (int)sizeof folder)
        return SELORA_OK;
    for (int i = 0; i < 2; i++)
        if (snprintf(path, sizeof path, "%s/%s", folder, names[i]) < (int)sizeof path && access(path, F_OK) == 0)
            return slr_tokenizer_open(folder, s->info->text_positions, &s->tokenizer, err);
    if (model && model->tokenizer_path)
        return slr_tokenizer_open(model->tokenizer_path, s->info->text_positions, &s->tokenizer, err);
    return SELORA_OK;
}

static selora_status build(network_state *s, const char *name, const char *file, const slr_extractor_context *context,
                           slr_error *err)
{
    s->backend = context->backend;
    s->threads = context->threads > 1 ? context->threads : 1;
    SLR_TRY(slr_feature_net_open(name, file, 0, &s->net, err));
    s->info = slr_feature_net_info(s->net);
    s->batch = s->info->side > 300 ? MAX_BATCH / 4 : MAX_BATCH;
    SLR_TRY(slr_feature_net_plan(s->net, s->backend, s->threads, s->batch, s->info->side, err));
    size_t picture = (size_t)s->info->side * (size_t)s->info->side * (size_t)s->info->channels;
    s->pictures = slr_alloc((size_t)s->batch * picture, sizeof *s->pictures);
    s->features = slr_alloc((size_t)s->batch * (size_t)s->info->dim, sizeof *s->features);
    if (!s->pictures || !s->features)
        return slr_fail_memory(err, (size_t)s->batch * picture * sizeof *s->pictures, "pictures");
    return s->info->text_positions > 0 ? open_tokenizer(s, file, context->model, err) : SELORA_OK;
}

static selora_status open_network(const char *name, const char *file, const slr_extractor_context *context,
                                  slr_extractor *x, slr_error *err)
{
    if (!context->backend)
        return slr_fail(err, SELORA_USAGE, "extractor %s: there is no backend to compute with", name);
    network_state *s = slr_alloc(1, sizeof *s);
    if (!s)
        return slr_fail_memory(err, sizeof *s, name);
    selora_status status = build(s, name, file, context, err);
    if (status != SELORA_OK) {
        free_state(s);
        return status;
    }
    snprintf(x->name, sizeof x->name, "%s", name);
    snprintf(x->preproc, sizeof x->preproc, "%s", s->info->preproc);
    snprintf(x->weights_sha256, sizeof x->weights_sha256, "%s", s->info->weights_sha256);
    x->dim = (size_t)s->info->dim;
    x->max_batch = s->batch;
    x->state = s;
    x->run = run;
    x->free = free_state;
    if (s->tokenizer)
        x->texts = texts;
    else if (s->info->text_positions > 0)
        x->without_texts = "no tokenizer: put tokenizer.json, or vocab.json and merges.txt, beside the weights, or give "
                           "the base model";
    return SELORA_OK;
}

#define OPENER(name)                                                                                                \
    selora_status slr_extractor_##name(const char *file, const slr_extractor_context *context, slr_extractor *x,   \
                                       slr_error *err)                                                             \
    {                                                                                                               \
        return open_network(#name, file, context, x, err);                                                         \
    }
OPENER(clip)
OPENER(raddino)
OPENER(dinov2)
OPENER(inception)
OPENER(xrv)
OPENER(densenet121)
OPENER(resnet50)
