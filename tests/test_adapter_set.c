/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "adapters/adapter_set.h"
#include "core/rng.h"
#include "support/toy.h"

static const slr_adapter_options plain = {.seed = 1, .scale = 8, .rank = 1, .probes = 1};

static slr_adapter_set *set_of(const slr_adapter_options *options, int64_t in, int64_t out)
{
    slr_error err = {0};
    slr_adapter_set *set;
    assert_int_equal(slr_adapter_set_new(options, &set, &err), SELORA_OK);
    assert_int_equal(slr_adapter_set_add(set, "unet.a.to_q", in, out, &err), SELORA_OK);
    assert_int_equal(slr_adapter_set_add(set, "text_encoder.b.fc1", in + 1, out + 3, &err),
                     SELORA_OK);
    assert_int_equal(slr_adapter_set_finish(set, &err), SELORA_OK);
    return set;
}

static void fill_state(slr_adapter *adapter, uint64_t seed)
{
    const slr_slot *slot = &adapter->slot;
    slr_real *const blocks[] = {adapter->a,   adapter->bt,   slot->ga,     slot->gbt,
                                adapter->m_a, adapter->m_bt, adapter->v_a, adapter->v_bt};
    for (int b = 0; b < 8; b++)
        toy_fill(blocks[b], slot->capacity * (b % 2 ? slot->out : slot->in), seed, (uint32_t)b);
    for (int i = 0; i < slot->capacity; i++) {
        adapter->age_a[i] = 10 + i;
        adapter->age_bt[i] = 100 + i;
    }
}

static void check_init(slr_adapter_init init, double limit, double variance)
{
    enum { IN = 768, RANK = 40 };
    slr_adapter_options options = {.seed = 3, .scale = 8, .rank = RANK, .init = init};
    slr_adapter_set *set = set_of(&options, IN, 64);
    const slr_adapter *adapter = slr_adapter_set_at(set, 0);
    double most = 0, squares = 0, fourth = 0, n = IN * RANK;
    for (int i = 0; i < IN * RANK; i++) {
        double a = (double)adapter->a[i];
        most = fmax(most, fabs(a));
        squares += a * a;
        fourth += a * a * a * a;
    }
    double mean = squares / n, error = sqrt((fourth / n - mean * mean) / n);
    assert_true(most <= limit && most > 0.99 * limit);
    assert_true(fabs(mean - variance) < 3 * error);
    for (int i = 0; i < RANK * 64; i++)
        assert_true(adapter->bt[i] == 0);
    slr_adapter_set_free(set);
}

static void test_T12_init_has_the_stated_bound_and_variance(void **state)
{
    (void)state;
    check_init(SLR_INIT_KAIMING, sqrt(6.0 / 768), 2.0 / 768);
    check_init(SLR_INIT_LORA, 1 / sqrt(768.0), 1.0 / (3 * 768));
}

static void test_T12_init_does_not_depend_on_the_rank(void **state)
{
    (void)state;
    slr_adapter_options small = plain, large = plain;
    large.rank = 12;
    slr_adapter_set *a = set_of(&small, 30, 20), *b = set_of(&large, 30, 20);
    assert_memory_equal(slr_adapter_set_at(a, 0)->a, slr_adapter_set_at(b, 0)->a,
                        30 * sizeof(slr_real));
    slr_adapter_set_free(a);
    slr_adapter_set_free(b);
}

static void test_draws_go_by_path_not_by_order(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_adapter_set *a = set_of(&plain, 30, 20), *b;
    assert_int_equal(slr_adapter_set_new(&plain, &b, &err), SELORA_OK);
    assert_int_equal(slr_adapter_set_add(b, "text_encoder.b.fc1", 31, 23, &err), SELORA_OK);
    assert_int_equal(slr_adapter_set_add(b, "unet.a.to_q", 30, 20, &err), SELORA_OK);
    assert_int_equal(slr_adapter_set_finish(b, &err), SELORA_OK);
    slr_adapter *first = slr_adapter_set_at(a, 0), *second = slr_adapter_set_at(b, 1);
    slr_adapter_draw_row(a, first, 1, 7, 0);
    slr_adapter_draw_row(b, second, 1, 7, 0);
    assert_memory_equal(first->a, second->a, 2 * 30 * sizeof(slr_real));
    slr_adapter_draw_row(b, second, 1, 7, 1);
    assert_memory_not_equal(first->a + 30, second->a + 30, 30 * sizeof(slr_real));
    assert_memory_not_equal(first->a, slr_adapter_set_at(a, 1)->a, 30 * sizeof(slr_real));
    slr_adapter_set_free(a);
    slr_adapter_set_free(b);
}

