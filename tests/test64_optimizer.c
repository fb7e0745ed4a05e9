/* SPDX-License-Identifier: MIT
 * Adam, clipping and learning-rate schedules against tables made with torch 2.15 and diffusers
 * 0.42.1. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/toy.h"
#include "train/lr_schedule.h"
#include "train/optimizer.h"

static const slr_adam adam = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};

static bool close_to(double a, double b, double tolerance)
{
    return fabs(a - b) <= tolerance * fabs(b);
}

/* torch.optim.AdamW in float64 over five gradients; the third number shows where eps stands. */
static void test_T11_adam_follows_the_textbook(void **state)
{
    (void)state;
    static const double gradients[5][3] = {{0.5, -2.0, 1e-7},
                                           {-0.25, 1.0, 3e-8},
                                           {0.125, 0.0, -2e-7},
                                           {1.5, -0.5, 1e-7},
                                           {-0.75, 4.0, 5e-8}};
    static const double tables[2][5][3] = {
        {{0.9900000002, -0.49000000005, 0.2409090909090909},
         {0.9873366298707846, -0.48733662967024316, 0.23337313146326938},
         {0.9839323384916654, -0.4852778366503442, 0.23579292148519387},
         {0.9775088486144853, -0.4823623329415228, 0.23541802640288903},
         {0.9749001311545146, -0.48587463226766453, 0.23411380038885563}},
        {{0.9890000002, -0.48950000005, 0.2406590909090909},
         {0.9853476298705847, -0.48634712967019317, 0.2328824723723603},
         {0.9809579908615949, -0.483801989520624, 0.23506937992191243},
         {0.9735535429935531, -0.48040268382228196, 0.23445941545968568},
         {0.9699712719905889, -0.4834345804646014, 0.2329207300301926}}};
    static const double mean[3] = {0.08470499999999999, 0.2966799999999999, 6.5479999999999985e-09};
    static const double square[3] = {0.0031371579520627526, 0.02123077698300402,
                                     6.326740265911004e-17};
    for (int decay = 0; decay < 2; decay++) {
        slr_adam options = adam;
        options.weight_decay = 0.1 * decay;
        slr_real w[3] = {1, -0.5, 0.25}, m[3] = {0}, v[3] = {0};
        for (int step = 0; step < 5; step++) {
            slr_adam_vector(&options, 0.01, step + 1, w, gradients[step], m, v, 3);
            for (int i = 0; i < 3; i++)
                assert_true(close_to(w[i], tables[decay][step][i], 1e-12));
        }
        for (int i = 0; i < 3; i++)
            assert_true(close_to(m[i], mean[i], 1e-12) && close_to(v[i], square[i], 1e-12));
    }
}

static slr_adapter_set *two_layers(void)
{
    slr_error err = {0};
    slr_adapter_set *set;
    slr_adapter_options options = {.seed = 1, .scale = 8, .rank = 2, .probes = 1};
    assert_int_equal(slr_adapter_set_new(&options, &set, &err), SELORA_OK);
    assert_int_equal(slr_adapter_set_add(set, "unet.a", 4, 3, &err), SELORA_OK);
    assert_int_equal(slr_adapter_set_add(set, "text_encoder.b", 5, 2, &err), SELORA_OK);
    assert_int_equal(slr_adapter_set_finish(set, &err), SELORA_OK);
    return set;
}

static void fill_gradients(slr_adapter_set *set, uint32_t step)
{
    for (int i = 0; i < 2; i++) {
        slr_slot *slot = &slr_adapter_set_at(set, i)->slot;
        toy_fill(slot->ga, slot->capacity * slot->in, 3 + (uint64_t)i, step);
        toy_fill(slot->gbt, slot->capacity * slot->out, 7 + (uint64_t)i, step);
    }
}

/* The set's step is the vector's step, with a rate for each component, over acting rows of
 * trainable slots. */
static void test_set_step_is_the_vector_step(void **state)
{
    (void)state;
    slr_adapter_set *set = two_layers();
    slr_adapter *unet = slr_adapter_set_at(set, 0), *text = slr_adapter_set_at(set, 1);
    slr_real *a = toy_copy(unet->a, 32 * sizeof *a), *bt = toy_copy(text->bt, 16 * sizeof *bt);
    slr_real m[8] = {0}, v[8] = {0}, m_b[4] = {0}, v_b[4] = {0};
    for (uint32_t step = 1; step <= 3; step++) {
        fill_gradients(set, step);
        slr_adam_vector(&adam, 1e-2, step, a, unet->slot.ga, m, v, 8);
        slr_adam_vector(&adam, 3e-3, step, bt, text->slot.gbt, m_b, v_b, 4);
        slr_adam_step(&adam, set, &(slr_learning_rates){.unet = 1e-2, .text_encoder = 3e-3});
    }
    assert_memory_equal(unet->a, a, 32 * sizeof *a); /* rows 2 .. 7 untouched */
    assert_memory_equal(text->bt, bt, 16 * sizeof *bt);
    assert_memory_equal(unet->m_a, m, sizeof m);
    assert_memory_equal(text->v_bt, v_b, sizeof v_b);
    assert_int_equal(unet->age_a[1], 3);
    assert_int_equal(unet->age_bt[0], 3);
    assert_int_equal(unet->age_a[2], 0);
    slr_adapter_set_trainable(set, "unet", false);
    slr_adam_step(&adam, set, &(slr_learning_rates){.unet = 1e-2, .text_encoder = 3e-3});
    assert_memory_equal(unet->a, a, 32 * sizeof *a);
    assert_int_equal(unet->age_a[0], 3);
    assert_int_equal(text->age_a[0], 4);
    free(a);
    free(bt);
    slr_adapter_set_free(set);
}

