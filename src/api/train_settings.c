/* SPDX-License-Identifier: MIT */
#include "api/train_settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/rank_pattern.h"
#include "adapters/targets.h"
#include "api/init_adapter.h"
#include "api/memory_options.h"
#include "core/memory.h"
#include "data/picture_size.h"

/* The place of `text` in a list of choices that ends in NULL; the first for NULL. The option tables have checked texts
 * from command lines; other callers may give anything. */
static selora_status choose(const char *option, const char *text, const char *const *choices, int *index, slr_error *err)
{
    for (*index = 0; choices[*index]; (*index)++)
        if (!text || strcmp(text, choices[*index]) == 0)
            return SELORA_OK;
    return slr_fail(err, SELORA_USAGE, "--%s: found \"%s\", which is none of its choices; --help lists them", option, text);
}

#define CHOICES(...) ((const char *const[]){__VA_ARGS__, NULL})

static selora_status check_ranges(const selora_train_options *options, slr_error *err)
{
    size_t count;
    const selora_option *list = selora_train_option_list(&count);
    const selora_train_options defaults = selora_train_defaults();
    return slr_options_check_ranges(list, count, options, &defaults, err);
}

static selora_status read_components(slr_train_settings *s, const char *text, slr_error *err)
{
    const char *list = text ? text : "unet,text";
    s->unet = strcmp(list, "unet") == 0 || strcmp(list, "unet,text") == 0 || strcmp(list, "text,unet") == 0;
    s->text = strcmp(list, "text") == 0 || (s->unet && strcmp(list, "unet") != 0);
    if (!s->unet && !s->text)
        return slr_fail(err, SELORA_USAGE, "--train: found \"%s\", expected unet, text or unet,text", list);
    return SELORA_OK;
}

static selora_status read_pictures(slr_train_settings *s, const slr_model *model, slr_error *err)
{
    const selora_train_options *o = s->options;
    int factor = slr_vae_factor(&model->vae), step = factor < 8 ? 8 : factor, crop, filter;
    int width, height;
    SLR_TRY(slr_picture_size(o->size, (int)model->unet.sample_size * factor, step, &width, &height, err));
    SLR_TRY(choose("crop", o->crop, CHOICES("centre", "random"), &crop, err));
    SLR_TRY(choose("resample", o->resample, CHOICES("bilinear", "lanczos"), &filter, err));
    s->prepare = slr_prepare_options_default(width, height);
    s->prepare.filter = filter == 1 ? SLR_RESIZE_LANCZOS : SLR_RESIZE_BILINEAR;
    s->prepare.random_crop = crop == 1;
    s->prepare.random_flip = o->flip != 0;
    s->trainer.height = height / factor;
    s->trainer.width = width / factor;
    return SELORA_OK;
}

static selora_status read_probe_choices(const selora_train_options *o, slr_method_options *m, slr_error *err)
{
    int choice;
    SLR_TRY(choose("fisher", o->fisher, CHOICES("batch", "sample", "cross"), &choice, err));
    m->fisher = (slr_fisher)choice;
    SLR_TRY(choose("normalise", o->normalise, CHOICES("none", "rank", "param"), &choice, err));
    m->normalise = (slr_normalise)choice;
    SLR_TRY(choose("probe-norm", o->probe_norm, CHOICES("kaiming", "match"), &choice, err));
    m->probe_norm = (slr_probe_norm)choice;
    SLR_TRY(choose("probe-pass", o->probe_pass, CHOICES("fused", "extra"), &choice, err));
    if (o->probe_pass)
        m->probe_pass = (slr_probe_pass)choice;
    SLR_TRY(choose("probe-init", o->probe_init, CHOICES("kaiming", "zero", "power"), &choice, err));
    if (o->probe_init)
        m->probe_init = (slr_probe_init)choice;
    SLR_TRY(choose("adopt", o->adopt, CHOICES("tested", "fresh"), &choice, err));
    if (o->adopt)
        m->adopt = (slr_adopt)choice;
    SLR_TRY(choose("opt-on-expand", o->opt_on_expand, CHOICES("carry", "reset"), &choice, err));
    if (o->opt_on_expand)
        m->on_expand = (slr_on_expand)choice;
    if (o->warm_v && m->on_expand == SLR_ON_EXPAND_RESET)
        return slr_fail(err, SELORA_USAGE, "--warm-v needs --opt-on-expand carry");
    if (o->warm_v)
        m->on_expand = SLR_ON_EXPAND_WARM;
    return SELORA_OK;
}