static void test_capacity_holds_rank_and_candidates(void **state)
{
    (void)state;
    const struct {
        int rank, probes, capacity;
    } table[] = {{1, 1, 8}, {7, 1, 8}, {8, 1, 16}, {8, 0, 8}, {0, 0, 8}, {4, 7, 16}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        slr_adapter_options options = {
            .seed = 1, .scale = 8, .rank = table[i].rank, .probes = table[i].probes};
        slr_adapter_set *set = set_of(&options, 5, 4);
        assert_int_equal(slr_adapter_set_at(set, 0)->slot.capacity, table[i].capacity);
        slr_adapter_set_free(set);
    }
}

static void test_reserve_keeps_every_bit(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_adapter_set *set = set_of(&plain, 13, 9);
    slr_adapter before[2];
    slr_slot *slots[2];
    for (int i = 0; i < 2; i++) {
        slr_adapter *adapter = slr_adapter_set_at(set, i);
        fill_state(adapter, 5 + (uint64_t)i);
        slots[i] = &adapter->slot;
        before[i] = *adapter;
        size_t a = 8 * (size_t)adapter->slot.in * sizeof(slr_real),
               bt = 8 * (size_t)adapter->slot.out * sizeof(slr_real);
        before[i].a = toy_copy(adapter->a, a);
        before[i].bt = toy_copy(adapter->bt, bt);
        before[i].slot.ga = toy_copy(adapter->slot.ga, a);
        before[i].slot.gbt = toy_copy(adapter->slot.gbt, bt);
        before[i].m_a = toy_copy(adapter->m_a, a);
        before[i].v_a = toy_copy(adapter->v_a, a);
        before[i].m_bt = toy_copy(adapter->m_bt, bt);
        before[i].v_bt = toy_copy(adapter->v_bt, bt);
        before[i].age_a = toy_copy(adapter->age_a, 8 * sizeof(int64_t));
        before[i].age_bt = toy_copy(adapter->age_bt, 8 * sizeof(int64_t));
    }
    bool moved;
    assert_int_equal(slr_adapter_set_reserve(set, (int[]){7, 0}, &moved, &err), SELORA_OK);
    assert_false(moved);
    assert_int_equal(slr_adapter_set_reserve(set, (int[]){8, 0}, &moved, &err), SELORA_OK);
    assert_true(moved);
    assert_int_equal(slr_adapter_set_at(set, 0)->slot.capacity, 16);
    assert_int_equal(slr_adapter_set_at(set, 1)->slot.capacity, 8);
    for (int i = 0; i < 2; i++) {
        slr_adapter *now = slr_adapter_set_at(set, i), *old = &before[i];
        assert_ptr_equal(&now->slot, slots[i]);
        assert_ptr_equal(now->slot.a, now->a);
        assert_ptr_equal(now->slot.bt, now->bt);
        assert_int_equal((uintptr_t)now->a % 64, 0);
        assert_int_equal((uintptr_t)now->bt % 64, 0);
        size_t a = 8 * (size_t)now->slot.in * sizeof(slr_real),
               bt = 8 * (size_t)now->slot.out * sizeof(slr_real);
        const struct {
            void *now, *old;
            size_t bytes;
        } parts[] = {{now->a, old->a, a},
                     {now->bt, old->bt, bt},
                     {now->slot.ga, old->slot.ga, a},
                     {now->slot.gbt, old->slot.gbt, bt},
                     {now->m_a, old->m_a, a},
                     {now->v_a, old->v_a, a},
                     {now->m_bt, old->m_bt, bt},
                     {now->v_bt, old->v_bt, bt},
                     {now->age_a, old->age_a, 8 * sizeof(int64_t)},
                     {now->age_bt, old->age_bt, 8 * sizeof(int64_t)}};
        for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
            assert_memory_equal(parts[p].now, parts[p].old, parts[p].bytes);
            free(parts[p].old);
        }
    }
    for (int i = 8 * 13; i < 16 * 13; i++)
        assert_true(slr_adapter_set_at(set, 0)->a[i] == 0 &&
                    slr_adapter_set_at(set, 0)->v_a[i] == 0);
    slr_adapter_set_free(set);
}

