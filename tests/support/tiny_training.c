/* SPDX-License-Identifier: MIT */
#include "support/tiny_training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/targets.h"
#include "core/memory.h"
#include "core/rng.h"
#include "train/data_order.h"

static void insist(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "tiny training: %s\n", what);
        exit(99);
    }
}

slr_trainer_options tiny_training_options(slr_method_kind kind)
{
    slr_trainer_options options = {
        .method = slr_method_options_of(kind), .adam = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
        .schedule = {.kind = SLR_LR_CONSTANT}, .rates = {.unet = 1e-2, .text_encoder = 1e-2},
        .steps = 1000, .batch = 2, .accumulate = 1, .height = TINY_SIDE, .width = TINY_SIDE, .tokens = TINY_TOKENS,
        .draw = {.seed = 42}, .backend = slr_backend_ref(), .threads = 1,
    };
#ifndef SLR_REAL_IS_DOUBLE
    options.backend = slr_backend_cpu();
#endif
    if (kind != SLR_METHOD_LORA) {
        options.method.every = 5;
        options.method.lambda = 1.05;
    }
    return options;
}

static void make_set(tiny_training *t, const slr_trainer_options *options, const char *components)
{
    slr_error err = {0};
    slr_adapter_options adapter = {.seed = options->draw.seed, .scale = 8, .rank = 1,
                                   .probes = slr_method_probe_rows(&options->method)};
    const char *const both[] = {"text_encoder", "unet"};
    bool text = strstr(components, "text"), unet = strstr(components, "unet");
    slr_targets *targets;
    slr_graph *graph = slr_model_record(t->model, false);
    insist(slr_adapter_set_new(&adapter, &t->set, &err) == SELORA_OK, err.message);
    insist(slr_targets_new("selora", &targets, &err) == SELORA_OK, err.message);
    insist(slr_targets_add(targets, graph, text ? both : both + 1, text && unet ? 2 : 1, t->set, &err) == SELORA_OK,
           err.message);
    insist(slr_adapter_set_finish(t->set, &err) == SELORA_OK, err.message);
    slr_targets_free(targets);
    slr_graph_free(graph);
}

static void make_pictures(tiny_training *t)
{
    int64_t per = TINY_SIDE * TINY_SIDE * 8;
    t->moments = slr_alloc(TINY_PICTURES * (size_t)per, sizeof *t->moments);
    insist(t->moments, "memory");
    for (int p = 0; p < TINY_PICTURES; p++) {
        slr_rng rng = slr_rng_at(1, SLR_STREAM_TEST, 7, (uint32_t)p);
        for (int64_t i = 0; i < per; i++)
            t->moments[p * per + i] = (float)(i % 8 < 4 ? slr_rng_normal(&rng) : -3 - slr_rng_uniform(&rng));
        for (int i = 0; i < TINY_TOKENS; i++)
            t->ids[p][i] = i == 0 ? 513 : i < 3 + p ? (int64_t)slr_rng_below(&rng, 500) : 514;
        t->pictures[p] = (slr_train_sample){t->moments + p * per, t->ids[p], (uint32_t)p};
    }
    for (int i = 0; i < TINY_TOKENS; i++)
        t->ids[TINY_PICTURES][i] = i == 0 ? 513 : 514;
}

void tiny_training_begin(tiny_training *t, const slr_trainer_options *options, const char *components)
{
    slr_error err = {0};
    slr_scheduler_config config;
    slr_trainer_options own = *options;
    *t = (tiny_training){.model = tiny_model(11)};
    slr_scheduler_config_sd15(&config);
    slr_schedule_init(&t->schedule, &config);
    make_set(t, options, components);
    make_pictures(t);
    own.draw.schedule = &t->schedule;
    own.draw.empty_ids = t->ids[TINY_PICTURES];
    own.train_text = strstr(components, "text") != NULL;
    insist(slr_trainer_new(t->model, t->set, &own, &t->trainer, &err) == SELORA_OK, err.message);
    insist(slr_trainer_allocate(t->trainer, &err) == SELORA_OK, err.message);
}

void tiny_training_end(tiny_training *t)
{
    slr_trainer_free(t->trainer);
    slr_adapter_set_free(t->set);
    slr_model_free(t->model);
    free(t->moments);
}

selora_status tiny_training_step(tiny_training *t, slr_error *err)
{
    const slr_trainer_options *options = slr_trainer_get_options(t->trainer);
    int64_t places = options->batch * options->accumulate, first = slr_trainer_steps_done(t->trainer) * places;
    slr_data_order order;
    insist(places <= 64 && slr_data_order_init(&order, options->draw.seed, TINY_PICTURES, err) == SELORA_OK, "order");
    slr_train_sample samples[64];
    for (int64_t i = 0; i < places; i++)
        samples[i] = t->pictures[slr_data_order_at(&order, first + i)];
    slr_data_order_free(&order);
    return slr_trainer_step(t->trainer, samples, &t->last, err);
}

void tiny_training_run(tiny_training *t, int64_t steps)
{
    slr_error err = {0};
    while (slr_trainer_steps_done(t->trainer) < steps)
        insist(tiny_training_step(t, &err) == SELORA_OK, err.message);
}

static bool same_rows(const slr_real *a, const slr_real *b, int64_t count)
{
    return memcmp(a, b, (size_t)count * sizeof *a) == 0;
}

static bool same_layer(const slr_adapter *a, const slr_adapter *b, int candidates)
{
    int64_t rank = a->slot.rank, in = a->slot.in, out = a->slot.out;
    return rank == b->slot.rank && a->slot.scale == b->slot.scale &&
           same_rows(a->a, b->a, (rank + candidates) * in) && same_rows(a->bt, b->bt, rank * out) &&
           same_rows(a->m_a, b->m_a, rank * in) && same_rows(a->v_a, b->v_a, rank * in) &&
           same_rows(a->m_bt, b->m_bt, rank * out) && same_rows(a->v_bt, b->v_bt, rank * out) &&
           memcmp(a->age_a, b->age_a, (size_t)rank * sizeof *a->age_a) == 0 &&
           memcmp(a->age_bt, b->age_bt, (size_t)rank * sizeof *a->age_bt) == 0;
}

bool tiny_training_same(const tiny_training *a, const tiny_training *b)
{
    bool same = slr_adapter_set_count(a->set) == slr_adapter_set_count(b->set);
    for (int i = 0; same && i < slr_adapter_set_count(a->set); i++)
        same = same_layer(slr_adapter_set_at(a->set, i), slr_adapter_set_at(b->set, i),
                          slr_adapter_set_options(a->set)->probes);
    return same;
}
