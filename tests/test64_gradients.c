/* SPDX-License-Identifier: MIT
 * Every backward kernel of the reference backend against central differences, in double (T2). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/op_cases.h"

/* Five points at distance h: the truncation error is h^4 f''''' / 30, about 1e-13 here, below the rounding error
 * of the differences, eps |L| / h, about 1e-12. */
static const double h = 1e-3, tolerance = 1e-7;

static double loss_at(op_run *run, slr_real *place, double value)
{
    *place = value;
    return op_run_loss(run);
}

static double difference(op_run *run, slr_real *place)
{
    double x = *place;
    double d1 = loss_at(run, place, x + h) - loss_at(run, place, x - h);
    double d2 = loss_at(run, place, x + 2 * h) - loss_at(run, place, x - 2 * h);
    *place = x;
    return (8 * d1 - d2) / (12 * h);
}

/* Compares up to 60 entries of `gradient`, spread over all, with differences by the entries of `place`. */
static void check_gradient(op_run *run, slr_real *place, const slr_real *gradient, int64_t count,
                           const char *name)
{
    double largest = 0;
    assert_non_null(gradient);
    for (int64_t i = 0; i < count; i++) {
        assert_true(isfinite(gradient[i]));
        largest = fmax(largest, fabs(gradient[i]));
    }
    if (count > 0 && largest == 0)
        fail_msg("%s, %s, setting %d: gradient of %s is zero", slr_op_info_of(run->what->kind)->name,
                 run->what->label, run->setting, name);
    slr_real *copy = malloc((size_t)count * sizeof *copy + 1); /* the next forward may reuse the memory */
    assert_non_null(copy);
    memcpy(copy, gradient, (size_t)count * sizeof *copy);
    int64_t step = count / 60 + 1;
    for (int64_t i = 0; i < count; i += step) {
        double numeric = difference(run, &place[i]);
        if (!(fabs(numeric - copy[i]) <= tolerance * largest))
            fail_msg("%s, %s, setting %d: gradient of %s[%lld] is %.12g, differences give %.12g",
                     slr_op_info_of(run->what->kind)->name, run->what->label, run->setting, name, (long long)i,
                     copy[i], numeric);
    }
    free(copy);
}

/* Probe rows: what B's new row would get as a component of its own, its A row being the candidate. */
static void check_probes(op_run *run)
{
    slr_slot *slot = &run->slot;
    int rank = slot->rank, probes = slot->probes;
    slr_real *gbt = malloc((size_t)(slot->capacity * slot->out) * sizeof *gbt);
    assert_non_null(gbt);
    memcpy(gbt, slot->gbt, (size_t)(slot->capacity * slot->out) * sizeof *gbt);
    slot->rank = rank + probes;
    slot->probes = 0;
    check_gradient(run, run->bt + rank * slot->out, gbt + rank * slot->out, probes * slot->out, "probe rows");
    op_run_backward(run);
    for (int64_t i = rank * slot->in; i < (rank + probes) * slot->in; i++)
        assert_true(slot->ga[i] == 0); /* T3: B's row is zero */
    for (int64_t i = 0; i < rank * slot->out; i++)
        assert_true(slot->gbt[i] == gbt[i]); /* T4: candidates leave the others alone, to the bit */
    slot->rank = rank;
    slot->probes = probes;
    free(gbt);
}

/* The column that backward alone sees gives the gradient of an A row whose B row it is. */
static void check_look(op_run *run)
{
    slr_slot *slot = &run->slot;
    int row = slot->rank, probes = slot->probes;
    slr_real *found = malloc((size_t)slot->in * sizeof *found), *bt = run->bt + row * slot->out;
    assert_non_null(found);
    op_run_backward(run);
    memcpy(found, slot->look_ga, (size_t)slot->in * sizeof *found);
    memcpy(bt, run->look, (size_t)slot->out * sizeof *bt);
    slot->rank++;
    slot->probes = 0;
    check_gradient(run, run->a + row * slot->in, found, slot->in, "the look column");
    slot->rank--;
    slot->probes = probes;
    memset(bt, 0, (size_t)slot->out * sizeof *bt);
    free(found);
}

static double squares(const slr_real *values, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += values[i] * values[i];
    return sum;
}

/* Energies of single samples: the same backward with the output gradient of one sample alone. */
static void check_sample_energy(op_run *run)
{
    slr_slot *slot = &run->slot;
    double expected[1 + 8] = {0}, found[1 + 8];
    memcpy(found, run->sample_energy, sizeof found);
    int64_t per = run->out_count / slot->samples;
    slr_real *all = run->out_seed, *one = calloc((size_t)run->out_count, sizeof *one);
    assert_non_null(one);
    for (int64_t b = 0; b < slot->samples; b++) {
        memset(one, 0, (size_t)run->out_count * sizeof *one);
        memcpy(one + b * per, all + b * per, (size_t)per * sizeof *one);
        run->out_seed = one;
        op_run_backward(run);
        expected[0] += squares(slot->ga, slot->rank * slot->in) + squares(slot->gbt, slot->rank * slot->out);
        for (int j = 0; j < slot->probes; j++)
            expected[1 + j] += squares(slot->gbt + (slot->rank + j) * slot->out, slot->out);
    }
    run->out_seed = all;
    free(one);
    for (int j = 0; j <= slot->probes; j++)
        assert_true(fabs(found[j] - expected[j]) <= 1e-12 * expected[j]);
}

