/* SPDX-License-Identifier: MIT
 * Identities of the expansion test in double precision, over the reference kernels. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "adapters/score.h"
#include "support/toy.h"

static const toy_shape chain = {.samples = 3, .tokens = 4, .layers = 3, .widths = {7, 6, 9, 5}};
static const toy_shape single = {.samples = 3, .tokens = 4, .layers = 1, .widths = {7, 6}};

static toy *toy_of(const toy_shape *shape, int rank, int probes, bool with_b)
{
    slr_adapter_options options = {.seed = 11, .scale = 8, .rank = rank, .probes = probes};
    toy *t = toy_new(shape, &options, slr_backend_ref());
    toy_fill(toy_x(t), toy_x_count(t), 1, 0);
    if (with_b)
        toy_fill_b(t, 2, 0.05);
    for (int i = 0; i < shape->layers; i++)
        for (int j = 0; j < probes; j++)
            slr_adapter_draw_row(t->set, toy_layer(t, i), rank + j, 5, (uint32_t)j);
    return t;
}

static void pass(toy *t, double loss_factor)
{
    slr_adapter_set_zero_gradients(t->set);
    toy_forward(t);
    toy_fill(toy_g(t), toy_y_count(t), 3, 0);
    for (int64_t i = 0; i < toy_y_count(t); i++)
        toy_g(t)[i] *= loss_factor;
    toy_backward(t);
}

static double ratio_of(const slr_adapter *adapter)
{
    slr_score score = {0};
    slr_score_add(&score, slr_adapter_probe_energy(adapter, 0),
                  slr_adapter_gradient_energy(adapter));
    return slr_score_ratio(&score);
}

static bool close_to(double a, double b, double tolerance)
{
    return fabs(a - b) <= tolerance * fabs(b);
}

static void test_T3_new_row_of_A_has_no_gradient(void **state)
{
    (void)state;
    toy *t = toy_of(&chain, 2, 1, true);
    for (int i = 0; i < 3; i++)
        slr_adapter_activate(toy_layer(t, i));
    pass(t, 1);
    for (int i = 0; i < 3; i++) {
        const slr_slot *slot = &toy_layer(t, i)->slot;
        for (int64_t k = 0; k < slot->in; k++)
            assert_true(slot->ga[2 * slot->in + k] == 0);
        assert_true(slot->ga[0] != 0);
    }
    toy_free(t);
}

static void test_T4_fused_gradient_is_that_of_the_enlarged_layer(void **state)
{
    (void)state;
    toy *fused = toy_of(&chain, 2, 1, true), *enlarged = toy_of(&chain, 2, 1, true),
        *plain = toy_of(&chain, 2, 1, true);
    for (int i = 0; i < 3; i++) {
        slr_adapter_activate(toy_layer(enlarged, i));
        toy_layer(enlarged, i)->slot.probes = 0;
        toy_layer(plain, i)->slot.probes = 0;
    }
    pass(fused, 1);
    pass(enlarged, 1);
    pass(plain, 1);
    for (int i = 0; i < 3; i++) {
        const slr_slot *f = &toy_layer(fused, i)->slot, *e = &toy_layer(enlarged, i)->slot;
        const slr_slot *p = &toy_layer(plain, i)->slot;
        for (int64_t o = 0; o < f->out; o++)
            assert_true(close_to(f->gbt[2 * f->out + o], e->gbt[2 * f->out + o], 1e-12));
        assert_memory_equal(f->ga, p->ga, 2 * (size_t)f->in * sizeof(slr_real));
        assert_memory_equal(f->gbt, p->gbt, 2 * (size_t)f->out * sizeof(slr_real));
        assert_memory_equal(e->ga, p->ga, 2 * (size_t)f->in * sizeof(slr_real));
        assert_memory_equal(e->gbt, p->gbt, 2 * (size_t)f->out * sizeof(slr_real));
    }
    toy_free(fused);
    toy_free(enlarged);
    toy_free(plain);
}

static void test_T5_ratio_is_that_of_two_full_passes(void **state)
{
    (void)state;
    toy *fused = toy_of(&chain, 2, 1, true), *enlarged = toy_of(&chain, 2, 1, true);
    pass(fused, 1);
    for (int i = 0; i < 3; i++) {
        slr_adapter_activate(toy_layer(enlarged, i));
        toy_layer(enlarged, i)->slot.probes = 0;
    }
    pass(enlarged, 1);
    for (int i = 0; i < 3; i++) {
        const slr_adapter *f = toy_layer(fused, i);
        double present = slr_adapter_gradient_energy(f);
        double brute = slr_adapter_gradient_energy(toy_layer(enlarged, i)) / present;
        assert_true(close_to(ratio_of(f), 1 + slr_adapter_probe_energy(f, 0) / present, 1e-14));
        assert_true(close_to(ratio_of(f), brute, 1e-10));
        assert_true(ratio_of(f) >= 1);
        assert_true(brute > 1.0001);
    }
    toy_free(fused);
    toy_free(enlarged);
}

static void test_T5_zero_cases(void **state)
{
    (void)state;
    assert_true(slr_energy_ratio(0, 0) == 1);
    assert_true(isinf(slr_energy_ratio(2, 0)) && slr_energy_ratio(2, 0) > 0);
    assert_true(slr_energy_ratio(3, 2) == 1.5);
    assert_true(isnan(slr_energy_ratio(NAN, 0)) && isnan(slr_energy_ratio(1, NAN)));
    slr_score score = {0};
    assert_true(isnan(slr_score_ratio(&score)));
    slr_score_add(&score, 0, 0);
    assert_true(slr_score_ratio(&score) == 1);
    slr_score_add(&score, 3, 0);
    assert_true(isinf(slr_score_ratio(&score)));
    slr_score_add(&score, 0, 6);
    assert_true(slr_score_ratio(&score) == 1.5);
    slr_score_add(&score, -9, 6); /* a crossed estimate below zero is none */
    assert_true(slr_score_ratio(&score) == 1);
}

