/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/checksum.h"
#include "support/tiny_training.h"
#include "train/data_order.h"

static void epochs_are_permutations_without_gaps(void **state)
{
    (void)state;
    slr_data_order order;
    assert_int_equal(slr_data_order_init(&order, 42, 7, NULL), SELORA_OK);
    uint32_t first[7], again[7];
    int differ = 0;
    for (int epoch = 0; epoch < 3; epoch++) {
        int seen = 0;
        for (int i = 0; i < 7; i++) {
            uint32_t index = slr_data_order_at(&order, epoch * 7 + i);
            assert_true(index < 7);
            seen |= 1 << index;
            if (epoch == 0)
                first[i] = index;
            differ += epoch > 0 && index != first[i];
        }
        assert_int_equal(seen, 127);
    }
    assert_true(differ > 0);
    assert_int_equal(slr_data_order_epoch(&order, 6), 0);
    assert_int_equal(slr_data_order_epoch(&order, 7), 1);
    for (int i = 6; i >= 0; i--) /* backwards, from another epoch */
        again[i] = slr_data_order_at(&order, i);
    assert_memory_equal(again, first, sizeof first);
    slr_data_order_free(&order);
    assert_int_equal(slr_data_order_init(&order, 42, 1, NULL), SELORA_OK);
    assert_int_equal(slr_data_order_at(&order, 12345), 0);
    slr_data_order_free(&order);
}

static void hash_sample(void *context, int64_t step, int64_t item, const slr_train_sample *sample,
                        const slr_train_draw *draw)
{
    slr_sha256 *hash = context;
    int64_t numbers[] = {step, item, sample->index, draw->timestep};
    slr_sha256_update(hash, numbers, sizeof numbers);
    slr_sha256_update(hash, draw->ids, TINY_TOKENS * sizeof *draw->ids);
    slr_sha256_update(hash, draw->noise, TINY_SIDE * TINY_SIDE * 4 * sizeof *draw->noise);
    slr_sha256_update(hash, draw->latent, TINY_SIDE * TINY_SIDE * 4 * sizeof *draw->latent);
}

static void hash_of_steps(const slr_trainer_options *base, int64_t steps, char hex[SLR_SHA256_HEX], int64_t *rank)
{
    tiny_training t;
    slr_trainer_options options = *base;
    slr_sha256 *hash = slr_sha256_new();
    options.batch = 1;
    options.draw.caption_dropout = 0.2;
    options.observer = hash_sample;
    options.observer_context = hash;
    tiny_training_begin(&t, &options, "unet");
    tiny_training_run(&t, steps);
    *rank = t.last.total_rank;
    tiny_training_end(&t);
    slr_sha256_finish(hash, hex);
}

/* T19: pictures, captions, timesteps and noise of the first 500 steps are the same for every method. */
static void method_does_not_change_streams(void **state)
{
    (void)state;
    enum { RUNS = 4, STEPS = 500 };
    char hex[RUNS][SLR_SHA256_HEX], one[SLR_SHA256_HEX], other[SLR_SHA256_HEX];
    int64_t rank[RUNS], ignored;
    slr_trainer_options options[RUNS] = {
        tiny_training_options(SLR_METHOD_LORA), tiny_training_options(SLR_METHOD_SELORA),
        tiny_training_options(SLR_METHOD_SELORA), tiny_training_options(SLR_METHOD_SELORA_AUTHORS),
    };
    options[1].method.every = 50;
    options[1].method.lambda = 1; /* grows at every decision */
    options[1].method.rank_max = 6;
    options[2].method.lambda = INFINITY;
    options[2].method.probe_rows = 3;
    options[3].method.every = 50;
    for (int i = 0; i < RUNS; i++)
        hash_of_steps(&options[i], STEPS, hex[i], &rank[i]);
    for (int i = 1; i < RUNS; i++)
        assert_string_equal(hex[i], hex[0]);
    assert_true(rank[1] > rank[0]);
    hash_of_steps(&options[0], 2, one, &ignored);
    options[0].draw.seed = 43;
    hash_of_steps(&options[0], 2, other, &ignored);
    assert_string_not_equal(other, one);
}

/* Two batches of 2 accumulated are one batch of 4: same draws, gradients equal to rounding. */
static void accumulation_equals_bigger_batch(void **state)
{
    (void)state;
    tiny_training a, b;
    slr_trainer_options options = tiny_training_options(SLR_METHOD_SELORA);
    options.batch = 4;
    tiny_training_begin(&a, &options, "unet,text");
    options.batch = 2;
    options.accumulate = 2;
    tiny_training_begin(&b, &options, "unet,text");
    for (int64_t step = 1; step <= 3; step++) { /* before rounding can grow */
        tiny_training_run(&a, step);
        tiny_training_run(&b, step);
        assert_true(fabs(a.last.loss - b.last.loss) <= 1e-5 * a.last.loss);
        assert_true(fabs(a.last.gradient_norm - b.last.gradient_norm) <= 1e-4 * a.last.gradient_norm);
    }
    tiny_training_end(&a);
    tiny_training_end(&b);
}

