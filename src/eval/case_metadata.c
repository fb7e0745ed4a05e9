/* SPDX-License-Identifier: MIT
 * The header of a reference case: its kind and its numbers. */
#include <math.h>
#include <string.h>

#include "diffusion/sampler.h"
#include "eval/case_fields.h"
#include "models/feature_net.h"

static const char *const common_keys[] = {"format", "kind", "producer"};

static const char *path_of(const slr_reference_case *c)
{
    return slr_safetensors_path(c->file);
}

static bool is_among(const char *key, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count && keys[i]; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

static selora_status required(const slr_reference_case *c, const char *key, const char **value,
                              slr_error *err)
{
    *value = slr_safetensors_metadata(c->file, key);
    return *value
               ? SELORA_OK
               : slr_fail(err, SELORA_BAD_INPUT, "%s: metadata key %s is missing", path_of(c), key);
}

static selora_status read_kind(slr_reference_case *c, slr_error *err)
{
    const char *format, *kind, *producer;
    SLR_TRY(required(c, "format", &format, err));
    if (strcmp(format, "selora-case/1") != 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: metadata key format is not \"selora-case/1\"",
                        path_of(c));
    SLR_TRY(required(c, "kind", &kind, err));
    SLR_TRY(required(c, "producer", &producer, err));
    for (int i = 0; i < SLR_CASE_KINDS; i++)
        if (strcmp(slr_case_formats[i].kind, kind) == 0) {
            c->kind = (slr_case_kind)i;
            c->kind_name = slr_case_formats[i].kind;
            return SELORA_OK;
        }
    return slr_fail(
        err, SELORA_BAD_INPUT,
        "%s: metadata key kind: there is no such kind of case; tokenizer, text_encoder, "
        "unet, vae_encode, vae_decode, train_step, schedule, sample, adam and features are",
        path_of(c));
}

/* Decimal text, independent of the locale: what JSON calls a number. */
static selora_status read_number(const slr_reference_case *c, const char *key, bool whole,
                                 double low, double high, double *number, slr_error *err)
{
    const char *text;
    SLR_TRY(required(c, key, &text, err));
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    bool fits = json_is_number(value) && (!whole || json_is_integer(value));
    *number = json_number_value(value);
    json_decref(value);
    if (!fits || !(*number >= low && *number <= high))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: metadata key %s is not a %s from %g to %g",
                        path_of(c), key, whole ? "whole number" : "number", low, high);
    return SELORA_OK;
}

static selora_status read_texts(slr_reference_case *c, slr_error *err)
{
    const char *text;
    SLR_TRY(required(c, "texts", &text, err));
    c->texts = json_loads(text, JSON_ALLOW_NUL, NULL); /* a caption may hold any character */
    bool fits = json_is_array(c->texts) && json_array_size(c->texts) > 0;
    for (size_t i = 0; fits && i < json_array_size(c->texts); i++)
        fits = json_is_string(json_array_get(c->texts, i));
    if (!fits)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: metadata key texts is not a JSON list of texts",
                        path_of(c));
    c->sizes['N'] = (int64_t)json_array_size(c->texts);
    return SELORA_OK;
}

static selora_status read_sampler(slr_reference_case *c, slr_error *err)
{
    const char *name;
    double steps;
    SLR_TRY(required(c, "sampler", &name, err));
    if (slr_sampler_by_name(name, &c->sampler, NULL) != SELORA_OK)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: metadata key sampler is not one of pndm, ddim, dpmpp_2m and euler",
                        path_of(c));
    SLR_TRY(read_number(c, "steps", true, 1, SLR_TRAIN_TIMESTEPS, &steps, err));
    c->steps = (int)steps;
    return SELORA_OK;
}

static selora_status read_adam(slr_reference_case *c, slr_error *err)
{
    SLR_TRY(read_number(c, "lr", false, 0, 1e6, &c->lr, err));
    SLR_TRY(read_number(c, "beta1", false, 0, 1, &c->beta1, err));
    SLR_TRY(read_number(c, "beta2", false, 0, 1, &c->beta2, err));
    SLR_TRY(read_number(c, "eps", false, 0, 1e6, &c->eps, err));
    SLR_TRY(read_number(c, "weight_decay", false, 0, 1e6, &c->weight_decay, err));
    if (c->beta1 == 1 || c->beta2 == 1)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: metadata keys beta1 and beta2 must be below 1",
                        path_of(c));
    return SELORA_OK;
}

bool slr_case_has_adapters(const slr_reference_case *c)
{
    for (size_t i = 0; i < slr_safetensors_count(c->file); i++)
        if (strncmp(slr_safetensors_at(c->file, i)->name, "in.adapter.", 11) == 0)
            return true;
    return false;
}

static selora_status read_features(slr_reference_case *c, slr_error *err)
{
    SLR_TRY(required(c, "extractor", &c->extractor, err));
    SLR_TRY(required(c, "weights", &c->weights, err));
    if (!slr_feature_net_is_name(c->extractor))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: metadata key extractor is not one of %s", path_of(c),
                        slr_feature_net_names());
    if (!c->weights[0] || c->weights[0] == '.' || strchr(c->weights, '/'))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: metadata key weights is not the name of a file beside the case",
                        path_of(c));
    return SELORA_OK;
}

selora_status slr_case_read_metadata(slr_reference_case *c, slr_error *err)
{
    SLR_TRY(read_kind(c, err));
    const slr_case_format *format = &slr_case_formats[c->kind];
    for (size_t i = 0; i < slr_safetensors_metadata_count(c->file); i++) {
        const char *key, *value;
        slr_safetensors_metadata_at(c->file, i, &key, &value);
        if (!is_among(key, common_keys, 3) && !is_among(key, format->keys, SLR_CASE_MAX_KEYS))
            return slr_fail(err, SELORA_BAD_INPUT, "%s: metadata key %.200s does not belong to kind %s",
                            path_of(c), key, c->kind_name);
    }
    if (c->kind == SLR_CASE_TOKENIZER)
        SLR_TRY(read_texts(c, err));
    if (c->kind == SLR_CASE_SCHEDULE || c->kind == SLR_CASE_SAMPLE)
        SLR_TRY(read_sampler(c, err));
    if (c->kind == SLR_CASE_SAMPLE)
        SLR_TRY(read_number(c, "guidance", false, -1e6, 1e6, &c->guidance, err));
    if (c->kind == SLR_CASE_ADAM)
        SLR_TRY(read_adam(c, err));
    if (c->kind == SLR_CASE_FEATURES)
        SLR_TRY(read_features(c, err));
    if (c->kind == SLR_CASE_TRAIN_STEP || (format->adapters && slr_case_has_adapters(c)))
        SLR_TRY(read_number(c, "scale", false, -1e6, 1e6, &c->scale, err));
    return SELORA_OK;
}
