/* SPDX-License-Identifier: MIT */
#include "api/train_job.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters/formats.h"
#include "adapters/rank_pattern.h"
#include "api/prepare_data.h"
#include "api/sample_grid.h"
#include "api/save_as.h"
#include "core/clock.h"
#include "core/memory.h"
#include "io/atomic_file.h"

/* Validation and pictures cost many steps' time: not more often than this unless asked for. */
enum { MIN_VALIDATION_STEPS = 50 };

static selora_status check_options(const selora_train_options *o, slr_error *err)
{
    if ((o->steps > 0) == (o->epochs > 0))
        return slr_fail(err, SELORA_USAGE, "--steps N or --epochs N is needed, and only one of them");
    return slr_save_as_check(o->save_as, err);
}

static selora_status open_model(slr_train_job *job, slr_error *err)
{
    const selora_train_options *o = job->options;
    slr_model_options options = {.variant = o->variant, .tokenizer = o->tokenizer, .config = o->model_config,
                                 .hashed = !o->dry_run};
    const slr_backend *backend;
    SLR_TRY(slr_context_backend(job->context, o->compute, &backend, err));
    SLR_TRY(slr_context_weights(backend, o->weights, &options.weights, err));
    SLR_TRY(slr_model_open(o->model, &options, &job->model, err));
    return slr_train_settings_read(&job->settings, job->context, job->model, o, err);
}

/* From sources to RUN/data; a run that goes on takes the data set that is there. */
static selora_status prepare_data(slr_train_job *job, slr_error *err)
{
    const selora_train_options *o = job->options;
    selora_prepare_options options = selora_prepare_defaults();
    size_t count;
    const selora_option *list = selora_prepare_option_list(&count);
    if (o->dry_run)
        return slr_fail(err, SELORA_USAGE, "--dry-run writes nothing, so it cannot prepare: run `selora prepare` first and give "
                        "its data set to --data");
    job->prepared = slr_format("%s/data", o->out);
    char *table = slr_format("%s/data/metadata.csv", o->out);
    if (!job->prepared || !table) {
        free(table);
        return slr_fail_memory(err, 0, "a path");
    }
    bool there = o->resume && access(table, F_OK) == 0;
    free(table);
    if (there)
        return SELORA_OK;
    if (o->prepare_with)
        SLR_TRY(selora_options_load(job->context, list, count, &options, o->prepare_with));
    options.sources = &o->data;
    options.source_count = 1;
    options.out = job->prepared;
    SLR_TRY(slr_make_folders(o->out, 0755, err));
    return slr_prepare_data(job->context, &options, err);
}

static selora_status count_train_groups(slr_train_job *job, slr_error *err)
{
    const slr_split part = {.train = job->split.train, .train_count = job->split.train_count};
    size_t crossing;
    if (slr_dataset_side_source(job->data) == SLR_SIDES_BY_PICTURE && !job->options->group_column)
        return SELORA_OK;
    return slr_split_count_groups(job->data, &part, &job->train_groups, &crossing, err);
}

static selora_status open_data(slr_train_job *job, slr_error *err)
{
    const selora_train_options *o = job->options;
    slr_dataset_options options = {.caption_column = o->caption_column, .group_column = o->group_column};
    if (o->prepare)
        SLR_TRY(prepare_data(job, err));
    SLR_TRY(slr_dataset_open(o->prepare ? job->prepared : o->data, &options, &job->data, err));
    SLR_TRY(slr_dataset_check_pictures(job->data, &job->context->hooks, err));
    SLR_TRY(slr_split_dataset(job->data, o->seed, &job->split, err));
    SLR_TRY(slr_split_count_groups(job->data, &job->split, &job->groups, &job->groups_on_two_sides, err));
    SLR_TRY(count_train_groups(job, err));
    job->facts.train = (int64_t)job->split.train_count;
    job->facts.validation = (int64_t)job->split.validation_count;
    job->facts.test = (int64_t)job->split.test_count;
    job->facts.captions_empty = (int64_t)slr_dataset_get_counts(job->data).empty_captions;
    return slr_dataset_hash(job->data, job->facts.data_sha256, err);
}

