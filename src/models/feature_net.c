/* SPDX-License-Identifier: MIT */
#include "models/feature_net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/free_memory.h"
#include "core/memory.h"
#include "models/conv_features.h"
#include "models/vit.h"

enum { MAX_SIDE = 2048 };

/* One row: y = (x - mean) / sd for each channel; `side` 0: what the position embeddings are for. */
typedef struct network {
    const char *name, *title, *anchor; /* anchor: a weight that the file must have; NULL: vit.c looks */
    slr_tid (*build)(slr_feature_builder *f, slr_tid image);
    int channels, side;
    bool any_side;
    double mean[3], sd[3];
    const char *ignored[6]; /* beginnings of names that belong to other parts */
} network;

#define CLIP_MEAN {0.48145466, 0.4578275, 0.40821073}, {0.26862954, 0.26130258, 0.27577711}
#define IMAGENET {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}
#define HALF {0.5, 0.5, 0.5}

static const network networks[] = {
    {"clip", "clip mean, sd", NULL, NULL, 3, 0, false, CLIP_MEAN, {"text_model.", "text_projection.", "logit_scale"}},
    {"raddino", "mean .5307, sd .2583", NULL, NULL, 3, 518, false, {0.5307, 0.5307, 0.5307}, {0.2583, 0.2583, 0.2583},
     {"embeddings.mask_token", "mask_token"}},
    {"dinov2", "imagenet mean, sd", NULL, NULL, 3, 518, false, IMAGENET, {"embeddings.mask_token", "mask_token"}},
    {"inception", "bilinear as tensorflow 1, 2 y - 1", "Conv2d_1a_3x3.conv.weight", slr_inception_build, 3, 299, true,
     HALF, HALF, {"fc.", "AuxLogits."}},
    {"xrv", "(2 y - 1) 1024", "features.conv0.weight", slr_densenet_build, 1, 224, false, {0.5}, {0.5 / 1024},
     {"classifier.", "op_threshs"}},
    {"densenet121", "imagenet mean, sd", "features.conv0.weight", slr_densenet_build, 3, 224, false, IMAGENET,
     {"classifier."}},
    {"resnet50", "imagenet mean, sd", "conv1.weight", slr_resnet_build, 3, 224, false, IMAGENET, {"fc."}},
};
enum { NETWORKS = sizeof networks / sizeof *networks };

/* A recorded graph and its plan. */
typedef struct recorded {
    slr_graph *graph;
    slr_feature_builder f;
    slr_plan *plan;
    slr_tid in, ids, zeros, out;
} recorded;

struct slr_feature_net {
    const network *row;
    slr_feature_info info;
    slr_feature_file *file;
    slr_weight_store *store;
    slr_vit_config vit;
    slr_clip_text_config text;
    bool text_loaded;
    recorded images;
    int batch, side; /* of the plan */
    float *resized;  /* a picture of the network's own side; NULL where none is resized */
};

static const network *find_row(const char *name)
{
    for (int i = 0; i < NETWORKS; i++)
        if (strcmp(networks[i].name, name) == 0)
            return &networks[i];
    return NULL;
}

bool slr_feature_net_is_name(const char *name)
{
    return find_row(name) != NULL;
}

const char *slr_feature_net_names(void)
{
    return "clip, raddino, dinov2, inception, xrv, densenet121, resnet50";
}

static bool is_vit(const slr_feature_net *net)
{
    return net->row->build == NULL;
}

static selora_status begin(recorded *r, slr_feature_file *file, slr_error *err)
{
    *r = (recorded){.graph = slr_graph_new(), .ids = -1, .zeros = -1};
    if (!r->graph)
        return slr_fail_memory(err, 0, "a graph");
    slr_graph_images_alone(r->graph);
    slr_feature_builder_init(&r->f, r->graph, file);
    return SELORA_OK;
}

static void discard(recorded *r)
{
    slr_plan_free(r->plan);
    slr_feature_builder_free(&r->f);
    slr_graph_free(r->graph);
    *r = (recorded){0};
}

/* Records the network for `batch` pictures of `side` pixels. */
static selora_status record(slr_feature_net *net, recorded *r, int64_t batch, int64_t side, slr_error *err)
{
    SLR_TRY(begin(r, net->file, err));
    if (is_vit(net)) {
        int64_t tokens = net->vit.grid * net->vit.grid + 1, values = 3 * net->vit.patch * net->vit.patch;
        r->in = slr_graph_input(r->graph, "patches", 3, (int64_t[]){batch, tokens, values});
        r->ids = slr_graph_input(r->graph, "ids", 2, (int64_t[]){batch, tokens});
        r->zeros = slr_graph_input(r->graph, "class token", 1, &batch);
        r->out = slr_vit_build(&r->f, &net->vit, r->in, r->ids, r->zeros);
    } else {
        r->in = slr_graph_input(r->graph, "picture", 4, (int64_t[]){batch, side, side, net->row->channels});
        r->out = net->row->build(&r->f, r->in);
    }
    slr_graph_output(r->graph, r->out);
    return SELORA_OK;
}

