/* SPDX-License-Identifier: MIT
 * selora_features(): features of a folder of pictures, or a file of features in another format. */
#include <stdio.h>
#include <string.h>

#include "api/context.h"
#include "api/picture_side.h"
#include "eval/extractor.h"

static selora_status convert(const selora_features_options *o, const slr_hooks *hooks, slr_error *err)
{
    slr_feature_set set;
    SLR_TRY(slr_feature_set_read(o->in, &set, err));
    if (o->extractor)
        snprintf(set.extractor, sizeof set.extractor, "%s", o->extractor);
    if (o->preproc)
        snprintf(set.preproc, sizeof set.preproc, "%s", o->preproc);
    selora_status status = slr_feature_set_write(&set, o->out, err);
    if (status == SELORA_OK)
        slr_note(hooks, "%s: %zu rows of %zu features, extractor %s", o->out, set.count, set.dim, set.extractor);
    slr_feature_set_free(&set);
    return status;
}

static selora_status extract(const selora_features_options *o, const slr_extractor_context *c, slr_image_set *set,
                             const slr_hooks *hooks, slr_error *err)
{
    slr_extractor x;
    slr_feature_set features = {0};
    SLR_TRY(slr_extractor_open(o->extractor ? o->extractor : "radiomics", c, &x, err));
    selora_status status = slr_extract(&x, set, hooks, &features, err);
    if (status == SELORA_OK)
        status = slr_feature_set_write(&features, o->out, err);
    if (status == SELORA_OK)
        slr_note(hooks, "%s: %zu pictures, %zu features of %s%s%.16s; %zu pictures have none", o->out, features.count,
                 features.dim, x.name, x.weights_sha256[0] ? " " : "", x.weights_sha256, x.rejected);
    slr_feature_set_free(&features);
    slr_extractor_close(&x);
    return status;
}

static selora_status run(selora_context *context, const selora_features_options *o, slr_error *err)
{
    const slr_hooks *hooks = &context->hooks;
    slr_image_set_options options = {.group_column = o->group_column, .threads = context->threads};
    slr_extractor_context c = {.threads = context->threads, .size = (int)o->size};
    slr_image_set *set = NULL;
    slr_model *model = NULL;
    selora_status status;
    if (!o->in || !o->out)
        return slr_fail(err, SELORA_USAGE, "features: expected a folder of pictures or a file of features, and --out FILE");
    if (slr_is_feature_file(o->in))
        return convert(o, hooks, err);
    if (!slr_is_feature_file(o->out))
        return slr_fail(err, SELORA_USAGE, "--out: found %s, expected a name that ends in .safetensors, .npy or .csv", o->out);
    SLR_TRY(slr_side_named(o->side, &options.side, err));
    SLR_TRY_OUT(slr_context_backend(context, NULL, &c.backend, err));
    if (o->model)
        SLR_TRY_OUT(slr_model_open(o->model, &(slr_model_options){0}, &model, err));
    c.model = model;
    SLR_TRY_OUT(slr_image_set_open(o->in, &options, hooks, &set, err));
    if (strcmp(o->bits, "8") == 0)
        slr_image_set_round_to_8(set);
    status = extract(o, &c, set, hooks, err);
out:
    slr_image_set_free(set);
    slr_model_free(model);
    return status;
}

selora_status selora_features(selora_context *context, const selora_features_options *options)
{
    size_t count;
    const selora_option *list = selora_features_option_list(&count);
    SLR_TRY(selora_options_check(context, list, count, options));
    return run(context, options, slr_context_begin(context));
}