static void test_activation_clears_the_new_component_only(void **state)
{
    (void)state;
    slr_adapter_set *set = set_of(&plain, 6, 5);
    slr_adapter *adapter = slr_adapter_set_at(set, 0);
    fill_state(adapter, 9);
    slr_real *a = toy_copy(adapter->a, 48 * sizeof *a), *bt = toy_copy(adapter->bt, 5 * sizeof *bt);
    slr_adapter_activate(adapter);
    assert_int_equal(adapter->slot.rank, 2);
    assert_memory_equal(adapter->a, a, 48 * sizeof *a);
    assert_memory_equal(adapter->bt, bt, 5 * sizeof *bt);
    for (int i = 5; i < 10; i++)
        assert_true(adapter->bt[i] == 0 && adapter->m_bt[i] == 0 && adapter->v_bt[i] == 0);
    for (int i = 6; i < 12; i++)
        assert_true(adapter->m_a[i] == 0 && adapter->v_a[i] == 0);
    assert_true(adapter->m_a[0] != 0 && adapter->m_a[12] != 0 && adapter->v_bt[10] != 0);
    assert_int_equal(adapter->age_a[0], 10);
    assert_int_equal(adapter->age_a[1], 0);
    assert_int_equal(adapter->age_bt[1], 0);
    free(a);
    free(bt);
    slr_adapter_set_free(set);
}

static void test_T25_scales_by_mode(void **state)
{
    (void)state;
    const struct {
        slr_scale_mode mode;
        double at_one, at_four;
    } table[] = {{SLR_SCALE_FIXED, 8, 8}, {SLR_SCALE_ALPHA_OVER_R, 8, 2}, {SLR_SCALE_RSLORA, 8, 4}};
    for (int i = 0; i < 3; i++) {
        slr_adapter_options options = plain;
        options.scale_mode = table[i].mode;
        options.rank = 4;
        slr_adapter_set *set = set_of(&options, 6, 5);
        assert_true(slr_adapter_scale_at(set, 1) == table[i].at_one);
        assert_true(slr_adapter_scale_at(set, 4) == table[i].at_four);
        assert_true(slr_adapter_set_at(set, 0)->slot.scale == table[i].at_four);
        slr_adapter_set_free(set);
    }
}

static void test_merge_adds_the_scaled_product(void **state)
{
    (void)state;
    slr_adapter_options options = plain;
    options.rank = 3;
    slr_adapter_set *set = set_of(&options, 6, 5);
    slr_adapter *adapter = slr_adapter_set_at(set, 0);
    fill_state(adapter, 4);
    slr_adapter_set_strength(set, NULL, 0.5);
    slr_real weight[30], expect[30];
    toy_fill(weight, 30, 12, 0);
    for (int o = 0; o < 5; o++)
        for (int k = 0; k < 6; k++) {
            double sum = 0;
            for (int i = 0; i < 3; i++)
                sum += (double)adapter->bt[i * 5 + o] * (double)adapter->a[i * 6 + k];
            expect[o * 6 + k] = (slr_real)((double)weight[o * 6 + k] + 4 * sum);
        }
    for (int o = 0; o < 5; o++) {
        double row[6];
        for (int k = 0; k < 6; k++)
            row[k] = (double)weight[o * 6 + k];
        slr_adapter_add_row(adapter, o, row);
        for (int k = 0; k < 6; k++)
            weight[o * 6 + k] = (slr_real)row[k];
    }
    for (int i = 0; i < 30; i++)
        assert_true(fabs((double)(weight[i] - expect[i])) <= 1e-6 * (1 + fabs((double)expect[i])));
    slr_adapter_set_free(set);
}

