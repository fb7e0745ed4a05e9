/* SPDX-License-Identifier: MIT
 * The CPU kernels of every instruction set of this processor against the reference kernels; their bits are the same
 * in every run and with every number of threads. */
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/op_cases.h"

static const char *const variants[] = {"generic", "avx2", "avx512", "avx512bf16", "amx"};

/* Relative to the largest value of the compared array, for results and for gradients. Products are sums of `depth` terms
 * rounded to 2^-24: random rounding gives 2^-24 sqrt(depth), below 1e-5 for the longest sum here (11520). Winograd's
 * transforms enlarge the error of 3 x 3 convolutions; for those, the norm of the error has bounds of its own. */
typedef struct tolerance {
    double result, gradient;
} tolerance;

static const tolerance tolerances[SLR_OP_COUNT] = {
    [SLR_OP_CONV2D] = {6e-6, 6e-6},
    [SLR_OP_LINEAR] = {2e-6, 2e-6},
    [SLR_OP_LOW_RANK] = {2e-6, 2e-6},
    [SLR_OP_GROUP_NORM] = {1e-6, 2e-6},
    [SLR_OP_LAYER_NORM] = {1e-6, 2e-6},
    [SLR_OP_ACTIVATION] = {5e-7, 5e-7},
    [SLR_OP_GEGLU] = {5e-7, 1e-6},
    [SLR_OP_ATTENTION] = {2e-6, 5e-6},
    [SLR_OP_ADD] = {0, 0},
    [SLR_OP_ADD_CHANNEL] = {0, 1e-6},
    [SLR_OP_CONCAT] = {0, 0},
    [SLR_OP_UPSAMPLE] = {0, 1e-6},
    [SLR_OP_EMBEDDING] = {0, 0},
    [SLR_OP_TIMESTEP] = {0, 0},
    [SLR_OP_POOL] = {1e-6, 0},
    [SLR_OP_SCALE_SHIFT] = {5e-7, 0},
    [SLR_OP_PICK] = {0, 0},
    [SLR_OP_MSE] = {1e-7, 1e-6},
};

/* With operands rounded to bf16, 2^-9 each; a gradient of attention comes through three products. */
static const tolerance tolerances_bf16[SLR_OP_COUNT] = {
    [SLR_OP_CONV2D] = {1e-2, 1e-2},
    [SLR_OP_LINEAR] = {1e-2, 1e-2},
    [SLR_OP_ATTENTION] = {1e-2, 3e-2},
};

/* ... and the norm of all differences, relative, where there are enough of them; that of convolutions in f32 too. */
static const double bf16_norm = 5e-3, bf16_norm_attention_gradient = 1.5e-2, conv_norm = 5e-6;
enum { LEAST_FOR_NORM = 100 };

static double worst[2][SLR_OP_COUNT][2]; /* what was seen, printed at the end */

static void compare(const op_run *run, const float *found, const float *expected, int64_t count, bool gradient,
                    const char *variant, const char *name)
{
    double largest = 0, difference = 0, squares = 0, error = 0;
    assert_non_null(found);
    assert_non_null(expected);
    for (int64_t i = 0; i < count; i++) {
        assert_true(isfinite(found[i]));
        largest = fmax(largest, fabs((double)expected[i]));
        difference = fmax(difference, fabs((double)found[i] - (double)expected[i]));
        squares += (double)expected[i] * (double)expected[i];
        error += ((double)found[i] - (double)expected[i]) * ((double)found[i] - (double)expected[i]);
    }
    slr_op_kind kind = run->what->kind;
    bool bf16 = slr_backend_cpu_variant(variant)->panel_product_bf16 && tolerances_bf16[kind].result > 0;
    tolerance own = bf16 ? tolerances_bf16[kind] : tolerances[kind];
    double allowed = gradient ? own.gradient : own.result;
    double relative = difference > 0 ? difference / largest : 0;
    if (run->setting == OP_INNER) /* the inputs went through a GELU */
        allowed += gradient ? tolerances[SLR_OP_ACTIVATION].gradient : tolerances[SLR_OP_ACTIVATION].result;
    else
        worst[bf16][kind][gradient] = fmax(worst[bf16][kind][gradient], relative);
    double norm = kind == SLR_OP_ATTENTION && gradient ? bf16_norm_attention_gradient : bf16 ? bf16_norm : conv_norm;
    if ((bf16 || kind == SLR_OP_CONV2D) && count >= LEAST_FOR_NORM && !(sqrt(error) <= norm * sqrt(squares)))
        fail_msg("%s, %s, setting %d, %s: %s differs by %.3g in the norm", slr_op_info_of(kind)->name, run->what->label,
                 run->setting, variant, name, sqrt(error / squares));
    if (!(relative <= allowed))
        fail_msg("%s, %s, setting %d, %s: %s differs by %.3g, allowed %.3g", slr_op_info_of(kind)->name,
                 run->what->label, run->setting, variant, name, relative, allowed);
}

