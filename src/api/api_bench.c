/* SPDX-License-Identifier: MIT
 * selora_bench: random weights of a configuration, measured, as a table or JSON. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/memory_options.h"
#include "core/clock.h"
#include "core/memory.h"
#include "io/json.h"
#include "train/bench.h"

enum { WEIGHTS_SEED = 1 };

/* The shape of the model in models/tiny. */
static void tiny_configs(slr_model *model)
{
    model->unet = (slr_unet_config){
        .in_channels = 4, .out_channels = 4, .levels = 3, .channels = {64, 96, 128},
        .down_attention = {false, true, true}, .up_attention = {true, true, false}, .heads = {4, 4, 4},
        .layers_per_block = 1, .cross_attention_width = 128, .groups = 32, .norm_eps = 1e-5, .flip_sin_to_cos = true,
        .sample_size = 16,
    };
    model->vae = (slr_vae_config){
        .in_channels = 3, .out_channels = 3, .latent_channels = 4, .levels = 3, .channels = {16, 32, 64},
        .layers_per_block = 1, .groups = 8, .scaling_factor = 0.18215, .quant_conv = true, .post_quant_conv = true,
    };
    model->text = (slr_clip_text_config){
        .vocabulary = 770, .positions = 24, .width = 128, .mlp_width = 512, .layers = 3, .heads = 4,
        .activation = SLR_ACT_QUICK_GELU, .norm_eps = 1e-5,
    };
}

/* A diffusers folder, or its unet/config.json. */
static selora_status read_folder(const char *path, slr_model *configs, slr_error *err)
{
    static const char tail[] = "unet/config.json";
    size_t length = strlen(path), end = sizeof tail - 1;
    bool is_file = length >= end && strcmp(path + length - end, tail) == 0;
    char *folder = is_file ? slr_format("%.*s.", (int)(length - end), path) : slr_copy_text(path);
    if (!folder)
        return slr_fail_memory(err, length, path);
    slr_model *model;
    slr_model_options options = {.configs_only = true};
    selora_status status = slr_model_open(folder, &options, &model, err);
    free(folder);
    SLR_TRY(status);
    if (model->single_file)
        status = slr_fail(err, SELORA_USAGE, "--config: %s is a file; expected sd15, tiny, a diffusers folder or its %s",
                          path, tail);
    configs->unet = model->unet;
    configs->vae = model->vae;
    configs->text = model->text;
    slr_model_free(model);
    return status;
}

static selora_status read_config(const char *name, slr_model *configs, slr_error *err)
{
    if (strcmp(name, "tiny") == 0) {
        tiny_configs(configs);
        return SELORA_OK;
    }
    if (strcmp(name, "sd15") != 0)
        return read_folder(name, configs, err);
    slr_unet_config_sd15(&configs->unet);
    slr_vae_config_sd15(&configs->vae);
    slr_clip_text_config_sd15(&configs->text);
    return SELORA_OK;
}

static selora_status make_model(const char *name, slr_weight_policy policy, unsigned parts, slr_model **model, slr_error *err)
{
    slr_model configs = {0};
    SLR_TRY(read_config(name, &configs, err));
    return slr_model_random(&configs.unet, &configs.vae, &configs.text, WEIGHTS_SEED, parts, policy, model, err);
}

static const char *const task_names[SLR_BENCH_TASKS] = {"train", "denoise", "decode", "encode", "generate"};

static selora_status read_options(const selora_context *context, const selora_bench_options *options,
                                  slr_bench_options *bench, slr_error *err)
{
    const char *task = options->task ? options->task : "train", *method = options->method ? options->method : "selora";
    *bench = (slr_bench_options){.size = options->size, .batch = options->batch, .threads = context->threads};
    SLR_TRY(slr_context_backend(context, options->compute, &bench->backend, err));
    if (options->repeat < 1 || options->repeat > 100000)
        return slr_fail(err, SELORA_USAGE, "--repeat: found %lld, expected 1 to 100000", (long long)options->repeat);
    bench->repeat = (int)options->repeat;
    while (bench->task < SLR_BENCH_TASKS && strcmp(task, task_names[bench->task]) != 0)
        bench->task++;
    if (bench->task == SLR_BENCH_TASKS)
        return slr_fail(err, SELORA_USAGE, "--task: found \"%s\", expected train, denoise, decode, encode or generate", task);
    SLR_TRY(slr_memory_options_read(options->memory, options->max_memory, &bench->memory, err));
    if (!slr_method_kind_named(method, &bench->method))
        return slr_fail(err, SELORA_USAGE, "--method: found \"%s\", expected selora, selora-authors or lora", method);
    const char *by = options->by ? options->by : "class";
    bench->shapes = strcmp(by, "shape") == 0;
    if (!bench->shapes && strcmp(by, "class") != 0)
        return slr_fail(err, SELORA_USAGE, "--by: found \"%s\", expected class or shape", by);
    return SELORA_OK;
}

