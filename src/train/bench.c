/* SPDX-License-Identifier: MIT */
#include "train/bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "adapters/targets.h"
#include "core/clock.h"
#include "core/machine.h"
#include "core/memory.h"
#include "core/quantile.h"
#include "core/rng.h"
#include "data/latent_encoder.h"
#include "diffusion/pipeline.h"
#include "train/trainer.h"

enum { MAX_REPEAT = 100000 };

/* One task made ready. Training uses the first group, drawing the second, encoding the third. */
typedef struct bench {
    const slr_model *model;
    const slr_bench_options *options;
    slr_schedule schedule;
    int64_t *ids; /* (N + 1, T): captions, and the empty one */
    int64_t tokens;

    slr_adapter_set *set;
    slr_trainer *trainer;
    slr_train_sample *samples;
    float *moments;

    slr_pipeline *pipe;
    slr_real *latents, *states, *images;

    slr_latent_encoder *encoder;
    float *pixels; /* of one picture */
} bench;

static int64_t latent_side(const bench *b)
{
    return b->options->size / slr_vae_factor(&b->model->vae);
}

static selora_status check_options(const slr_model *model, const slr_bench_options *o, slr_error *err)
{
    int factor = slr_vae_factor(&model->vae);
    if (o->size < factor || o->size % factor != 0)
        return slr_fail(err, SELORA_USAGE, "--size: found %lld, expected a multiple of %d", (long long)o->size, factor);
    if (o->batch < 1 || o->repeat < 1 || o->repeat > MAX_REPEAT)
        return slr_fail(err, SELORA_USAGE, "--batch, --repeat: expected at least 1");
    return SELORA_OK;
}

static selora_status make_texts(bench *b, slr_error *err)
{
    b->tokens = b->model->text.positions;
    int64_t count = (b->options->batch + 1) * b->tokens;
    b->ids = slr_alloc((size_t)count, sizeof *b->ids);
    if (!b->ids)
        return slr_fail_memory(err, (size_t)count * sizeof *b->ids, "the texts");
    slr_rng rng = slr_rng_at(1, SLR_STREAM_WEIGHTS, 1, 0);
    for (int64_t i = 0; i < count; i++)
        b->ids[i] = slr_rng_below(&rng, (uint32_t)b->model->text.vocabulary);
    return SELORA_OK;
}

static selora_status make_adapters(bench *b, const slr_method_options *method, slr_error *err)
{
    static const char *const components[] = {"text_encoder", "unet"};
    slr_adapter_options options = {.seed = 1, .scale = 8, .rank = 1, .probes = slr_method_probe_rows(method)};
    slr_targets *targets = NULL;
    slr_graph *graph = slr_model_record(b->model, false);
    selora_status status = graph ? SELORA_OK : slr_fail_memory(err, 0, "the model's graph");
    if (status == SELORA_OK)
        status = slr_adapter_set_new(&options, &b->set, err);
    if (status == SELORA_OK)
        status = slr_targets_new("selora", &targets, err);
    if (status == SELORA_OK)
        status = slr_targets_add(targets, graph, components, 2, b->set, err);
    if (status == SELORA_OK)
        status = slr_adapter_set_finish(b->set, err);
    slr_targets_free(targets);
    slr_graph_free(graph);
    return status;
}

static selora_status make_samples(bench *b, slr_error *err)
{
    int64_t batch = b->options->batch, side = latent_side(b), channels = b->model->vae.latent_channels;
    int64_t per = side * side * 2 * channels;
    b->samples = slr_alloc((size_t)batch, sizeof *b->samples);
    b->moments = slr_alloc((size_t)(batch * per), sizeof *b->moments);
    if (!b->samples || !b->moments)
        return slr_fail_memory(err, (size_t)(batch * per) * sizeof *b->moments, "the latents");
    slr_rng rng = slr_rng_at(1, SLR_STREAM_WEIGHTS, 2, 0);
    for (int64_t i = 0; i < batch * per; i++)
        b->moments[i] = (float)(i % (2 * channels) < channels ? 5 * slr_rng_normal(&rng) : -4);
    for (int64_t i = 0; i < batch; i++)
        b->samples[i] = (slr_train_sample){b->moments + i * per, b->ids + i * b->tokens, (uint32_t)i};
    return SELORA_OK;
}