static void compare_runs(const op_run *run, const op_run *ref, const char *variant)
{
    compare(run, op_run_result(run), op_run_result(ref), ref->out_count, false, variant, "the result");
    for (int k = 0; k < ref->inputs; k++)
        if (ref->differentiable[k])
            compare(run, op_run_gradient(run, k), op_run_gradient(ref, k), ref->count[k], true, variant,
                    slr_graph_tensor(ref->graph, ref->in[k])->name);
    const slr_slot *slot = &run->slot, *truth = &ref->slot;
    if (run->what->kind != SLR_OP_LOW_RANK)
        return;
    compare(run, slot->ga, truth->ga, slot->rank * slot->in, true, variant, "the gradient of A");
    compare(run, slot->gbt, truth->gbt, (slot->rank + slot->probes) * slot->out, true, variant, "the gradient of B");
    if (slot->look)
        compare(run, slot->look_ga, truth->look_ga, slot->in, true, variant, "the look column");
    for (int j = 0; slot->samples && j <= slot->probes; j++)
        if (!(fabs(run->sample_energy[j] - ref->sample_energy[j]) <= 1e-5 * ref->sample_energy[j]))
            fail_msg("low_rank, %s, %s: sample energy %d is %g, expected %g", run->what->label, variant, j,
                     run->sample_energy[j], ref->sample_energy[j]);
}

static void run_case(op_run *run, const op_case *what, op_setting setting, const slr_backend *backend, int threads)
{
    op_run_open(run, what, setting, backend, threads);
    if (run->differentiable[0])
        op_run_backward(run);
    else
        op_run_loss(run);
}

static bool same_bits(const float *a, const float *b, int64_t count)
{
    return memcmp(a, b, (size_t)count * sizeof *a) == 0;
}

static bool same_run(const op_run *a, const op_run *b)
{
    bool same = same_bits(op_run_result(a), op_run_result(b), a->out_count);
    for (int k = 0; k < a->inputs; k++)
        if (a->differentiable[k])
            same = same && same_bits(op_run_gradient(a, k), op_run_gradient(b, k), a->count[k]);
    const slr_slot *x = &a->slot, *y = &b->slot;
    if (a->what->kind == SLR_OP_LOW_RANK)
        same = same && same_bits(x->ga, y->ga, x->capacity * x->in) && same_bits(x->gbt, y->gbt, x->capacity * x->out) &&
               same_bits(x->look_ga, y->look_ga, x->in);
    return same;
}

static void check_case(const op_case *what, op_setting setting)
{
    op_run ref, one, other;
    run_case(&ref, what, setting, slr_backend_ref(), 1);
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        const slr_backend *backend = slr_backend_cpu_variant(variants[v]);
        if (!backend)
            continue;
        run_case(&one, what, setting, backend, 2);
        compare_runs(&one, &ref, variants[v]);
        const int threads[] = {2, 1, 3}; /* the same again, then other numbers of threads */
        for (int t = 0; t < 3; t++) {
            run_case(&other, what, setting, backend, threads[t]);
            if (!same_run(&one, &other))
                fail_msg("%s, %s, setting %d, %s: other bits with %d threads than with 2",
                         slr_op_info_of(what->kind)->name, what->label, setting, variants[v], threads[t]);
            op_run_close(&other);
        }
        op_run_close(&one);
    }
    op_run_close(&ref);
}