typedef struct seen_ratios {
    int count;
    double ratio[64];
} seen_ratios;

static void see_ratio(void *context, const slr_rank_event *event)
{
    seen_ratios *seen = context;
    if (seen->count < 64)
        seen->ratio[seen->count++] = event->ratio;
}

/* Probe scores come from the accumulated gradients: the first decision sees the same ratios. */
static void probes_use_accumulated_gradients(void **state)
{
    (void)state;
    seen_ratios seen[2] = {{0}, {0}};
    for (int run = 0; run < 2; run++) {
        tiny_training t;
        slr_trainer_options options = tiny_training_options(SLR_METHOD_SELORA);
        options.method.every = 1;
        options.batch = run ? 2 : 4;
        options.accumulate = run ? 2 : 1;
        options.rank_log = (slr_rank_log){see_ratio, &seen[run]};
        tiny_training_begin(&t, &options, "unet");
        tiny_training_run(&t, 1);
        tiny_training_end(&t);
    }
    assert_true(seen[0].count > 5);
    assert_int_equal(seen[0].count, seen[1].count);
    for (int i = 0; i < seen[0].count; i++)
        assert_true(fabs(seen[0].ratio[i] - seen[1].ratio[i]) <= 1e-4 * seen[0].ratio[i]);
}

/* Adam sees gradients of the norm asked for; what is reported is the norm before. */
static void clipping_acts(void **state)
{
    (void)state;
    tiny_training free_run, clipped;
    slr_trainer_options options = tiny_training_options(SLR_METHOD_LORA);
    tiny_training_begin(&free_run, &options, "unet,text");
    options.max_grad_norm = 1e-3;
    tiny_training_begin(&clipped, &options, "unet,text");
    tiny_training_run(&free_run, 1);
    tiny_training_run(&clipped, 1);
    assert_true(free_run.last.gradient_norm == clipped.last.gradient_norm); /* the norm before clipping */
    assert_true(clipped.last.gradient_norm > 2e-3);
    double first_moments = 0;
    for (int i = 0; i < slr_adapter_set_count(clipped.set); i++) {
        const slr_adapter *a = slr_adapter_set_at(clipped.set, i);
        for (int64_t e = 0; e < a->slot.out; e++)
            first_moments += (double)a->m_bt[e] * (double)a->m_bt[e];
    }
    /* m = 0.1 g after one step, A's gradients are zero while B = 0. */
    assert_true(fabs(sqrt(first_moments) - 1e-4) <= 1e-3 * 1e-4);
    tiny_training_end(&free_run);
    tiny_training_end(&clipped);
}

/* A text encoder that is left out and one that is trained with rate 0 give the U-Net the same course. */
static void frozen_text_equals_rate_zero(void **state)
{
    (void)state;
    tiny_training frozen, still;
    slr_trainer_options options = tiny_training_options(SLR_METHOD_LORA);
    options.rates.text_encoder = 0;
    tiny_training_begin(&frozen, &options, "unet");
    tiny_training_begin(&still, &options, "unet,text");
    /* Streams of A are numbered by layer: give both sets the same start. */
    for (int i = 0; i < slr_adapter_set_count(frozen.set); i++) {
        slr_adapter *a = slr_adapter_set_at(frozen.set, i);
        slr_adapter *b = (slr_adapter *)slr_adapter_set_find(still.set, a->path);
        memcpy(b->a, a->a, (size_t)a->slot.in * sizeof *a->a);
    }
    for (int64_t step = 1; step <= 4; step++) {
        tiny_training_run(&frozen, step);
        tiny_training_run(&still, step);
        assert_true(fabs(frozen.last.loss - still.last.loss) <= 1e-5 * still.last.loss);
    }
    for (int i = 0; i < slr_adapter_set_count(still.set); i++) {
        const slr_adapter *a = slr_adapter_set_at(still.set, i);
        for (int64_t e = 0; strncmp(a->path, "text", 4) == 0 && e < a->slot.out; e++)
            assert_true(a->bt[e] == 0);
    }
    tiny_training_end(&frozen);
    tiny_training_end(&still);
}