static double gflops(double gmac, double seconds)
{
    return seconds > 0 ? 2 * gmac / seconds : 0;
}

static const char *const pass_names[SLR_PASS_COUNT] = {"forward", "replay", "backward"};

static json_t *breakdown_of(const slr_bench_result *r)
{
    json_t *all = json_object();
    for (size_t i = 0; i < r->costs.count; i++) {
        const slr_op_cost *row = &r->costs.rows[i];
        json_t *part = json_object();
        for (int pass = 0; pass < SLR_PASS_COUNT; pass++) {
            char seconds[32], rate[32];
            snprintf(seconds, sizeof seconds, "%s_s", pass_names[pass]);
            snprintf(rate, sizeof rate, "%s_gflops", pass_names[pass]);
            json_object_set_new(part, seconds, json_real(row->seconds[pass]));
            json_object_set_new(part, rate, json_real(gflops(row->gmac[pass], row->seconds[pass])));
        }
        json_object_set_new(all, row->name, part);
    }
    json_object_set_new(all, "other", json_pack("{s:f}", "other_s", r->other_s));
    return all;
}

static char *as_json(const selora_bench_options *o, const slr_bench_options *b, const slr_bench_result *r)
{
    json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:i}", "config", o->config ? o->config : "sd15", "task",
                             task_names[b->task], "method", slr_method_name(b->method), "backend", b->backend->name,
                             "size", (json_int_t)o->size, "batch", (json_int_t)o->batch, "repeat", (json_int_t)o->repeat,
                             "threads", b->threads);
    json_t *times = json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "best_s", r->best_s, "median_s", r->median_s,
                              "samples_per_s", r->samples_per_s, "cpu_s", r->cpu_s, "weights_s", r->weights_s, "plan_s",
                              r->plan_s, "first_s", r->first_s);
    json_t *figures = json_pack("{s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f}", "peak_bytes",
                                (json_int_t)r->peak_bytes, "predicted_bytes", (json_int_t)r->predicted_bytes, "plan_bytes",
                                (json_int_t)r->plan_bytes, "weight_bytes", (json_int_t)r->weight_bytes, "adapter_bytes",
                                (json_int_t)r->adapter_bytes, "gmac", r->gmac, "ceiling_gflops",
                                slr_ceiling_best(&r->ceiling), "ceiling_own_gflops", r->ceiling.own,
                                "ceiling_blas_gflops", r->ceiling.blas, "ceiling_share", r->share);
    if (root && times && figures) {
        json_object_update(root, times);
        json_object_update(root, figures);
    }
    json_decref(times);
    json_decref(figures);
    if (b->task == SLR_BENCH_TRAIN)
        json_object_set_new(root, "memory", json_string(slr_recompute_name(r->recompute)));
    json_object_set_new(root, "compute", json_string(slr_backend_is_bf16(b->backend) ? "bf16" : "f32"));
    json_object_set_new(root, "breakdown", breakdown_of(r));
    char *text = slr_json_text(root, 2), *line = text ? slr_format("%s\n", text) : NULL;
    json_decref(root);
    free(text);
    return line;
}

/* Seconds, GF/s and per cent of the ceiling of one pass; blanks where there is none. */
static void print_pass(FILE *stream, const slr_bench_result *r, double seconds, double gmac)
{
    if (seconds > 0)
        fprintf(stream, " %10.4f", seconds);
    else
        fprintf(stream, " %10s", "");
    if (seconds > 0 && gmac > 0)
        fprintf(stream, " %7.1f %4.0f%%", gflops(gmac, seconds), 100 * gflops(gmac, seconds) / slr_ceiling_best(&r->ceiling));
    else
        fprintf(stream, " %7s %5s", "", "");
}