static void test_small_shapes(void **state)
{
    (void)state;
    for (int i = 0; i < op_case_count; i++)
        for (op_setting setting = OP_PLAIN; setting < OP_SETTINGS; setting++)
            check_case(&op_cases[i], setting);
}

static void test_large_shapes(void **state)
{
    (void)state;
    for (int i = 0; i < op_large_case_count; i++)
        check_case(&op_large_cases[i], OP_PLAIN);
}

static void test_every_op_has_kernels(void **state)
{
    (void)state;
    int found = 0;
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        const slr_backend *backend = slr_backend_cpu_variant(variants[v]);
        found += backend != NULL;
        for (int kind = 0; backend && kind < SLR_OP_COUNT; kind++) {
            assert_non_null(backend->forward[kind]);
            assert_true((backend->backward[kind] != NULL) == (slr_backend_ref()->backward[kind] != NULL));
        }
    }
    assert_true(found > 0);
    assert_non_null(slr_backend_cpu());
    assert_null(slr_backend_cpu_variant("none"));
}

/* A component's bits do not depend on how many others the slot has (T7, T4): rank 1 beside nothing, beside a candidate,
 * and beside eight others with zero rows of B. */
static void test_components_are_independent(void **state)
{
    (void)state;
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        const slr_backend *backend = slr_backend_cpu_variant(variants[v]);
        if (!backend)
            continue;
        op_run alone, beside;
        const op_case one = {SLR_OP_LOW_RANK, "rank 1", {2, 50, 70, 90, 1, 0, 0}};
        const op_case many = {SLR_OP_LOW_RANK, "rank 10, three probes", {2, 50, 70, 90, 10, 3, 0}};
        run_case(&alone, &one, OP_PLAIN, backend, 2);
        op_run_open(&beside, &many, OP_PLAIN, backend, 2);
        memset(beside.bt + 90, 0, 15 * 90 * sizeof(float));
        op_run_backward(&beside);
        assert_true(same_bits(op_run_result(&alone), op_run_result(&beside), alone.out_count));
        assert_true(same_bits(op_run_gradient(&alone, 1), op_run_gradient(&beside, 1), alone.count[1]));
        assert_true(same_bits(alone.slot.ga, beside.slot.ga, 70));
        assert_true(same_bits(alone.slot.gbt, beside.slot.gbt, 90));
        op_run_close(&alone);
        op_run_close(&beside);
    }
}

/* A picture's attention has the same bits alone and in a batch. */
static void test_attention_in_a_batch(void **state)
{
    (void)state;
    const op_case one = {SLR_OP_ATTENTION, "alone", {1, 203, 301, 80, 2, 0}};
    const op_case three = {SLR_OP_ATTENTION, "in a batch", {3, 203, 301, 80, 2, 0}};
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        const slr_backend *backend = slr_backend_cpu_variant(variants[v]);
        if (!backend)
            continue;
        op_run alone, batch;
        run_case(&alone, &one, OP_PLAIN, backend, 2);
        run_case(&batch, &three, OP_PLAIN, backend, 2);
        assert_true(same_bits(op_run_result(&alone), op_run_result(&batch), alone.out_count));
        for (int k = 0; k < 3; k++)
            assert_true(same_bits(op_run_gradient(&alone, k), op_run_gradient(&batch, k), alone.count[k]));
        op_run_close(&alone);
        op_run_close(&batch);
    }
}

static void round_values(float *values, int64_t count, float scale)
{
    for (int64_t i = 0; i < count; i++)
        values[i] = scale * slr_bf16_to_f32(slr_f32_to_bf16(values[i]));
}

/* Scores from -1000 to 1000: most probabilities are below what floats hold, and the largest score of a row rises from
 * tile to tile. Operands are exact in bf16, as their rounding would be multiplied by as much. */