/* Rows of x and of dL/dy in another order, the same in both. */
static void permute_tokens(toy *t, bool gradient)
{
    int64_t rows = t->shape.samples * t->shape.tokens;
    int64_t width = gradient ? t->shape.widths[t->shape.layers] : t->shape.widths[0];
    slr_real *values = gradient ? toy_g(t) : toy_x(t);
    slr_real *old = toy_copy(values, (size_t)(rows * width) * sizeof *old);
    for (int64_t r = 0; r < rows; r++)
        memcpy(values + r * width, old + (r * 5 + 3) % rows * width, (size_t)width * sizeof *old);
    free(old);
}

static void test_T6_what_leaves_the_ratio_alone(void **state)
{
    (void)state;
    toy *t = toy_of(&single, 2, 1, true);
    slr_adapter *layer = toy_layer(t, 0);
    pass(t, 1);
    double ratio = ratio_of(layer);
    assert_true(ratio > 1.01);
    pass(t, 7);
    assert_true(close_to(ratio_of(layer), ratio, 1e-12));
    slr_adapter_set_scale(layer, 24, false);
    pass(t, 1);
    assert_true(close_to(ratio_of(layer), ratio, 1e-12));
    slr_adapter_set_scale(layer, 8, false);
    slr_adapter_set_zero_gradients(t->set);
    permute_tokens(t, false);
    toy_forward(t);
    toy_fill(toy_g(t), toy_y_count(t), 3, 0);
    permute_tokens(t, true);
    toy_backward(t);
    assert_true(close_to(ratio_of(layer), ratio, 1e-12));
    toy_free(t);
}

static void test_T6_what_changes_the_ratio(void **state)
{
    (void)state;
    toy *t = toy_of(&single, 2, 1, true);
    slr_adapter *layer = toy_layer(t, 0);
    pass(t, 1);
    double ratio = ratio_of(layer);
    for (int64_t k = 0; k < layer->slot.in; k++)
        layer->a[2 * layer->slot.in + k] *= 3;
    pass(t, 1);
    assert_true(close_to(ratio_of(layer) - 1, 9 * (ratio - 1), 1e-12));
    memset(layer->bt, 0, 2 * (size_t)layer->slot.out * sizeof *layer->bt);
    pass(t, 1);
    for (int64_t k = 0; k < 2 * layer->slot.in; k++)
        assert_true(layer->slot.ga[k] == 0);
    toy_free(t);
}