/* Kept states and states computed at each step are the same bits. */
static void kept_texts_change_nothing(void **state)
{
    (void)state;
    tiny_training with, without;
    slr_trainer_options options = tiny_training_options(SLR_METHOD_SELORA);
    tiny_training_begin(&with, &options, "unet");
    tiny_training_begin(&without, &options, "unet");
    slr_text_states *texts = slr_trainer_text_states(with.trainer);
    for (int i = 0; i < TINY_PICTURES; i++)
        assert_int_equal(slr_text_states_keep(texts, with.ids[i], 1 << 20, NULL), SELORA_OK);
    assert_int_equal(slr_text_states_keep(texts, with.ids[0], 1 << 20, NULL), SELORA_OK);
    assert_int_equal(slr_text_states_kept(texts), TINY_PICTURES);
    assert_int_equal(slr_text_states_keep(texts, with.ids[TINY_PICTURES], 1000, NULL), SELORA_OK);
    assert_int_equal(slr_text_states_kept(texts), TINY_PICTURES); /* the budget is used up */
    tiny_training_run(&with, 12);
    tiny_training_run(&without, 12);
    assert_true(tiny_training_same(&with, &without));
    tiny_training_end(&with);
    tiny_training_end(&without);
}

typedef struct seen_samples {
    int count, empty;
    double weight_error;
    double mean[4]; /* of the noise by channel, of the last sample */
    const slr_schedule *schedule;
    const int64_t *empty_ids;
    double gamma;
} seen_samples;

static void see_sample(void *context, int64_t step, int64_t item, const slr_train_sample *sample,
                       const slr_train_draw *draw)
{
    seen_samples *seen = context;
    (void)step, (void)item;
    seen->count++;
    seen->empty += draw->ids == seen->empty_ids;
    assert_true(draw->ids == seen->empty_ids || draw->ids == sample->ids);
    double snr = slr_schedule_snr(seen->schedule, draw->timestep);
    seen->weight_error += fabs(draw->weight - fmin(snr, seen->gamma) / snr);
    memset(seen->mean, 0, sizeof seen->mean);
    for (int p = 0; p < TINY_SIDE * TINY_SIDE; p++)
        for (int c = 0; c < 4; c++)
            seen->mean[c] += (double)draw->noise[p * 4 + c] / (TINY_SIDE * TINY_SIDE);
}

static void options_of_the_draw_act(void **state)
{
    (void)state;
    tiny_training t;
    seen_samples seen = {.gamma = 5};
    slr_trainer_options options = tiny_training_options(SLR_METHOD_LORA);
    options.draw.min_snr_gamma = 5;
    options.draw.caption_dropout = 0.25;
    options.draw.noise_offset = 1000; /* the channel's mean shows it */
    options.rates.unet = options.rates.text_encoder = 0;
    options.observer = see_sample;
    options.observer_context = &seen;
    tiny_training_begin(&t, &options, "unet");
    seen.schedule = &t.schedule;
    seen.empty_ids = t.ids[TINY_PICTURES];
    tiny_training_run(&t, 200);
    assert_int_equal(seen.count, 400);
    assert_true(seen.weight_error == 0);
    assert_in_range(seen.empty, 60, 140); /* 100 +- 4.6 standard deviations */
    for (int c = 0; c < 4; c++)
        assert_true(fabs(seen.mean[c]) > 10);
    tiny_training_end(&t);
}

/* The graph's loss is the weighted one: a min-SNR weight below one lowers it by that much. */
static void loss_weights_act(void **state)
{
    (void)state;
    double loss[2];
    for (int run = 0; run < 2; run++) {
        tiny_training t;
        slr_trainer_options options = tiny_training_options(SLR_METHOD_LORA);
        options.batch = 1;
        options.draw.min_snr_gamma = run ? 1e-6 : 0; /* weight = 1e-6 / snr for nearly all timesteps */
        tiny_training_begin(&t, &options, "unet");
        tiny_training_run(&t, 1);
        loss[run] = t.last.loss;
        tiny_training_end(&t);
    }
    assert_true(loss[0] > 0.1);
    assert_true(loss[1] > 0 && loss[1] < 1e-2 * loss[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(epochs_are_permutations_without_gaps),
        cmocka_unit_test(method_does_not_change_streams),
        cmocka_unit_test(accumulation_equals_bigger_batch),
        cmocka_unit_test(probes_use_accumulated_gradients),
        cmocka_unit_test(clipping_acts),
        cmocka_unit_test(frozen_text_equals_rate_zero),
        cmocka_unit_test(kept_texts_change_nothing),
        cmocka_unit_test(options_of_the_draw_act),
        cmocka_unit_test(loss_weights_act),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
