/* SPDX-License-Identifier: MIT
 * Statistics of the methods on one-layer teacher-student problems with fixed seeds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/toy_run.h"

static const slr_adapter_options plain = {.seed = 11, .scale = 8, .rank = 1};
static const toy_shape student = {.samples = 4, .tokens = 8, .layers = 1, .widths = {48, 32}};

static toy_run *student_of(slr_method_kind kind, double lambda, int64_t steps)
{
    slr_method_options options = slr_method_options_of(kind);
    options.lambda = lambda;
    toy_run *run = toy_run_new(&student, &plain, &options, steps, slr_backend_cpu());
    toy_run_teach(run, 8, 0.1);
    run->noise = 0.1;
    run->rates = (slr_learning_rates){1e-3, 1e-3};
    return run;
}

/* The published loop: a candidate of zero tests nothing, its ratio is the drift over one step. */
static void test_T14_authors_first_probe_is_drift(void **state)
{
    (void)state;
    toy_run *run = student_of(SLR_METHOD_SELORA_AUTHORS, 1.1, 40);
    toy_run_steps(run, 1, 39);
    /* N(theta_39) and N(theta_40) on batch 40, from a twin that does the steps by hand */
    toy_run *twin = student_of(SLR_METHOD_LORA, 1, 40);
    toy_run_steps(twin, 1, 39);
    double energy[2];
    for (int after = 0; after < 2; after++) {
        slr_adapter_set_zero_gradients(twin->toy->set);
        toy_run_pass(twin, 40);
        energy[after] = slr_adapter_gradient_energy(toy_layer(twin->toy, 0));
        slr_adam_step(&twin->adam, twin->toy->set, &twin->rates);
    }
    toy_run_steps(run, 40, 40);
    const slr_slot *slot = &toy_layer(run->toy, 0)->slot;
    assert_int_equal(run->event_count, 1);
    assert_true(run->events[0].ratio == energy[1] / energy[0]);
    assert_true(fabs(run->events[0].ratio - 1) < 0.1);
    for (int64_t o = 0; o < slot->out; o++)
        assert_true(slot->gbt[slot->out + o] == 0); /* the last pass was the probe */
    toy_run_free(run);
    toy_run_free(twin);
}

static void test_T14_authors_adopt_a_fresh_row_and_drop_the_state(void **state)
{
    (void)state;
    slr_method_options options = slr_method_options_of(SLR_METHOD_SELORA_AUTHORS);
    options.lambda = 1;
    options.every = 10;
    toy_run *run = toy_run_new(&student, &plain, &options, 400, slr_backend_cpu());
    toy_run_teach(run, 8, 0.1);
    run->rates = (slr_learning_rates){1e-3, 1e-3};
    slr_adapter *layer = toy_layer(run->toy, 0);
    int seen = 0;
    for (int64_t at = 0; at < 400; at += 10) {
        int before = layer->slot.rank;
        size_t bytes = (size_t)layer->slot.in * sizeof(slr_real);
        slr_real *tested = toy_copy(layer->a + before * layer->slot.in, bytes);
        toy_run_steps(run, at + 1, at + 10);
        for (int64_t o = 0; o < layer->slot.out; o++) /* tested from the first expansion on */
            assert_int_equal(layer->slot.gbt[before * layer->slot.out + o] != 0, before > 1);
        if (layer->slot.rank == before) { /* a rejected row is kept */
            assert_memory_equal(layer->a + before * layer->slot.in, tested, bytes);
        } else {
            seen++;
            assert_memory_not_equal(layer->a + before * layer->slot.in, tested, bytes);
            for (int row = 0; row <= before; row++)
                assert_true(layer->age_a[row] == 0 && layer->age_bt[row] == 0);
            for (int64_t i = 0; i < layer->slot.rank * layer->slot.out; i++)
                assert_true(layer->m_bt[i] == 0 && layer->v_bt[i] == 0);
            for (int64_t i = 0; i < layer->slot.rank * layer->slot.in; i++)
                assert_true(layer->m_a[i] == 0 && layer->v_a[i] == 0);
        }
        free(tested);
    }
    assert_true(seen >= 2);
    toy_run_free(run);
}