static void test_strength_and_training_go_by_component(void **state)
{
    (void)state;
    slr_adapter_set *set = set_of(&plain, 6, 5);
    slr_adapter *unet = slr_adapter_set_at(set, 0), *text = slr_adapter_set_at(set, 1);
    slr_adapter_set_strength(set, "text_encoder", 0.25);
    assert_true(unet->slot.scale == 8 && text->slot.scale == 2);
    slr_adapter_set_strength(set, "text", 3); /* no component: part of a name only */
    assert_true(text->slot.scale == 2);
    slr_adapter_set_scale(text, 4, false);
    assert_true(text->slot.scale == 1);
    slr_adapter_set_trainable(set, "unet", false);
    assert_false(unet->slot.trainable);
    assert_true(text->slot.trainable);
    unet->slot.ga[0] = 3;
    text->slot.ga[0] = 4;
    assert_true(slr_adapter_set_gradient_norm(set) == 4);
    slr_adapter_set_trainable(set, NULL, true);
    assert_true(slr_adapter_set_gradient_norm(set) == 5);
    slr_adapter_set_free(set);
}

static void test_nonfinite_names_the_layer(void **state)
{
    (void)state;
    slr_adapter_set *set = set_of(&plain, 6, 5);
    slr_adapter *text = slr_adapter_set_at(set, 1);
    assert_null(slr_adapter_set_nonfinite(set, true));
    text->slot.gbt[8] = (slr_real)NAN; /* the candidate's row: no parameter */
    assert_null(slr_adapter_set_nonfinite(set, true));
    text->slot.gbt[0] = (slr_real)INFINITY;
    assert_ptr_equal(slr_adapter_set_nonfinite(set, true), text);
    assert_null(slr_adapter_set_nonfinite(set, false));
    text->bt[1] = (slr_real)NAN;
    assert_ptr_equal(slr_adapter_set_nonfinite(set, false), text);
    slr_adapter_set_free(set);
}

static void test_bad_layers_are_refused(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_adapter_set *set;
    assert_int_equal(slr_adapter_set_new(&(slr_adapter_options){.rank = -1}, &set, &err),
                     SELORA_USAGE);
    assert_int_equal(slr_adapter_set_new(&(slr_adapter_options){.scale = NAN}, &set, &err),
                     SELORA_USAGE);
    set = set_of(&plain, 6, 5);
    assert_int_equal(slr_adapter_set_add(set, "unet.c", 6, 5, &err), SELORA_USAGE); /* finished */
    slr_adapter_set_free(set);
    assert_int_equal(slr_adapter_set_new(&plain, &set, &err), SELORA_OK);
    assert_int_equal(slr_adapter_set_add(set, "unet.a", 6, 5, &err), SELORA_OK);
    assert_int_equal(slr_adapter_set_add(set, "unet.a", 6, 5, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_adapter_set_add(set, "unet.b", 0, 5, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_adapter_set_add_given(set, "unet.b", INT64_MAX, INT64_MAX, 9, 1, &err),
                     SELORA_OK);
    assert_int_equal(slr_adapter_set_finish(set, &err), SELORA_BAD_INPUT);
    slr_adapter_set_free(set);
}

static void test_parameters_count_acting_rows(void **state)
{
    (void)state;
    slr_adapter_options options = plain;
    options.rank = 3;
    slr_adapter_set *set = set_of(&options, 6, 5);
    assert_int_equal(slr_adapter_set_parameters(set), 3 * (6 + 5) + 3 * (7 + 8));
    slr_adapter_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_T12_init_has_the_stated_bound_and_variance),
        cmocka_unit_test(test_T12_init_does_not_depend_on_the_rank),
        cmocka_unit_test(test_draws_go_by_path_not_by_order),
        cmocka_unit_test(test_capacity_holds_rank_and_candidates),
        cmocka_unit_test(test_reserve_keeps_every_bit),
        cmocka_unit_test(test_activation_clears_the_new_component_only),
        cmocka_unit_test(test_T25_scales_by_mode),
        cmocka_unit_test(test_merge_adds_the_scaled_product),
        cmocka_unit_test(test_strength_and_training_go_by_component),
        cmocka_unit_test(test_nonfinite_names_the_layer),
        cmocka_unit_test(test_bad_layers_are_refused),
        cmocka_unit_test(test_parameters_count_acting_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