static selora_status plan(recorded *r, const slr_feature_net *net, const slr_backend *backend, int threads,
                          slr_error *err)
{
    slr_plan_options options = {.threads = threads};
    SLR_TRY(slr_plan_new(r->graph, backend, &options, &r->plan, err));
    SLR_TRY(slr_check_free_memory(slr_plan_bytes(r->plan), "the extractor", "close other programs", err));
    return slr_plan_allocate(r->plan, net->store, err);
}

static selora_status check_channels(const slr_feature_net *net, slr_error *err)
{
    int64_t found = is_vit(net) ? 3 : slr_feature_file_size(net->file, net->row->anchor, 1);
    if (found == net->row->channels)
        return SELORA_OK;
    return slr_fail(err, SELORA_BAD_INPUT, "%s: %s%s is for pictures of %lld channels, %s for %d",
                    slr_safetensors_path(net->file->tensors), net->file->prefix, net->row->anchor, (long long)found,
                    net->row->name, net->row->channels);
}

/* Prefix and sizes of what the file holds. */
static selora_status look(slr_feature_net *net, int side, slr_error *err)
{
    int wanted = side ? side : net->row->side;
    if (side < 0 || side > MAX_SIDE)
        return slr_fail(err, SELORA_USAGE, "%s: pictures of %d pixels; 1 to %d are supported", net->row->name, side,
                        MAX_SIDE);
    if (is_vit(net)) {
        bool clip = strcmp(net->row->name, "clip") == 0;
        SLR_TRY(slr_vit_config_read(net->file, clip, wanted, &net->vit, err));
        if (clip && slr_feature_file_find(net->file, "text_projection.weight")) {
            SLR_TRY(slr_clip_text_config_from_file(net->file, &net->text, err));
            net->info.text_positions = net->text.positions;
        }
        wanted = (int)(net->vit.grid * net->vit.patch);
    } else if (!slr_feature_file_anchor(net->file, net->row->anchor)) {
        return slr_fail(err, SELORA_BAD_INPUT, "%s: no tensor %s: not the names of %s (torchvision's)",
                        slr_safetensors_path(net->file->tensors), net->row->anchor, net->row->name);
    }
    net->info.side = net->row->any_side ? net->row->side : wanted;
    return check_channels(net, err);
}

static selora_status load(slr_feature_net *net, slr_error *err)
{
    recorded r;
    selora_status status = record(net, &r, 1, net->info.side, err);
    if (status == SELORA_OK)
        status = slr_feature_load(&r.f, net->row->ignored, net->store, err);
    if (status == SELORA_OK)
        net->info.dim = slr_tensor_columns(slr_graph_tensor(r.graph, r.out));
    discard(&r);
    return status;
}

static void describe(slr_feature_net *net)
{
    static const char *const acts[] = {"SiLU", "GELU", "quick GELU", "ReLU"};
    net->info.name = net->row->name;
    net->info.any_side = net->row->any_side;
    net->info.channels = net->row->channels;
    int at = snprintf(net->info.preproc, sizeof net->info.preproc, "%s %d, %s",
                      net->row->any_side ? "grey" : "grey, cover, centre, bicubic", net->info.side, net->row->title);
    if (is_vit(net) && at < (int)sizeof net->info.preproc) /* a file alone does not say it */
        snprintf(net->info.preproc + at, sizeof net->info.preproc - (size_t)at, ", %s", acts[net->vit.activation]);
}

selora_status slr_feature_net_open(const char *name, const char *path, int side, slr_feature_net **result,
                                   slr_error *err)
{
    *result = NULL;
    const network *row = find_row(name);
    if (!row)
        return slr_fail(err, SELORA_USAGE, "%s: no such network; there are %s", name, slr_feature_net_names());
    slr_feature_net *net = slr_alloc(1, sizeof *net);
    if (!net)
        return slr_fail_memory(err, sizeof *net, name);
    net->row = row;
    net->store = slr_weight_store_new(SLR_WEIGHTS_KEEP);
    selora_status status = net->store ? slr_feature_file_open(path, &net->file, err)
                                      : slr_fail_memory(err, 0, "the weights of an extractor");
    if (status == SELORA_OK)
        status = look(net, side, err);
    if (status == SELORA_OK)
        status = load(net, err);
    if (status == SELORA_OK)
        status = slr_sha256_file(path, net->info.weights_sha256, err);
    if (status != SELORA_OK) {
        slr_feature_net_close(net);
        return status;
    }
    describe(net);
    *result = net;
    return SELORA_OK;
}