static void check_slot(op_run *run)
{
    slr_slot *slot = &run->slot;
    check_gradient(run, run->a, slot->ga, slot->rank * slot->in, "A");
    check_gradient(run, run->bt, slot->gbt, slot->rank * slot->out, "B");
    if (slot->probes) {
        check_probes(run);
        check_look(run);
    }
    op_run_backward(run);
    if (slot->samples)
        check_sample_energy(run);
}

static void check_case(const op_case *what, op_setting setting)
{
    op_run run;
    op_run_open(&run, what, setting, slr_backend_ref(), 1);
    for (int k = 0; k < run.inputs; k++) {
        bool reached = !(what->kind == SLR_OP_LOW_RANK && k == 1 && run.slot.rank == 0);
        if (!run.differentiable[k] || !reached)
            continue;
        op_run_backward(&run);
        check_gradient(&run, run.value[k], op_run_gradient(&run, k), run.count[k],
                       slr_graph_tensor(run.graph, run.in[k])->name);
    }
    if (what->kind == SLR_OP_LOW_RANK) {
        op_run_backward(&run);
        check_slot(&run);
    }
    op_run_close(&run);
}

static void test_every_backward_kernel(void **state)
{
    (void)state;
    for (int i = 0; i < op_case_count; i++)
        for (op_setting setting = OP_PLAIN; setting < OP_SETTINGS; setting++)
            check_case(&op_cases[i], setting);
}

/* A new row of the op table without a case above fails here. */
static void test_every_op_has_a_case(void **state)
{
    (void)state;
    for (int kind = 0; kind < SLR_OP_COUNT; kind++) {
        int cases = 0;
        for (int i = 0; i < op_case_count; i++)
            cases += (int)op_cases[i].kind == kind;
        if (cases == 0)
            fail_msg("%s: no case in tests/support/op_cases.c", slr_op_info_of((slr_op_kind)kind)->name);
        bool has_backward = !slr_op_info_of((slr_op_kind)kind)->no_gradient[0];
        assert_non_null(slr_backend_ref()->forward[kind]);
        assert_true((slr_backend_ref()->backward[kind] != NULL) == has_backward);
    }
}

/* Gradients of slots add up over runs (accumulation of small batches); those of inputs start anew. */
static void test_slot_gradients_accumulate(void **state)
{
    (void)state;
    op_run run;
    const op_case what = {SLR_OP_LOW_RANK, "twice", {1, 7, 5, 3, 2, 1, 0}};
    op_run_open(&run, &what, OP_PLAIN, slr_backend_ref(), 1);
    op_run_backward(&run);
    double once_a = run.slot.ga[3], once_b = run.slot.gbt[7], once_x = op_run_gradient(&run, 1)[2];
    memcpy(slr_plan_gradient(run.plan, run.out), run.out_seed, (size_t)run.out_count * sizeof(slr_real));
    slr_plan_backward(run.plan);
    assert_true(run.slot.ga[3] == 2 * once_a);
    assert_true(run.slot.gbt[7] == 2 * once_b);
    assert_true(op_run_gradient(&run, 1)[2] == once_x);
    op_run_close(&run);
}

/* A slot that does not train still passes the gradient on and leaves its own alone. */
static void test_frozen_slot(void **state)
{
    (void)state;
    op_run run;
    const op_case what = {SLR_OP_LOW_RANK, "frozen", {1, 7, 5, 3, 2, 0, 0}};
    op_run_open(&run, &what, OP_PLAIN, slr_backend_ref(), 1);
    run.slot.trainable = false;
    op_run_backward(&run);
    check_gradient(&run, run.value[1], op_run_gradient(&run, 1), run.count[1], "x");
    assert_true(squares(run.slot.ga, run.slot.capacity * run.slot.in) == 0);
    assert_true(squares(run.slot.gbt, run.slot.capacity * run.slot.out) == 0);
    op_run_close(&run);
}

/* A sum of a tensor with itself is the one op that takes a tensor twice. */
static void test_sum_with_itself(void **state)
{
    (void)state;
    for (int inner = 0; inner < 2; inner++) {
        slr_graph *graph = slr_graph_new();
        slr_tid x = slr_graph_input(graph, "x", 2, (int64_t[]){1, 3});
        slr_graph_want_gradient(graph, x);
        slr_tid y = inner ? slr_graph_reshape(graph, x, 1, (int64_t[]){3}) : x;
        if (inner)
            y = slr_graph_activation(graph, y, SLR_ACT_SILU, "act");
        slr_tid sum = slr_graph_add(graph, y, y, "sum");
        slr_graph_seed(graph, sum);
        slr_plan *plan;
        assert_int_equal(slr_plan_new(graph, slr_backend_ref(), &(slr_plan_options){.backward = true}, &plan, NULL),
                         SELORA_OK);
        assert_int_equal(slr_plan_allocate(plan, NULL, NULL), SELORA_OK);
        for (int i = 0; i < 3; i++) {
            slr_plan_value(plan, x)[i] = i - 1.0;
            slr_plan_gradient(plan, sum)[i] = 1;
        }
        slr_plan_forward(plan);
        slr_plan_backward(plan);
        double q = 1 / (1 + exp(-1.0)), slope = q * (1 + 1 - q);
        assert_true(fabs(slr_plan_value(plan, sum)[2] - (inner ? 2 * q : 2)) < 1e-15);
        assert_true(fabs(slr_plan_gradient(plan, x)[2] - (inner ? 2 * slope : 2)) < 1e-15);
        slr_plan_free(plan);
        slr_graph_free(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_op_has_a_case),     cmocka_unit_test(test_every_backward_kernel),
        cmocka_unit_test(test_slot_gradients_accumulate), cmocka_unit_test(test_frozen_slot),
        cmocka_unit_test(test_sum_with_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