static selora_status prepare_training(bench *b, size_t *bytes, slr_error *err)
{
    const slr_bench_options *o = b->options;
    slr_trainer_options options = {
        .method = slr_method_options_of(o->method), .adam = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
        .schedule = {.kind = SLR_LR_CONSTANT}, .rates = {1e-4, 1e-4}, .steps = o->repeat + 1,
        .batch = o->batch, .accumulate = 1, .height = latent_side(b), .width = latent_side(b),
        .tokens = b->tokens, .train_text = true,
        .draw = {.seed = 1, .schedule = &b->schedule, .empty_ids = b->ids + o->batch * b->tokens},
        .backend = o->backend, .threads = o->threads,
    };
    SLR_TRY(make_adapters(b, &options.method, err));
    SLR_TRY(slr_trainer_new(b->model, b->set, &options, &b->trainer, err));
    *bytes = slr_trainer_bytes(b->trainer);
    return SELORA_OK;
}

static selora_status allocate_training(bench *b, slr_error *err)
{
    SLR_TRY(make_samples(b, err));
    return slr_trainer_allocate(b->trainer, err);
}

static selora_status train(bench *b, slr_error *err)
{
    slr_train_result result;
    return slr_trainer_step(b->trainer, b->samples, &result, err);
}

static selora_status prepare_drawing(bench *b, size_t *bytes, slr_error *err)
{
    const slr_bench_options *o = b->options;
    slr_pipeline_options options = {.backend = o->backend, .threads = o->threads, .batch = o->batch,
                                    .height = latent_side(b), .width = latent_side(b), .tokens = b->tokens,
                                    .denoise = o->task != SLR_BENCH_DECODE, .guided = true,
                                    .decode = o->task != SLR_BENCH_DENOISE};
    SLR_TRY(slr_pipeline_new(b->model, NULL, &options, &b->pipe, err));
    *bytes = slr_pipeline_bytes(b->pipe);
    return SELORA_OK;
}

static void encode_texts(bench *b)
{
    for (int64_t n = 0; n <= b->options->batch; n++)
        slr_pipeline_encode_text(b->pipe, b->ids + n * b->tokens, b->states + n * slr_pipeline_state_count(b->pipe));
    for (int64_t n = 1; n < b->options->batch; n++)
        memcpy(b->states + (b->options->batch + n) * slr_pipeline_state_count(b->pipe),
               b->states + b->options->batch * slr_pipeline_state_count(b->pipe),
               (size_t)slr_pipeline_state_count(b->pipe) * sizeof *b->states);
}

static void draw_noise(bench *b)
{
    slr_rng rng = slr_rng_at(1, SLR_STREAM_SAMPLING, 0, 0);
    slr_rng_fill_normal(&rng, b->latents, (size_t)slr_pipeline_latent_count(b->pipe));
}

static selora_status allocate_drawing(bench *b, slr_error *err)
{
    const slr_bench_options *o = b->options;
    size_t latents = (size_t)slr_pipeline_latent_count(b->pipe), states = (size_t)slr_pipeline_state_count(b->pipe);
    size_t pixels = (size_t)(o->batch * o->size * o->size * b->model->vae.out_channels);
    b->latents = slr_alloc(latents, sizeof *b->latents);
    b->states = slr_alloc(2 * (size_t)o->batch * states, sizeof *b->states);
    b->images = slr_alloc(pixels, sizeof *b->images);
    if (!b->latents || !b->states || !b->images)
        return slr_fail_memory(err, (latents + 2 * (size_t)o->batch * states + pixels) * sizeof *b->latents,
                               "the pictures");
    SLR_TRY(slr_pipeline_allocate(b->pipe, err));
    draw_noise(b);
    if (o->task != SLR_BENCH_DECODE)
        encode_texts(b);
    return SELORA_OK;
}

static selora_status sample(bench *b, slr_sampler_kind sampler, int steps, slr_error *err)
{
    slr_sample_request request = {.schedule = &b->schedule, .sampler = sampler, .steps = steps, .guidance = 7.5,
                                  .states = b->states,
                                  .negatives = b->states + b->options->batch * slr_pipeline_state_count(b->pipe)};
    draw_noise(b);
    return slr_pipeline_sample(b->pipe, &request, b->latents, err);
}

static selora_status denoise(bench *b, slr_error *err)
{
    return sample(b, SLR_SAMPLER_DDIM, 1, err);
}

static selora_status decode(bench *b, slr_error *err)
{
    return slr_pipeline_decode(b->pipe, b->latents, b->images, err);
}

static selora_status generate(bench *b, slr_error *err)
{
    encode_texts(b);
    SLR_TRY(sample(b, SLR_SAMPLER_PNDM, SLR_BENCH_SAMPLER_STEPS, err));
    return decode(b, err);
}