static void test_T14_authors_stay_where_selora_grows(void **state)
{
    (void)state;
    enum { STEPS = 2000 };
    toy_run *authors = student_of(SLR_METHOD_SELORA_AUTHORS, 1.1, STEPS);
    toy_run *selora = student_of(SLR_METHOD_SELORA, 1.3, STEPS);
    toy_run_steps(authors, 1, STEPS);
    toy_run_steps(selora, 1, STEPS);
    print_message("ranks: authors %d, selora %d; losses %g %g\n",
                  toy_layer(authors->toy, 0)->slot.rank, toy_layer(selora->toy, 0)->slot.rank,
                  authors->loss, selora->loss);
    assert_int_equal(toy_layer(authors->toy, 0)->slot.rank, 1);
    assert_true(toy_layer(selora->toy, 0)->slot.rank > 4);
    assert_true(selora->loss < authors->loss);
    toy_run_free(authors);
    toy_run_free(selora);
}

/* Two estimates of the energy of a gradient whose mean is zero: the crossed one has none, the plain
 * one has noise. */
static void test_T15_crossed_estimate_has_no_noise_term(void **state)
{
    (void)state;
    enum { PAIRS = 400 };
    slr_adapter_options options = plain;
    options.probes = 1;
    toy *t = toy_new(&student, &options, slr_backend_cpu());
    const slr_slot *slot = &toy_layer(t, 0)->slot;
    slr_adapter_draw_row(t->set, toy_layer(t, 0), 1, 1, 0);
    double sum = 0, squares = 0, plainly = 0;
    slr_real previous[32];
    for (uint32_t step = 0; step < 2 * PAIRS; step++) {
        toy_fill(toy_x(t), toy_x_count(t), 51, step);
        toy_forward(t);
        toy_fill(toy_g(t), toy_y_count(t), 52, step);
        slr_adapter_set_zero_gradients(t->set);
        toy_backward(t);
        plainly += slr_adapter_probe_energy(toy_layer(t, 0), 0) / (2 * PAIRS);
        if (step % 2 == 0) {
            memcpy(previous, slot->gbt + 32, sizeof previous);
            continue;
        }
        double crossed = 0;
        for (int o = 0; o < 32; o++)
            crossed += (double)previous[o] * (double)slot->gbt[32 + o];
        sum += crossed;
        squares += crossed * crossed;
    }
    double mean = sum / PAIRS, error = sqrt((squares / PAIRS - mean * mean) / (PAIRS - 1));
    assert_true(fabs(mean) < 3 * error);
    assert_true(plainly > 20 * error);
    toy_free(t);
}

static slr_real kept[32];
static double crossed_n, present_d;
static void cross(toy_run *run, int64_t step)
{
    const slr_adapter *layer = toy_layer(run->toy, 0);
    const slr_real *g = layer->slot.gbt + layer->slot.rank * 32;
    if (step > 7 && step <= 10) { /* a window of four: three pairs */
        for (int o = 0; o < 32; o++)
            crossed_n += (double)kept[o] * (double)g[o];
        present_d += slr_adapter_gradient_energy(layer);
    }
    memcpy(kept, g, sizeof kept);
}

static void test_T15_method_crosses_the_steps_of_its_window(void **state)
{
    (void)state;
    slr_method_options options = slr_method_options_of(SLR_METHOD_SELORA);
    options.every = 10;
    options.probe_window = 4;
    options.fisher = SLR_FISHER_CROSS;
    toy_run *run = toy_run_new(&student, &plain, &options, 10, slr_backend_cpu());
    run->meddle = cross;
    toy_run_steps(run, 1, 10);
    assert_true(crossed_n > 0);
    assert_true(fabs(run->events[0].ratio - (1 + crossed_n / present_d)) < 1e-12);
    toy_run_free(run);
}