static selora_status read_method(slr_train_settings *s, slr_error *err)
{
    const selora_train_options *o = s->options;
    slr_method_options *m = &s->trainer.method;
    slr_method_kind kind;
    int mode, init;
    if (!slr_method_kind_named(o->method ? o->method : "selora", &kind))
        return slr_fail(err, SELORA_USAGE, "--method: found \"%s\", expected selora, selora-authors or lora", o->method);
    SLR_TRY(choose("scale-mode", o->scale_mode, CHOICES("fixed", "alpha_over_r", "rslora"), &mode, err));
    SLR_TRY(choose("init", o->init, CHOICES("kaiming", "lora"), &init, err));
    *m = slr_method_options_of(kind);
    if (kind != SLR_METHOD_LORA) {
        if (o->rank_max != 0 && o->rank_max < o->rank)
            return slr_fail(err, SELORA_USAGE, "--rank-max: found %lld, less than --rank %lld", (long long)o->rank_max,
                            (long long)o->rank);
        m->lambda = o->lambda;
        m->mu = o->mu;
        m->every = (int)o->probe_every;
        m->expand_until = o->expand_until;
        m->rank_max = (int)o->rank_max;
        m->probe_rows = (int)o->probe_rows;
        m->probe_window = (int)o->probe_window;
        m->confidence = o->probe_z;
        m->beta2 = o->beta2;
        SLR_TRY(read_probe_choices(o, m, err));
    }
    SLR_TRY(slr_method_options_check(m, err));
    s->adapter = (slr_adapter_options){.seed = o->seed, .scale = o->scale, .scale_mode = (slr_scale_mode)mode,
                                       .init = (slr_adapter_init)init, .rank = (int)o->rank,
                                       .probes = slr_method_probe_rows(m)};
    return SELORA_OK;
}

static selora_status read_schedule(slr_train_settings *s, slr_error *err)
{
    const selora_train_options *o = s->options;
    slr_lr_schedule *schedule = &s->trainer.schedule;
    double cycles = o->lr_cycles;
    *schedule = (slr_lr_schedule){.warmup = o->warmup, .power = o->lr_power, .base_lr = o->lr};
    if (!slr_lr_kind_named(o->lr_schedule ? o->lr_schedule : "constant", &schedule->kind))
        return slr_fail(err, SELORA_USAGE, "--lr-scheduler: found \"%s\"; --help lists the schedules", o->lr_schedule);
    bool restarts = schedule->kind == SLR_LR_COSINE_WITH_RESTARTS;
    if (restarts && !isnan(cycles) && (cycles < 1 || cycles != floor(cycles)))
        return slr_fail(err, SELORA_USAGE, "--lr-num-cycles: found %g, expected a whole number from 1", cycles);
    if (!restarts && !isnan(cycles) && !(schedule->kind == SLR_LR_COSINE && cycles == 0.5))
        return slr_fail(err, SELORA_USAGE, "--lr-num-cycles: only --lr-scheduler cosine_with_restarts has cycles");
    schedule->cycles = restarts && !isnan(cycles) ? (int)cycles : 0;
    return SELORA_OK;
}

static selora_status read_optimiser(slr_train_settings *s, slr_error *err)
{
    const selora_train_options *o = s->options;
    int optimizer;
    SLR_TRY(choose("optimizer", o->optimizer, CHOICES("adam", "adamw"), &optimizer, err));
    s->trainer.adam = (slr_adam){.beta1 = o->beta1, .beta2 = o->beta2, .eps = o->epsilon,
                                 .weight_decay = optimizer == 1 ? o->weight_decay : 0};
    s->trainer.rates = (slr_learning_rates){.unet = o->lr, .text_encoder = isnan(o->lr_text) ? o->lr : o->lr_text};
    s->trainer.max_grad_norm = o->max_grad_norm;
    s->trainer.ema = o->ema;
    s->trainer.batch = o->batch_size;
    s->trainer.accumulate = o->accumulate;
    return read_schedule(s, err);
}

static selora_status open_tokenizer(slr_train_settings *s, const slr_model *model, slr_error *err)
{
    if (!model->tokenizer_path)
        return slr_fail(err, SELORA_USAGE, "%s: the model has no tokenizer of its own; name one with --tokenizer", model->path);
    SLR_TRY(slr_tokenizer_open(model->tokenizer_path, model->text.positions, &s->tokenizer, err));
    if (slr_tokenizer_vocabulary(s->tokenizer) > model->text.vocabulary)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: gives ids up to %lld, the text encoder knows %lld; another tokenizer "
                        "belongs to this model", model->tokenizer_path,
                        (long long)slr_tokenizer_vocabulary(s->tokenizer) - 1, (long long)model->text.vocabulary);
    s->trainer.tokens = slr_tokenizer_length(s->tokenizer);
    s->empty_ids = slr_alloc((size_t)s->trainer.tokens, sizeof *s->empty_ids);
    if (!s->empty_ids)
        return slr_fail_memory(err, (size_t)s->trainer.tokens * sizeof *s->empty_ids, "a caption");
    return slr_tokenizer_encode(s->tokenizer, "", 0, s->empty_ids, NULL, err);
}