static void test_far_scores(void **state)
{
    (void)state;
    const op_case far = {SLR_OP_ATTENTION, "far scores", {1, 70, 900, 80, 2, 0}};
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        const slr_backend *backend = slr_backend_cpu_variant(variants[v]);
        if (!backend || !slr_backend_is_bf16(backend))
            continue;
        op_run run, ref;
        op_run_open(&run, &far, OP_PLAIN, backend, 2);
        op_run_open(&ref, &far, OP_PLAIN, slr_backend_ref(), 1);
        for (int k = 0; k < 3; k++) {
            round_values(run.value[k], run.count[k], k == 0 ? 256 : 1);
            memcpy(ref.value[k], run.value[k], (size_t)run.count[k] * sizeof(float));
        }
        op_run_backward(&run);
        op_run_backward(&ref);
        compare(&run, op_run_result(&run), op_run_result(&ref), ref.out_count, false, variants[v], "the result");
        for (int k = 0; k < 3; k++)
            for (int64_t i = 0; i < run.count[k]; i++)
                assert_true(isfinite(op_run_gradient(&run, k)[i]));
        op_run_close(&run);
        op_run_close(&ref);
    }
}

static bool has_exponentials(const op_case *what)
{
    return what->kind == SLR_OP_ACTIVATION || what->kind == SLR_OP_GEGLU || what->kind == SLR_OP_GROUP_NORM;
}

/* Ordinary values lead to no subnormal ones, not even in lanes that are thrown away: those cost 10 times the time. */
static void test_no_subnormal_numbers(void **state)
{
    (void)state;
#ifdef FE_UNDERFLOW
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++)
        for (int i = 0; slr_backend_cpu_variant(variants[v]) && i < op_large_case_count; i++) {
            op_run run;
            if (!has_exponentials(&op_large_cases[i]))
                continue;
            op_run_open(&run, &op_large_cases[i], OP_PLAIN, slr_backend_cpu_variant(variants[v]), 1);
            feclearexcept(FE_ALL_EXCEPT);
            op_run_backward(&run);
            if (fetestexcept(FE_UNDERFLOW))
                fail_msg("%s, %s: a subnormal number", op_large_cases[i].label, variants[v]);
            op_run_close(&run);
        }
#endif
}

/* Values far outside of where an activation bends. */
static void test_far_values(void **state)
{
    (void)state;
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++)
        for (int i = 0; slr_backend_cpu_variant(variants[v]) && i < op_case_count; i++) {
            op_run run, ref;
            if (op_cases[i].kind != SLR_OP_ACTIVATION && op_cases[i].kind != SLR_OP_GEGLU)
                continue;
            op_run_open(&run, &op_cases[i], OP_PLAIN, slr_backend_cpu_variant(variants[v]), 1);
            op_run_open(&ref, &op_cases[i], OP_PLAIN, slr_backend_ref(), 1);
            for (int64_t e = 0; e < run.count[0]; e++)
                ref.value[0][e] = run.value[0][e] *= 300;
            op_run_backward(&run);
            op_run_backward(&ref);
            compare_runs(&run, &ref, variants[v]);
            op_run_close(&run);
            op_run_close(&ref);
        }
}

static int print_worst(void **state)
{
    (void)state;
    for (int kind = 0; kind < SLR_OP_COUNT; kind++)
        printf("%-12s largest difference: result %.1e, gradient %.1e; in bf16: %.1e, %.1e\n",
               slr_op_info_of((slr_op_kind)kind)->name, worst[0][kind][0], worst[0][kind][1], worst[1][kind][0],
               worst[1][kind][1]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_op_has_kernels),
        cmocka_unit_test(test_components_are_independent),
        cmocka_unit_test(test_attention_in_a_batch),
        cmocka_unit_test(test_far_scores),
        cmocka_unit_test(test_small_shapes),
        cmocka_unit_test(test_large_shapes),
        cmocka_unit_test(test_no_subnormal_numbers),
        cmocka_unit_test(test_far_values),
    };
    return cmocka_run_group_tests(tests, NULL, print_worst);
}