static selora_status encode_captions(slr_train_job *job, slr_error *err)
{
    size_t count = slr_dataset_count(job->data), tokens = (size_t)job->settings.trainer.tokens;
    job->ids = slr_alloc(count * tokens, sizeof *job->ids);
    if (!job->ids)
        return slr_fail_memory(err, count * tokens * sizeof *job->ids, "the captions");
    for (size_t i = 0; i < count; i++) {
        bool cut;
        SLR_TRY(slr_train_settings_encode(&job->settings, slr_dataset_item(job->data, i)->caption,
                                          job->ids + i * tokens, &cut, err));
        job->facts.captions_cut += cut;
    }
    return SELORA_OK;
}

const int64_t *slr_train_job_ids(const slr_train_job *job, uint32_t item)
{
    return job->ids + (int64_t)item * job->settings.trainer.tokens;
}

static selora_status count_steps(slr_train_job *job, slr_error *err)
{
    const selora_train_options *o = job->options;
    int64_t pictures = job->facts.train;
    job->places = o->batch_size * o->accumulate;
    if (o->epochs > INT32_MAX / 8 || o->steps > UINT32_MAX)
        return slr_fail(err, SELORA_USAGE, "--%s: more than a run can count", o->steps ? "steps" : "epochs");
    job->steps = o->steps ? o->steps : (o->epochs * pictures + job->places - 1) / job->places;
    int64_t epoch = (pictures + job->places - 1) / job->places;
    int64_t epochs = (MIN_VALIDATION_STEPS + epoch - 1) / epoch;
    job->validate_every = o->validate_every ? o->validate_every : epoch * epochs;
    job->facts.steps = job->steps;
    return SELORA_OK;
}

/* The log is opened after the trainer has been made. */
static void forward_rank(void *context, const slr_rank_event *event)
{
    const slr_train_job *job = context;
    if (job->rank_log.write)
        job->rank_log.write(job->rank_log.context, event);
}

/* What the run begins from, so that it can be told and that a run which goes on knows it again. */
static selora_status hash_start(slr_train_job *job, slr_error *err)
{
    const selora_train_options *o = job->options;
    slr_rank_pattern pattern = {0};
    if (o->init_adapter)
        SLR_TRY(slr_adapter_hash(o->init_adapter, job->facts.init_adapter_sha256, err));
    if (!o->rank_pattern)
        return SELORA_OK;
    SLR_TRY(slr_rank_pattern_read(o->rank_pattern, &pattern, err));
    selora_status status = slr_rank_pattern_hash(&pattern, job->facts.rank_pattern_sha256, err);
    slr_rank_pattern_free(&pattern);
    return status;
}

static selora_status open_encoder(slr_train_job *job, slr_error *err)
{
    const slr_prepare_options *prepare = &job->settings.prepare;
    const slr_trainer_options *options = &job->settings.trainer;
    return slr_latent_encoder_new(job->model, prepare->width, prepare->height, options->backend, options->threads,
                                  &job->encoder, err);
}