static selora_status read_all(slr_train_settings *s, const selora_context *context, const slr_model *model, slr_error *err)
{
    const selora_train_options *o = s->options;
    slr_scheduler_config config;
    SLR_TRY(check_ranges(o, err));
    SLR_TRY(read_components(s, o->train, err));
    SLR_TRY(read_pictures(s, model, err));
    SLR_TRY(read_method(s, err));
    SLR_TRY(slr_memory_options_read(o->memory, o->max_memory, &s->memory, err));
    SLR_TRY(read_optimiser(s, err));
    SLR_TRY(slr_scheduler_config_read(model->scheduler_path, &config, err));
    slr_schedule_init(&s->schedule, &config);
    SLR_TRY(open_tokenizer(s, model, err));
    s->trainer.train_text = s->text;
    s->trainer.draw = (slr_draw_rules){.seed = o->seed, .schedule = &s->schedule, .empty_ids = s->empty_ids,
                                       .caption_dropout = o->caption_dropout, .noise_offset = o->noise_offset,
                                       .min_snr_gamma = o->min_snr_gamma};
    SLR_TRY(slr_context_backend(context, o->compute, &s->trainer.backend, err));
    s->trainer.threads = context->threads;
    return SELORA_OK;
}

selora_status slr_train_settings_read(slr_train_settings *s, const selora_context *context, const slr_model *model,
                                      const selora_train_options *options, slr_error *err)
{
    *s = (slr_train_settings){.options = options};
    selora_status status = read_all(s, context, model, err);
    if (status != SELORA_OK)
        slr_train_settings_free(s);
    return status;
}

void slr_train_settings_free(slr_train_settings *s)
{
    slr_tokenizer_free(s->tokenizer);
    free(s->empty_ids);
    *s = (slr_train_settings){0};
}

/* What --targets and --rank say, or --rank-pattern instead. */
static selora_status add_layers(const slr_train_settings *s, const slr_graph *graph, const char *const *components, int count,
                                slr_adapter_set *set, slr_error *err)
{
    const selora_train_options *o = s->options;
    slr_rank_pattern pattern = {0};
    slr_targets *targets = NULL;
    selora_status status;
    if (o->rank_pattern) {
        SLR_TRY_OUT(slr_rank_pattern_read(o->rank_pattern, &pattern, err));
        SLR_TRY_OUT(slr_rank_pattern_add(&pattern, graph, components, count, set, err));
    } else {
        SLR_TRY_OUT(slr_targets_new(o->targets ? o->targets : "selora", &targets, err));
        SLR_TRY_OUT(slr_targets_add(targets, graph, components, count, set, err));
    }
out:
    slr_targets_free(targets);
    slr_rank_pattern_free(&pattern);
    return status;
}

selora_status slr_train_settings_adapters(const slr_train_settings *s, const slr_model *model, const slr_hooks *hooks,
                                          slr_adapter_set **result, slr_error *err)
{
    selora_status status;
    const char *components[2];
    int count = 0;
    const slr_init_adapter from = {.path = s->options->init_adapter, .strict = s->options->strict != 0, .hooks = hooks};
    slr_graph *graph = slr_model_record(model, false);
    slr_adapter_set *set = NULL;
    slr_pairs *start = slr_alloc(1, sizeof *start);
    *result = NULL;
    if (!graph || !start) {
        slr_graph_free(graph);
        free(start);
        return slr_fail_memory(err, 0, "the model's graph");
    }
    if (s->text)
        components[count++] = "text_encoder";
    if (s->unet)
        components[count++] = "unet";
    SLR_TRY_OUT(slr_adapter_set_new(&s->adapter, &set, err));
    if (from.path)
        SLR_TRY_OUT(slr_init_adapter_add(&from, graph, components, count, start, set, err));
    SLR_TRY_OUT(add_layers(s, graph, components, count, set, err));
    SLR_TRY_OUT(slr_adapter_set_finish(set, err));
    slr_init_adapter_fill(start, set);
    *result = set;
    set = NULL;
out:
    slr_pairs_free(start);
    free(start);
    slr_adapter_set_free(set);
    slr_graph_free(graph);
    return status;
}

selora_status slr_train_settings_encode(const slr_train_settings *s, const char *caption, int64_t *ids, bool *cut,
                                        slr_error *err)
{
    int64_t count;
    SLR_TRY(slr_tokenizer_encode(s->tokenizer, caption, strlen(caption), ids, &count, err));
    if (cut)
        *cut = count > s->trainer.tokens - 2;
    return SELORA_OK;
}