static selora_status prepare_encoding(bench *b, size_t *bytes, slr_error *err)
{
    int size = (int)b->options->size;
    SLR_TRY(slr_latent_encoder_new(b->model, size, size, b->options->backend, b->options->threads, &b->encoder, err));
    *bytes = slr_latent_encoder_bytes(b->encoder);
    return SELORA_OK;
}

static selora_status allocate_encoding(bench *b, slr_error *err)
{
    size_t pixels = (size_t)(b->options->size * b->options->size * b->model->vae.in_channels);
    b->pixels = slr_alloc(pixels, sizeof *b->pixels);
    b->moments = slr_alloc((size_t)slr_latent_encoder_count(b->encoder), sizeof *b->moments);
    if (!b->pixels || !b->moments)
        return slr_fail_memory(err, pixels * sizeof *b->pixels, "a picture");
    for (size_t i = 0; i < pixels; i++)
        b->pixels[i] = (float)(i % 255) / 127 - 1;
    return slr_latent_encoder_allocate(b->encoder, err);
}

static selora_status encode(bench *b, slr_error *err)
{
    for (int64_t n = 0; n < b->options->batch; n++)
        SLR_TRY(slr_latent_encoder_run(b->encoder, b->pixels, b->moments, err));
    return SELORA_OK;
}

typedef struct task {
    unsigned parts;
    selora_status (*prepare)(bench *b, size_t *bytes, slr_error *err); /* plans; allocates nothing large */
    selora_status (*allocate)(bench *b, slr_error *err);
    selora_status (*step)(bench *b, slr_error *err);
} task;

static const task tasks[SLR_BENCH_TASKS] = {
    [SLR_BENCH_TRAIN] = {SLR_MODEL_TEXT | SLR_MODEL_UNET, prepare_training, allocate_training, train},
    [SLR_BENCH_DENOISE] = {SLR_MODEL_TEXT | SLR_MODEL_UNET, prepare_drawing, allocate_drawing, denoise},
    [SLR_BENCH_DECODE] = {SLR_MODEL_VAE, prepare_drawing, allocate_drawing, decode},
    [SLR_BENCH_ENCODE] = {SLR_MODEL_VAE, prepare_encoding, allocate_encoding, encode},
    [SLR_BENCH_GENERATE] = {SLR_MODEL_WHOLE, prepare_drawing, allocate_drawing, generate},
};

unsigned slr_bench_parts(slr_bench_task kind)
{
    return tasks[kind].parts;
}

static void close_bench(bench *b)
{
    slr_trainer_free(b->trainer);
    slr_adapter_set_free(b->set);
    slr_pipeline_free(b->pipe);
    slr_latent_encoder_free(b->encoder);
    free(b->ids);
    free(b->samples);
    free(b->moments);
    free(b->latents);
    free(b->states);
    free(b->images);
    free(b->pixels);
}

/* The plan of a part of the task, NULL where there is none. */
static slr_plan *plan_at(const bench *b, int i)
{
    if (b->pipe)
        return slr_pipeline_plan(b->pipe, i);
    if (i > 0)
        return NULL;
    return b->trainer ? slr_train_graph_plan(slr_trainer_graph(b->trainer)) : slr_latent_encoder_plan(b->encoder);
}

static double processor_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* Costs of one step, and what they add up to. */
static selora_status read_costs(const bench *b, double total, slr_bench_result *r, slr_error *err)
{
    double in_ops = 0;
    for (int i = 0; i < SLR_PIPELINE_STAGES; i++)
        if (plan_at(b, i))
            SLR_TRY(slr_op_costs_add(&r->costs, plan_at(b, i), b->options->shapes, err));
    for (size_t i = 0; i < r->costs.count; i++)
        for (int pass = 0; pass < SLR_PASS_COUNT; pass++) {
            in_ops += r->costs.rows[i].seconds[pass];
            r->costs.rows[i].seconds[pass] /= b->options->repeat;
            r->costs.rows[i].gmac[pass] /= b->options->repeat;
            r->gmac += r->costs.rows[i].gmac[pass];
        }
    slr_op_costs_sort(&r->costs);
    r->other_s = (total - in_ops) / b->options->repeat;
    return SELORA_OK;
}