static selora_status make_trainer(slr_train_job *job, slr_error *err)
{
    slr_trainer_options *options = &job->settings.trainer;
    SLR_TRY(slr_train_settings_adapters(&job->settings, job->model, &job->context->hooks, &job->set, err));
    SLR_TRY(hash_start(job, err));
    options->steps = options->schedule.steps = job->steps;
    options->rank_log = (slr_rank_log){forward_rank, job};
    SLR_TRY(slr_trainer_new(job->model, job->set, options, &job->trainer, err));
    SLR_TRY(slr_data_order_init(&job->order, job->options->seed, (uint32_t)job->split.train_count, err));
    job->facts.backend = options->backend->name;
    job->facts.threads = options->threads;
    job->facts.layers = slr_adapter_set_count(job->set);
    job->facts.parameters = slr_adapter_set_parameters(job->set);
    return SELORA_OK;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Adapters, latents, states of captions: there from the first step to the last. */
static size_t lasting_bytes(const slr_train_job *job)
{
    size_t pictures = job->split.train_count + job->split.validation_count, adapters = slr_adapter_set_bytes(job->set);
    size_t latents = pictures * (size_t)slr_latent_encoder_count(job->encoder) * sizeof(float);
    size_t states = (size_t)(job->settings.trainer.tokens * job->model->text.width) * sizeof(slr_real);
    size_t texts = job->settings.text ? 0 : (job->split.train_count + 1) * states, budget = (size_t)SLR_TEXT_BUDGET_MB << 20;
    return adapters + (job->options->ema > 0 ? adapters / 4 : 0) + latents + (texts < budget ? texts : budget);
}

/* Pictures are encoded before training, and beside it where crops change; grids are drawn beside it. */
static selora_status fit_memory(slr_train_job *job, slr_error *err)
{
    const slr_train_settings *s = &job->settings;
    size_t weights = slr_weight_store_bytes(job->model->weights), lasting = lasting_bytes(job);
    size_t encoding = slr_latent_encoder_bytes(job->encoder), drawing, before;
    bool anew = s->prepare.random_crop || s->prepare.random_flip;
    SLR_TRY(slr_sample_grid_bytes(job, &drawing, err));
    SLR_TRY(slr_memory_check(&s->memory, weights, lasting + encoding, "encoding pictures", "choose a smaller --size",
                             &before, err));
    SLR_TRY(slr_memory_fit(job->trainer, &s->memory, weights, lasting + larger(drawing, anew ? encoding : 0),
                           "choose --memory auto, a smaller --size or --batch-size (with --gradient-accumulation-steps), or "
                           "--train unet", &job->peak, err));
    job->peak = larger(job->peak, before);
    return SELORA_OK;
}

selora_status slr_train_job_open_inputs(slr_train_job *job, selora_context *context, const selora_train_options *options,
                                        slr_error *err)
{
    *job = (slr_train_job){.context = context, .options = options, .opened = slr_clock_seconds()};
    SLR_TRY(check_options(job->options, err));
    SLR_TRY(open_model(job, err));
    SLR_TRY(open_data(job, err));
    SLR_TRY(encode_captions(job, err));
    SLR_TRY(count_steps(job, err));
    return open_encoder(job, err);
}

selora_status slr_train_job_open(slr_train_job *job, selora_context *context, const selora_train_options *options,
                                 slr_error *err)
{
    SLR_TRY(slr_train_job_open_inputs(job, context, options, err));
    SLR_TRY(make_trainer(job, err));
    return fit_memory(job, err);
}

void slr_train_job_close(slr_train_job *job)
{
    slr_data_order_free(&job->order);
    slr_latent_encoder_free(job->encoder);
    slr_trainer_free(job->trainer);
    slr_adapter_set_free(job->set);
    free(job->ids);
    slr_split_free(&job->split);
    slr_dataset_free(job->data);
    free(job->prepared);
    slr_train_settings_free(&job->settings);
    slr_model_free(job->model);
    *job = (slr_train_job){0};
}

static void describe_groups(const slr_train_job *job)
{
    const slr_hooks *hooks = &job->context->hooks;
    slr_side_source source = slr_dataset_side_source(job->data);
    const char *what = source == SLR_SIDES_BY_PATIENT && !job->options->group_column ? "patients" : "groups";
    if (source == SLR_SIDES_BY_PICTURE && !job->options->group_column)
        slr_warn(hooks, "split by image: leakage possible, pictures of one patient may lie on two sides");
    else if (job->groups)
        slr_note(hooks, "split by %s: %zu; %s on two sides: %zu", what, job->groups, what, job->groups_on_two_sides);
}

/* Few patients seen often: what makes models copy (Dar et al. 2025). */
static void warn_of_overtraining(const slr_train_job *job)
{
    enum { FEW = 500, OFTEN = 200 };
    double often = (double)job->steps * (double)job->places / (double)job->facts.train;
    bool patients = job->train_groups > 0;
    size_t few = patients ? job->train_groups : (size_t)job->facts.train;
    if (few < FEW && often > OFTEN)
        slr_warn(&job->context->hooks, "%zu %s train, each picture is seen %.0f times: the adapter may learn them by heart; "
                 "more data, fewer steps or a smaller --rank-max lower that, `selora audit` looks for it", few,
                 patients ? "patients" : "pictures", often);
    else if (few < FEW)
        slr_note(&job->context->hooks, "%zu %s train: below 500, adapters tend to learn them by heart; `selora audit` looks for it",
                 few, patients ? "patients" : "pictures");
    else if (often > OFTEN)
        slr_warn(&job->context->hooks, "each picture is seen %.0f times: the adapter may learn them by heart; `selora audit` "
                 "looks for it", often);
}

static void describe_data(const slr_train_job *job)
{
    const slr_hooks *hooks = &job->context->hooks;
    slr_dataset_counts counts = slr_dataset_get_counts(job->data);
    slr_note(hooks, "%lld pictures train, %lld validate, %lld are left for tests", (long long)job->facts.train,
             (long long)job->facts.validation, (long long)job->facts.test);
    describe_groups(job);
    if (counts.unlisted)
        slr_note(hooks, "%zu pictures of the folder stand in no row and are not used", counts.unlisted);
    if (counts.duplicates)
        slr_note(hooks, "%zu pictures are byte for byte copies of others", counts.duplicates);
    if (job->facts.captions_empty)
        slr_warn(hooks, "%lld captions are empty", (long long)job->facts.captions_empty);
    if (job->facts.captions_cut)
        slr_warn(hooks, "%lld captions are longer than %lld tokens: the rest of them is not seen",
                 (long long)job->facts.captions_cut, (long long)job->settings.trainer.tokens - 2);
    warn_of_overtraining(job);
    if (job->facts.validation == 0)
        slr_warn(hooks, "no picture validates: the last adapter counts as the best");
    if (job->places > job->facts.train)
        slr_note(hooks, "a step takes %lld pictures, there are %lld: some come twice, with noise of their own",
                 (long long)job->places, (long long)job->facts.train);
}

void slr_train_job_describe(const slr_train_job *job)
{
    const slr_hooks *hooks = &job->context->hooks;
    const slr_prepare_options *p = &job->settings.prepare;
    describe_data(job);
    char rank[64];
    snprintf(rank, sizeof rank, "rank %lld", (long long)job->options->rank);
    slr_note(hooks, "%s on %lld layers, %s: %lld trainable parameters", job->options->method, (long long)job->facts.layers,
             job->options->rank_pattern ? "ranks of --rank-pattern" : rank, (long long)job->facts.parameters);
    slr_note(hooks, "%dx%d pixels, %lld steps of %lld pictures, a validation every %lld steps", p->width, p->height,
             (long long)job->steps, (long long)job->places, (long long)job->validate_every);
    slr_note(hooks, "backend %s, %d threads: %s; %.1f GMAC forward a batch", job->facts.backend, job->facts.threads,
             slr_backend_precision(job->settings.trainer.backend), (double)slr_trainer_macs(job->trainer) / 1e9);
    slr_note(hooks, "memory: %.2f GB at most; weights (%s) %.2f GB, a step %.2f GB (class %s)", (double)job->peak / 1e9,
             slr_weight_policy_name(slr_weight_store_policy(job->model->weights)),
             (double)slr_weight_store_bytes(job->model->weights) / 1e9, (double)slr_trainer_bytes(job->trainer) / 1e9,
             slr_recompute_name(slr_trainer_get_options(job->trainer)->recompute));
}
