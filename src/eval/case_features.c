/* SPDX-License-Identifier: MIT
 * Cases of networks that make features: pictures, and for CLIP token ids. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "eval/case_run.h"
#include "models/feature_net.h"

/* The file of weights in the folder of the case. */
static char *weights_path(const slr_reference_case *c)
{
    const char *path = slr_safetensors_path(c->file), *slash = strrchr(path, '/');
    return slr_format("%.*s%s", slash ? (int)(slash - path) + 1 : 0, path, c->weights);
}

static selora_status check_sizes(const slr_reference_case *c, const slr_feature_info *info, slr_error *err)
{
    if (slr_case_size(c, 'C') != info->channels || slr_case_size(c, 'F') != info->dim)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %lld channels to %lld features, the network has %d and %lld",
                        slr_safetensors_path(c->file), (long long)slr_case_size(c, 'C'),
                        (long long)slr_case_size(c, 'F'), info->channels, (long long)info->dim);
    return SELORA_OK;
}

static selora_status compare_pictures(const slr_case_run *run, slr_feature_net *net, slr_error *err)
{
    const slr_reference_case *c = run->c;
    const slr_stored_tensor *image = slr_case_find(c, "in.image");
    int64_t batch = slr_case_size(c, 'N'), count = slr_stored_count(image);
    SLR_TRY(slr_feature_net_plan(net, run->backend, run->threads, (int)batch, (int)slr_case_size(c, 'H'), err));
    float *pictures = slr_alloc((size_t)count, sizeof *pictures);
    slr_real *features = slr_alloc((size_t)slr_stored_count(slr_case_find(c, "expect.features")), sizeof *features);
    selora_status status = pictures && features ? SELORA_OK : slr_fail_memory(err, (size_t)count, "pictures");
    for (int64_t i = 0; status == SELORA_OK && i < count; i++)
        slr_stored_to_f32(image, i, 1, &pictures[slr_case_engine_index(image, SLR_CASE_MAP, i)]);
    if (status == SELORA_OK) {
        slr_feature_net_run(net, pictures, features);
        slr_case_compare(run->report, "expect.features", SLR_CASE_PLAIN, features);
    }
    free(pictures);
    free(features);
    return status;
}

static selora_status compare_texts(const slr_case_run *run, slr_feature_net *net, slr_error *err)
{
    const slr_stored_tensor *stored = slr_case_find(run->c, "in.input_ids");
    if (!stored)
        return SELORA_OK;
    int64_t texts = slr_case_size(run->c, 'Q'), length = slr_case_size(run->c, 'T');
    int64_t *ids = slr_alloc((size_t)slr_stored_count(stored), sizeof *ids);
    slr_real *features = slr_alloc((size_t)(texts * slr_case_size(run->c, 'F')), sizeof *features);
    selora_status status = ids && features ? SELORA_OK : slr_fail_memory(err, (size_t)texts, "texts");
    if (status == SELORA_OK) {
        slr_stored_to_i64(stored, 0, slr_stored_count(stored), ids);
        status = slr_feature_net_text_ids(net, run->backend, run->threads, ids, texts, length, features, err);
    }
    if (status == SELORA_OK)
        slr_case_compare(run->report, "expect.text_features", SLR_CASE_PLAIN, features);
    free(ids);
    free(features);
    return status;
}

selora_status slr_case_run_features(const slr_case_run *run, slr_error *err)
{
    const slr_reference_case *c = run->c;
    char *path = weights_path(c);
    slr_feature_net *net = NULL;
    if (!path)
        return slr_fail_memory(err, 0, "a path");
    selora_status status = slr_feature_net_open(c->extractor, path, (int)slr_case_size(c, 'H'), &net, err);
    if (status == SELORA_OK)
        status = check_sizes(c, slr_feature_net_info(net), err);
    if (status == SELORA_OK)
        status = compare_pictures(run, net, err);
    if (status == SELORA_OK)
        status = compare_texts(run, net, err);
    slr_feature_net_close(net);
    free(path);
    return status;
}