static void test_T10_old_state_is_carried_and_the_first_move_is_whole(void **state)
{
    (void)state;
    slr_adapter_set *set = two_layers();
    slr_adapter *layer = slr_adapter_set_at(set, 0);
    const slr_learning_rates rates = {.unet = 1e-2, .text_encoder = 1e-2};
    for (uint32_t step = 1; step <= 40; step++) {
        fill_gradients(set, step);
        slr_adam_step(&adam, set, &rates);
    }
    slr_real *m_a = toy_copy(layer->m_a, 8 * sizeof *m_a),
             *v_a = toy_copy(layer->v_a, 8 * sizeof *v_a);
    slr_real *m_b = toy_copy(layer->m_bt, 6 * sizeof *m_b),
             *v_b = toy_copy(layer->v_bt, 6 * sizeof *v_b);
    slr_adapter_activate(layer);
    assert_memory_equal(layer->m_a, m_a, 8 * sizeof *m_a);
    assert_memory_equal(layer->v_a, v_a, 8 * sizeof *v_a);
    assert_memory_equal(layer->m_bt, m_b, 6 * sizeof *m_b);
    assert_memory_equal(layer->v_bt, v_b, 6 * sizeof *v_b);
    for (int row = 0; row < 2; row++)
        assert_true(layer->age_a[row] == 40 && layer->age_bt[row] == 40);
    assert_true(layer->age_a[2] == 0 && layer->age_bt[2] == 0);

    fill_gradients(set, 41);
    memset(layer->slot.ga + 8, 0,
           4 * sizeof(slr_real)); /* B's new column is zero: no gradient yet */
    slr_real *row = toy_copy(layer->a + 8, 4 * sizeof *row);
    slr_adam_step(&adam, set, &rates);
    for (int i = 6; i < 9; i++) {
        double g = layer->slot.gbt[i], expect = 1e-2 * fabs(g) / (fabs(g) + adam.eps);
        assert_true(close_to(fabs(layer->bt[i]), expect, 1e-6));
        assert_true(layer->bt[i] * g < 0);
        assert_false(close_to(fabs(layer->bt[i]), 0.6425 * 1e-2,
                              1e-2)); /* what the step count of the others would give */
    }
    assert_memory_equal(layer->a + 8, row, 4 * sizeof *row);
    assert_true(layer->age_a[2] == 0 && layer->age_bt[2] == 1);

    fill_gradients(set, 42);
    slr_adam_step(&adam, set, &rates);
    for (int i = 0; i < 4; i++) {
        double g = layer->slot.ga[8 + i], move = fabs(layer->a[8 + i] - row[i]);
        assert_true(close_to(move, 1e-2 * fabs(g) / (fabs(g) + adam.eps), 1e-6));
    }
    assert_true(layer->age_a[2] == 1 && layer->age_bt[2] == 2);
    free(m_a);
    free(v_a);
    free(m_b);
    free(v_b);
    free(row);
    slr_adapter_set_free(set);
}

static void test_clipping_acts_and_reports(void **state)
{
    (void)state;
    slr_adapter_set *set = two_layers();
    fill_gradients(set, 1);
    double norm = slr_adapter_set_gradient_norm(set);
    slr_real first = slr_adapter_set_at(set, 0)->slot.ga[0],
             probe = slr_adapter_set_at(set, 0)->slot.gbt[6];
    assert_true(slr_clip_gradients(set, 0) == norm);
    assert_true(slr_clip_gradients(set, 2 * norm) == norm);
    assert_true(slr_adapter_set_at(set, 0)->slot.ga[0] == first);
    assert_true(slr_clip_gradients(set, 0.5) == norm);
    assert_true(close_to(slr_adapter_set_gradient_norm(set), 0.5, 1e-5));
    assert_true(
        close_to(slr_adapter_set_at(set, 0)->slot.ga[0], first * 0.5 / (norm + 1e-6), 1e-12));
    assert_true(slr_adapter_set_at(set, 0)->slot.gbt[6] == probe);
    slr_adapter_set_free(set);
}

/* s B A stays, and to first order so does its next step. Adam's step has a fixed size in the units
 * of B, which go by s_old / s_new: the rate of B is given in the new units here, nothing else of
 * its state may need a change. */