void slr_feature_net_close(slr_feature_net *net)
{
    if (!net)
        return;
    discard(&net->images);
    free(net->resized);
    slr_weight_store_free(net->store);
    slr_feature_file_close(net->file);
    free(net);
}

const slr_feature_info *slr_feature_net_info(const slr_feature_net *net)
{
    return &net->info;
}

selora_status slr_feature_net_plan(slr_feature_net *net, const slr_backend *backend, int threads, int batch, int side,
                                   slr_error *err)
{
    if (side < 1 || side > MAX_SIDE || (is_vit(net) && side != net->info.side))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: pictures of %d pixels; %d are expected", net->row->name, side,
                        net->info.side);
    discard(&net->images);
    if (net->row->any_side && !net->resized)
        net->resized = slr_alloc((size_t)(net->info.side * net->info.side), 3 * sizeof *net->resized);
    if (net->row->any_side && !net->resized)
        return slr_fail_memory(err, 0, "a picture");
    selora_status status = record(net, &net->images, batch, net->row->any_side ? net->info.side : side, err);
    if (status == SELORA_OK)
        status = plan(&net->images, net, backend, threads, err);
    if (status != SELORA_OK) {
        discard(&net->images);
        return status;
    }
    net->batch = batch;
    net->side = side;
    return SELORA_OK;
}

/* ---- pictures into the graph ---- */

static float normal(const network *row, int channel, float value)
{
    return (float)(((double)value - row->mean[channel]) / row->sd[channel]);
}

/* Patches as channel, row, column behind a row of zeros for the class token. */
static void fill_patches(slr_feature_net *net, const float *pictures)
{
    const int64_t p = net->vit.patch, grid = net->vit.grid, side = net->side, values = 3 * p * p;
    slr_real *out = slr_plan_value(net->images.plan, net->images.in);
    slr_real *ids = slr_plan_value(net->images.plan, net->images.ids);
    for (int64_t n = 0; n < net->batch; n++) {
        memset(out, 0, (size_t)values * sizeof *out);
        out += values;
        for (int64_t t = 0; t < grid * grid; t++)
            for (int64_t e = 0; e < values; e++) {
                int64_t channel = e / (p * p), row = t / grid * p + e / p % p, column = t % grid * p + e % p;
                *out++ = normal(net->row, (int)channel, pictures[((n * side + row) * side + column) * 3 + channel]);
            }
        for (int64_t t = 0; t <= grid * grid; t++)
            *ids++ = t > 0;
        slr_plan_value(net->images.plan, net->images.zeros)[n] = 0;
    }
}

/* One number of the picture at a point between pixels, as TensorFlow 1 resizes: pixel i of the result lies at i times the
 * ratio of the sides, without half a pixel. */
static float between(const float *picture, int64_t from, double y, double x, int64_t channels, int64_t channel)
{
    int64_t top = (int64_t)y, left = (int64_t)x;
    int64_t bottom = top + 1 < from ? top + 1 : top, right = left + 1 < from ? left + 1 : left;
    double fy = y - (double)top, fx = x - (double)left;
    const float *at = picture + channel;
    double above = (double)at[(top * from + left) * channels] * (1 - fx) + (double)at[(top * from + right) * channels] * fx;
    double below = (double)at[(bottom * from + left) * channels] * (1 - fx) + (double)at[(bottom * from + right) * channels] * fx;
    return (float)(above * (1 - fy) + below * fy);
}

void slr_feature_resize(const float *picture, int from, int channels, float *out, int to)
{
    const double ratio = (double)from / (double)to;
    for (int64_t e = 0; e < (int64_t)to * to * channels; e++) {
        int64_t pixel = e / channels;
        out[e] = between(picture, from, (double)(pixel / to) * ratio, (double)(pixel % to) * ratio, channels, e % channels);
    }
}

static void fill_picture(slr_feature_net *net, const float *pictures)
{
    const int64_t to = net->row->any_side ? net->info.side : net->side, channels = net->row->channels;
    const int64_t from = net->side, size = to * to * channels;
    slr_real *out = slr_plan_value(net->images.plan, net->images.in);
    for (int64_t n = 0; n < net->batch; n++) {
        const float *picture = pictures + n * from * from * channels;
        if (from != to) {
            slr_feature_resize(picture, (int)from, (int)channels, net->resized, (int)to);
            picture = net->resized;
        }
        for (int64_t e = 0; e < size; e++)
            out[n * size + e] = normal(net->row, (int)(e % channels), picture[e]);
    }
}