/* Per-sample gradients: one toy of a single sample each, the same rows of x and of dL/dy. */
static void test_T15_samples_add_up(void **state)
{
    (void)state;
    toy *whole = toy_of(&single, 2, 2, true);
    slr_slot *slot = &toy_layer(whole, 0)->slot;
    double energies[3] = {0}, expect[3] = {0};
    slot->samples = 3;
    slot->sample_energy = energies;
    pass(whole, 1);
    toy_shape one = single;
    one.samples = 1;
    slr_real sum[4 * 6] = {0};
    for (int b = 0; b < 3; b++) {
        toy *t = toy_of(&one, 2, 2, true);
        const slr_slot *own = &toy_layer(t, 0)->slot;
        memcpy(toy_x(t), toy_x(whole) + b * toy_x_count(t),
               (size_t)toy_x_count(t) * sizeof(slr_real));
        toy_forward(t);
        memcpy(toy_g(t), toy_g(whole) + b * toy_y_count(t),
               (size_t)toy_y_count(t) * sizeof(slr_real));
        toy_backward(t);
        expect[0] += slr_adapter_gradient_energy(toy_layer(t, 0));
        for (int j = 0; j < 2; j++)
            expect[1 + j] += slr_adapter_probe_energy(toy_layer(t, 0), j);
        for (int64_t i = 0; i < 4 * 6; i++)
            sum[i] += own->gbt[i];
        toy_free(t);
    }
    for (int i = 0; i < 4 * 6; i++)
        assert_true(fabs(sum[i] - slot->gbt[i]) <= 1e-12 * (1 + fabs(slot->gbt[i])));
    for (int i = 0; i < 3; i++)
        assert_true(close_to(energies[i], expect[i], 1e-12));
    assert_true(energies[0] >= slr_adapter_gradient_energy(toy_layer(whole, 0)) / 3);
    for (int j = 0; j < 2; j++)
        assert_true(energies[1 + j] >= slr_adapter_probe_energy(toy_layer(whole, 0), j) / 3);
    toy_free(whole);
}

static void test_T16_both_sides_of_a_component_agree(void **state)
{
    (void)state;
    toy *t = toy_of(&chain, 3, 1, true);
    pass(t, 1);
    for (int i = 0; i < 3; i++) {
        const slr_slot *slot = &toy_layer(t, i)->slot;
        for (int c = 0; c < 3; c++) {
            double a = 0, b = 0;
            for (int64_t k = c * slot->in; k < (c + 1) * slot->in; k++)
                a += slot->a[k] * slot->ga[k];
            for (int64_t o = c * slot->out; o < (c + 1) * slot->out; o++)
                b += slot->bt[o] * slot->gbt[o];
            assert_true(fabs(a) > 1e-6);
            assert_true(close_to(a, b, 1e-12));
        }
    }
    toy_free(t);
}

/* What backward alone sees: scale (G z)^T X, the sum over rows written out. */
static void test_look_gives_the_gradient_through_a_virtual_column(void **state)
{
    (void)state;
    toy *t = toy_of(&single, 2, 1, true);
    slr_slot *slot = &toy_layer(t, 0)->slot;
    slr_real z[6], p[7] = {0};
    toy_fill(z, 6, 31, 0);
    slot->look = z;
    slot->look_ga = p;
    pass(t, 1);
    slr_real *ga = toy_copy(slot->ga, 2 * 7 * sizeof *ga);
    for (int k = 0; k < 7; k++) {
        double sum = 0;
        for (int r = 0; r < 12; r++)
            for (int o = 0; o < 6; o++)
                sum += toy_g(t)[r * 6 + o] * z[o] * toy_x(t)[r * 7 + k];
        assert_true(close_to(p[k], 8 * sum, 1e-12));
    }
    slot->look = NULL;
    pass(t, 1);
    assert_memory_equal(slot->ga, ga, 2 * 7 * sizeof *ga);
    free(ga);
    toy_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_T3_new_row_of_A_has_no_gradient),
        cmocka_unit_test(test_T4_fused_gradient_is_that_of_the_enlarged_layer),
        cmocka_unit_test(test_T5_ratio_is_that_of_two_full_passes),
        cmocka_unit_test(test_T5_zero_cases),
        cmocka_unit_test(test_T6_what_leaves_the_ratio_alone),
        cmocka_unit_test(test_T6_what_changes_the_ratio),
        cmocka_unit_test(test_T15_samples_add_up),
        cmocka_unit_test(test_T16_both_sides_of_a_component_agree),
        cmocka_unit_test(test_look_gives_the_gradient_through_a_virtual_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