/* fisher sample = the same ratio as from passes over each sample alone. */
static void test_T15_method_sums_samples(void **state)
{
    (void)state;
    slr_method_options options = slr_method_options_of(SLR_METHOD_SELORA);
    options.every = 3;
    options.fisher = SLR_FISHER_SAMPLE;
    toy_run *run = toy_run_new(&student, &plain, &options, 3, slr_backend_cpu());
    toy_run_steps(run, 1, 2);
    toy_shape one = student;
    one.samples = 1;
    slr_adapter_options set_options = plain;
    set_options.probes = 1;
    toy *single = toy_new(&one, &set_options, slr_backend_cpu());
    const slr_adapter *whole = toy_layer(run->toy, 0);
    slr_adapter *alone = toy_layer(single, 0);
    memcpy(alone->a, whole->a, 2 * 48 * sizeof(slr_real));
    memcpy(alone->bt, whole->bt, 32 * sizeof(slr_real));
    slr_adapter_set_zero_gradients(run->toy->set);
    slr_method_before_step(run->method, 3, 4);
    toy_run_pass(run, 3);
    double n = 0, d = 0;
    for (int b = 0; b < 4; b++) {
        memcpy(toy_x(single), toy_x(run->toy) + b * toy_x_count(single),
               (size_t)toy_x_count(single) * sizeof(slr_real));
        toy_forward(single);
        memcpy(toy_g(single), toy_g(run->toy) + b * toy_y_count(single),
               (size_t)toy_y_count(single) * sizeof(slr_real));
        slr_adapter_set_zero_gradients(single->set);
        toy_backward(single);
        n += slr_adapter_probe_energy(alone, 0);
        d += slr_adapter_gradient_energy(alone);
    }
    toy_run_steps(run, 3, 3);
    assert_true(fabs(run->events[0].ratio - 1 - n / d) <= 1e-5 * (n / d));
    toy_free(single);
    toy_run_free(run);
}

/* dL/dW = a planted rank-1 mean + noise of the same norm, fresh at each step; x is the identity. */
static void test_T28_power_iteration_finds_the_planted_direction(void **state)
{
    (void)state;
    enum { IN = 96, OUT = 64, STEPS = 50 };
    const toy_shape shape = {.samples = 1, .tokens = IN, .layers = 1, .widths = {IN, OUT}};
    slr_method_options options = slr_method_options_of(SLR_METHOD_SELORA);
    options.probe_init = SLR_PROBE_POWER;
    options.every = STEPS;
    options.lambda = 1;
    toy_run *run = toy_run_new(&shape, &plain, &options, STEPS, slr_backend_cpu());
    toy *t = run->toy;
    slr_adapter *layer = toy_layer(t, 0);
    slr_real left[OUT], right[IN];
    toy_fill(left, OUT, 61, 0);
    toy_fill(right, IN, 61, 1);
    double planted = 0, along = 0, length = 0, own = 0, before = 0;
    for (int o = 0; o < OUT; o++)
        for (int k = 0; k < IN; k++)
            planted += pow((double)left[o] * (double)right[k], 2);
    double spread = sqrt(planted / (IN * OUT));
    for (int64_t i = 0; i < IN * IN; i++)
        toy_x(t)[i] = i % (IN + 1) == 0;
    for (int k = 0; k < IN; k++)
        before += pow((double)layer->a[IN + k], 2);
    bool moved;
    for (uint32_t step = 1; step <= STEPS; step++) {
        slr_adapter_set_zero_gradients(t->set);
        slr_method_before_step(run->method, step, 1);
        toy_forward(t);
        toy_fill(toy_g(t), IN * OUT, 62, step);
        for (int k = 0; k < IN; k++)
            for (int o = 0; o < OUT; o++)
                toy_g(t)[k * OUT + o] =
                    (slr_real)(spread * (double)toy_g(t)[k * OUT + o]) + left[o] * right[k];
        toy_backward(t);
        slr_method_after_backward(run->method, step);
        assert_int_equal(slr_method_after_step(run->method, step, NULL, &moved, NULL), SELORA_OK);
    }
    assert_int_equal(layer->slot.rank, 2); /* the row was adopted as tested */
    for (int k = 0; k < IN; k++) {
        double a = (double)layer->a[IN + k];
        along += a * (double)right[k];
        length += (double)right[k] * (double)right[k];
        own += a * a;
    }
    print_message("cosine %.5f\n", fabs(along) / sqrt(length * own));
    assert_true(fabs(along) > 0.99 * sqrt(length * own));
    assert_true(fabs(own - before) < 1e-4 * before); /* its length is the drawn one */
    toy_run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_T14_authors_first_probe_is_drift),
        cmocka_unit_test(test_T14_authors_adopt_a_fresh_row_and_drop_the_state),
        cmocka_unit_test(test_T14_authors_stay_where_selora_grows),
        cmocka_unit_test(test_T15_crossed_estimate_has_no_noise_term),
        cmocka_unit_test(test_T15_method_crosses_the_steps_of_its_window),
        cmocka_unit_test(test_T15_method_sums_samples),
        cmocka_unit_test(test_T28_power_iteration_finds_the_planted_direction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