static void summarise(const bench *b, double *times, slr_bench_result *r)
{
    int repeat = b->options->repeat;
    slr_sort_doubles(times, (size_t)repeat);
    r->best_s = times[0];
    r->median_s = slr_quantile(times, (size_t)repeat, 0.5);
    r->samples_per_s = (double)b->options->batch / r->median_s;
    r->weight_bytes = slr_weight_store_bytes(b->model->weights);
    if (b->set) {
        r->adapter_bytes = slr_adapter_set_bytes(b->set);
        r->layers = slr_adapter_set_count(b->set);
        r->parameters = slr_adapter_set_parameters(b->set);
    }
}

/* A step that brings pages and caches into being, then those that count. */
static selora_status run_steps(bench *b, const slr_hooks *hooks, double *times, slr_bench_result *r, slr_error *err)
{
    const task *t = &tasks[b->options->task];
    int repeat = b->options->repeat;
    slr_task progress = slr_task_begin(hooks, "bench", repeat);
    double start = slr_clock_seconds(), total = 0;
    SLR_TRY(t->step(b, err));
    r->first_s = slr_clock_seconds() - start;
    for (int i = 0; i < SLR_PIPELINE_STAGES; i++)
        if (plan_at(b, i))
            slr_plan_profile_reset(plan_at(b, i));
    double processor = processor_seconds();
    for (int i = 0; i < repeat; i++) {
        if (slr_interrupted(hooks))
            return slr_fail(err, SELORA_INTERRUPTED, "interrupted");
        start = slr_clock_seconds();
        SLR_TRY(t->step(b, err));
        times[i] = slr_clock_seconds() - start;
        total += times[i];
        slr_task_report(&progress, i + 1, "%.3f s", times[i]);
    }
    r->cpu_s = (processor_seconds() - processor) / repeat / b->options->threads;
    return read_costs(b, total, r, err);
}

static selora_status measure(bench *b, const slr_hooks *hooks, slr_bench_result *r, slr_error *err)
{
    size_t repeat = (size_t)b->options->repeat;
    double *times = slr_alloc(repeat, sizeof *times);
    if (!times)
        return slr_fail_memory(err, repeat * sizeof *times, "the times");
    selora_status status = run_steps(b, hooks, times, r, err);
    if (status == SELORA_OK)
        summarise(b, times, r);
    free(times);
    return status;
}

static selora_status fit_memory(bench *b, slr_bench_result *r, slr_error *err)
{
    const slr_memory_rule *rule = &b->options->memory;
    size_t weights = slr_weight_store_bytes(b->model->weights);
    if (!b->trainer)
        return slr_memory_check(rule, weights, r->plan_bytes, "the bench", "choose a smaller --size or --batch",
                                &r->predicted_bytes, err);
    SLR_TRY(slr_memory_fit(b->trainer, rule, weights, slr_adapter_set_bytes(b->set),
                           "choose --memory auto, or a smaller --size or --batch", &r->predicted_bytes, err));
    r->plan_bytes = slr_trainer_bytes(b->trainer);
    r->recompute = slr_trainer_get_options(b->trainer)->recompute;
    return SELORA_OK;
}

static selora_status prepare(bench *b, slr_bench_result *r, slr_error *err)
{
    const task *t = &tasks[b->options->task];
    double start = slr_clock_seconds();
    SLR_TRY(make_texts(b, err));
    SLR_TRY(t->prepare(b, &r->plan_bytes, err));
    SLR_TRY(fit_memory(b, r, err));
    SLR_TRY(t->allocate(b, err));
    r->plan_s = slr_clock_seconds() - start;
    return SELORA_OK;
}

selora_status slr_bench_run(const slr_model *model, const slr_bench_options *options, const slr_hooks *hooks,
                            slr_bench_result *result, slr_error *err)
{
    bench b = {.model = model, .options = options};
    slr_scheduler_config config;
    memset(result, 0, sizeof *result);
    SLR_TRY(check_options(model, options, err));
    slr_scheduler_config_sd15(&config);
    slr_schedule_init(&b.schedule, &config);
    selora_status status = prepare(&b, result, err);
    if (status == SELORA_OK)
        status = measure(&b, hooks, result, err);
    result->peak_bytes = slr_machine_peak_memory();
    if (status == SELORA_OK)
        status = slr_ceiling_measure(options->backend, options->threads, &result->ceiling, err);
    if (status == SELORA_OK)
        result->share = 2 * result->gmac / result->best_s / slr_ceiling_best(&result->ceiling);
    close_bench(&b);
    return status;
}

void slr_bench_result_free(slr_bench_result *result)
{
    slr_op_costs_free(&result->costs);
}