void slr_feature_net_run(slr_feature_net *net, const float *pictures, slr_real *features)
{
    if (is_vit(net))
        fill_patches(net, pictures);
    else
        fill_picture(net, pictures);
    slr_plan_forward(net->images.plan);
    memcpy(features, slr_plan_value(net->images.plan, net->images.out),
           (size_t)(net->batch * net->info.dim) * sizeof *features);
}

/* ---- texts ---- */

enum { TEXT_BATCH = 16 };

static selora_status load_text(slr_feature_net *net, recorded *r, slr_error *err)
{
    static const char *const all[] = {"", NULL};
    if (net->text_loaded)
        return SELORA_OK;
    SLR_TRY(slr_feature_load(&r->f, all, net->store, err));
    net->text_loaded = true;
    return SELORA_OK;
}

static selora_status record_text(slr_feature_net *net, recorded *r, int64_t batch, int64_t length, slr_error *err)
{
    SLR_TRY(begin(r, net->file, err));
    r->ids = slr_graph_input(r->graph, "input_ids", 2, (int64_t[]){batch, length});
    r->in = slr_graph_input(r->graph, "ends", 1, &batch);
    r->out = slr_clip_text_build_projected(&r->f, &net->text, r->ids, r->in);
    slr_graph_output(r->graph, r->out);
    return SELORA_OK;
}

/* `count` rows of ids, at most TEXT_BATCH; the rest repeats the first. */
static selora_status run_text(const slr_feature_net *net, const recorded *r, const int64_t *ids, int64_t count,
                              int64_t length, slr_real *features, slr_error *err)
{
    slr_real *in = slr_plan_value(r->plan, r->ids), *ends = slr_plan_value(r->plan, r->in);
    for (int64_t n = 0; n < TEXT_BATCH; n++) {
        const int64_t *row = ids + (n < count ? n : 0) * length;
        int64_t end = 0;
        for (int64_t t = 0; t < length; t++) {
            if (row[t] < 0 || row[t] >= net->text.vocabulary)
                return slr_fail(err, SELORA_BAD_INPUT, "a token id is %lld; the text tower knows 0 to %lld",
                                (long long)row[t], (long long)net->text.vocabulary - 1);
            end = row[t] > row[end] ? t : end;
            in[n * length + t] = (slr_real)row[t];
        }
        ends[n] = (slr_real)end;
    }
    slr_plan_forward(r->plan);
    memcpy(features, slr_plan_value(r->plan, r->out), (size_t)(count * net->info.dim) * sizeof *features);
    return SELORA_OK;
}

selora_status slr_feature_net_text_ids(slr_feature_net *net, const slr_backend *backend, int threads,
                                       const int64_t *ids, int64_t count, int64_t length, slr_real *features,
                                       slr_error *err)
{
    recorded r = {0};
    if (!net->info.text_positions)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: there is no text_projection.weight, so texts cannot be scored",
                        slr_safetensors_path(net->file->tensors));
    selora_status status = record_text(net, &r, TEXT_BATCH, length, err);
    if (status == SELORA_OK)
        status = load_text(net, &r, err);
    if (status == SELORA_OK && slr_tensor_columns(slr_graph_tensor(r.graph, r.out)) != net->info.dim)
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: the two projections have different widths",
                          slr_safetensors_path(net->file->tensors));
    if (status == SELORA_OK)
        status = plan(&r, net, backend, threads, err);
    for (int64_t first = 0; status == SELORA_OK && first < count; first += TEXT_BATCH)
        status = run_text(net, &r, ids + first * length, count - first < TEXT_BATCH ? count - first : TEXT_BATCH, length,
                          features + first * net->info.dim, err);
    discard(&r);
    return status;
}

selora_status slr_feature_net_texts(slr_feature_net *net, const slr_backend *backend, int threads,
                                    const slr_tokenizer *tokenizer, const char *const *texts, int64_t count,
                                    slr_real *features, int64_t *cut, slr_error *err)
{
    int64_t length = slr_tokenizer_length(tokenizer), tokens;
    int64_t *ids = slr_alloc((size_t)count, (size_t)length * sizeof *ids);
    if (!ids)
        return slr_fail_memory(err, (size_t)(count * length) * sizeof *ids, "the tokens of the prompts");
    selora_status status = SELORA_OK;
    *cut = 0;
    for (int64_t i = 0; status == SELORA_OK && i < count; i++) {
        status = slr_tokenizer_encode(tokenizer, texts[i], strlen(texts[i]), ids + i * length, &tokens, err);
        *cut += status == SELORA_OK && tokens > length - 2;
    }
    if (status == SELORA_OK)
        status = slr_feature_net_text_ids(net, backend, threads, ids, count, length, features, err);
    free(ids);
    return status;
}