static void test_T21_scale_change_keeps_function_and_step(void **state)
{
    (void)state;
    enum { PRODUCT = 4 * 3 };
    double before[2][PRODUCT], after[2][PRODUCT];
    for (int changed = 0; changed < 2; changed++) {
        slr_adapter_set *set = two_layers();
        slr_adapter *layer = slr_adapter_set_at(set, 0);
        toy_fill(layer->bt, 6, 21, 0);
        const double rate = 1e-6;
        for (uint32_t step = 1; step <= 5; step++) {
            fill_gradients(set, step);
            slr_adam_step(&adam, set, &(slr_learning_rates){rate, rate});
        }
        if (changed)
            slr_adapter_set_scale(layer, 2, true);
        double ratio = changed ? 4 : 1; /* gradients: gA keeps, gB goes with s */
        for (int pass = 0; pass < 2; pass++) {
            double *product = pass ? after[changed] : before[changed];
            for (int o = 0; o < 3; o++)
                for (int k = 0; k < 4; k++) {
                    double sum = 0;
                    for (int i = 0; i < 2; i++)
                        sum += layer->bt[i * 3 + o] * layer->a[i * 4 + k];
                    product[o * 4 + k] = layer->slot.scale * sum;
                }
            fill_gradients(set, 6);
            for (int i = 0; i < 6; i++)
                layer->slot.gbt[i] /= ratio;
            slr_adam_vector(&adam, rate, 6, layer->a, layer->slot.ga, layer->m_a, layer->v_a, 8);
            slr_adam_vector(&adam, rate * ratio, 6, layer->bt, layer->slot.gbt, layer->m_bt,
                            layer->v_bt, 6);
        }
        slr_adapter_set_free(set);
    }
    for (int i = 0; i < PRODUCT; i++) {
        assert_true(close_to(before[1][i], before[0][i], 1e-12));
        assert_true(close_to(after[1][i] - before[1][i], after[0][i] - before[0][i], 1e-4));
    }
}

typedef struct lr_case {
    slr_lr_schedule schedule;
    double factors[10];
} lr_case;

static void test_schedules_follow_diffusers(void **state)
{
    (void)state;
    static const int64_t at[10] = {0, 1, 3, 4, 5, 17, 29, 39, 40, 41};
    static const lr_case cases[] = {
        {{SLR_LR_CONSTANT, 0, 0, 0, 0, 0.001}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
        {{SLR_LR_CONSTANT_WITH_WARMUP, 7, 0, 0, 0, 0.001},
         {0.0, 0.14285714285714285, 0.42857142857142855, 0.5714285714285714, 0.7142857142857143, 1,
          1, 1, 1, 1}},
        {{SLR_LR_LINEAR, 5, 40, 0, 0, 0.001},
         {0.0, 0.2, 0.6, 0.8, 1.0, 0.6571428571428571, 0.3142857142857143, 0.02857142857142857, 0.0,
          0.0}},
        {{SLR_LR_LINEAR, 10, 10, 0, 0, 0.001}, {0.0, 0.1, 0.3, 0.4, 0.5, 0, 0, 0, 0, 0}},
        {{SLR_LR_COSINE, 5, 40, 0, 0, 0.001},
         {0.0, 0.2, 0.6, 0.8, 1.0, 0.7369343312364993, 0.2245515092739488, 0.002012853002380466,
          0.0, 0.002012853002380466}},
        {{SLR_LR_COSINE_WITH_RESTARTS, 4, 40, 3, 0, 0.001},
         {0.0, 0.25, 0.75, 1.0, 0.9829629131445341, 0.9829629131445341, 0.9829629131445343,
          0.017037086855465955, 0, 0}},
        {{SLR_LR_POLYNOMIAL, 3, 40, 0, 2.0, 0.001},
         {0.0, 0.3333333333333333, 1.0, 0.9466817384952521, 0.8948242512783052, 0.38647479912344773,
          0.08847684441197952, 0.0008303871439006544, 1e-4, 1e-4}},
        {{SLR_LR_POLYNOMIAL, 0, 40, 0, 1.0, 0.0001},
         {1.0, 0.975025, 0.925075, 0.9001, 0.875125, 0.575425, 0.275725, 0.025975, 0.001, 0.001}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int i = 0; i < 10; i++) {
            double factor = slr_lr_factor(&cases[c].schedule, at[i]);
            if (fabs(factor - cases[c].factors[i]) > 1e-14)
                fail_msg("%s at %d: %.17g, expected %.17g",
                         slr_lr_kind_name(cases[c].schedule.kind), (int)at[i], factor,
                         cases[c].factors[i]);
        }
    slr_lr_kind kind;
    assert_true(slr_lr_kind_named("cosine_with_restarts", &kind));
    assert_int_equal(kind, SLR_LR_COSINE_WITH_RESTARTS);
    assert_false(slr_lr_kind_named("cos", &kind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_T11_adam_follows_the_textbook),
        cmocka_unit_test(test_set_step_is_the_vector_step),
        cmocka_unit_test(test_T10_old_state_is_carried_and_the_first_move_is_whole),
        cmocka_unit_test(test_clipping_acts_and_reports),
        cmocka_unit_test(test_T21_scale_change_keeps_function_and_step),
        cmocka_unit_test(test_schedules_follow_diffusers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