static void print_breakdown(FILE *stream, const slr_bench_result *r)
{
    double all = r->other_s, total[SLR_PASS_COUNT] = {0};
    int width = 15, blank = 0;
    for (size_t i = 0; i < r->costs.count; i++) {
        const slr_op_cost *row = &r->costs.rows[i];
        for (int pass = 0; pass < SLR_PASS_COUNT; pass++)
            total[pass] += row->seconds[pass];
        all += slr_op_cost_seconds(row);
        width = (int)strlen(row->name) > width ? (int)strlen(row->name) : width;
    }
    fprintf(stream, "%-*s", width, "seconds of ops");
    for (int pass = 0; pass < SLR_PASS_COUNT; pass++)
        if (total[pass] > 0) {
            fprintf(stream, " %10s %7s %5s", pass_names[pass], "GF/s", "of it");
            blank += blank ? 25 : 14;
        }
    fprintf(stream, " %6s\n", "share");
    for (size_t i = 0; i < r->costs.count; i++) {
        const slr_op_cost *row = &r->costs.rows[i];
        fprintf(stream, "%-*s", width, row->name);
        for (int pass = 0; pass < SLR_PASS_COUNT; pass++)
            if (total[pass] > 0)
                print_pass(stream, r, row->seconds[pass], row->gmac[pass]);
        fprintf(stream, " %5.1f%%\n", 100 * slr_op_cost_seconds(row) / all);
    }
    fprintf(stream, "%-*s %10.4f%*s %5.1f%%\n", width, "outside of ops", r->other_s, blank, "", 100 * r->other_s / all);
}

static char *as_table(const selora_bench_options *o, const slr_bench_options *b, const slr_bench_result *r)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    static const char *const steps[SLR_BENCH_TASKS] = {"a training step", "a guided network call", "the VAE's decoder",
                                                       "the VAE's encoder", "a batch of pictures, 50 steps"};
    fprintf(stream, "%s, %s, %lldx%lld pixels, batch %lld, %d threads\n", o->config ? o->config : "sd15", steps[b->task],
            (long long)o->size, (long long)o->size, (long long)o->batch, b->threads);
    fprintf(stream, "backend %s: %s\n", b->backend->name, slr_backend_precision(b->backend));
    if (b->task == SLR_BENCH_TRAIN)
        fprintf(stream, "method %s: %d layers, %lld parameters\n", slr_method_name(b->method), r->layers,
                (long long)r->parameters);
    fprintf(stream, "best %.4f s, median %.4f s of %lld; %.3f samples/s; processor time %.4f s a thread\n", r->best_s,
            r->median_s, (long long)o->repeat, r->samples_per_s, r->cpu_s);
    fprintf(stream, "memory: peak %.3f GB, predicted %.3f", (double)r->peak_bytes / 1e9, (double)r->predicted_bytes / 1e9);
    if (b->task == SLR_BENCH_TRAIN)
        fprintf(stream, " in class %s", slr_recompute_name(r->recompute));
    fprintf(stream, "; graphs %.3f, weights %.3f, adapters %.3f GB\n", (double)r->plan_bytes / 1e9,
            (double)r->weight_bytes / 1e9, (double)r->adapter_bytes / 1e9);
    fprintf(stream, "before that: weights %.2f s, plan and memory %.2f s, first step %.2f s\n", r->weights_s, r->plan_s,
            r->first_s);
    fprintf(stream, "%.1f GMAC: %.1f GF/s, %.0f %% of the ceiling of this run: %.1f GF/s (own product %.1f, sgemm %.1f)\n\n",
            r->gmac, 2 * r->gmac / r->best_s, 100 * r->share, slr_ceiling_best(&r->ceiling), r->ceiling.own,
            r->ceiling.blas);
    print_breakdown(stream, r);
    bool bad = ferror(stream) != 0;
    if (fclose(stream) != 0 || bad) {
        free(text);
        return NULL;
    }
    return text;
}

selora_status selora_bench(selora_context *context, const selora_bench_options *options, char **text)
{
    slr_error *err = slr_context_begin(context);
    slr_bench_options bench;
    slr_bench_result result;
    slr_model *model;
    *text = NULL;
    SLR_TRY(read_options(context, options, &bench, err));
    double start = slr_clock_seconds();
    slr_weight_policy policy;
    SLR_TRY(slr_context_weights(bench.backend, options->weights, &policy, err));
    SLR_TRY(make_model(options->config ? options->config : "sd15", policy, slr_bench_parts(bench.task), &model, err));
    double made = slr_clock_seconds();
    selora_status status = slr_bench_run(model, &bench, &context->hooks, &result, err);
    slr_model_free(model);
    result.weights_s = made - start;
    if (status == SELORA_OK) {
        *text = options->json ? as_json(options, &bench, &result) : as_table(options, &bench, &result);
        status = *text ? SELORA_OK : slr_fail_memory(err, 4096, "the result");
    }
    slr_bench_result_free(&result);
    return status;
}
