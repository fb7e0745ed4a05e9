/* SPDX-License-Identifier: MIT */
#include "support/toy_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void remember(void *context, const slr_rank_event *event)
{
    toy_run *run = context;
    assert_true(run->event_count < TOY_MAX_EVENTS);
    run->events[run->event_count++] = *event;
}

void toy_run_teach(toy_run *run, int rank, double size)
{
    int64_t in = run->toy->shape.widths[0], out = run->toy->shape.widths[run->toy->shape.layers];
    slr_real *left = malloc((size_t)(out * rank) * sizeof *left),
             *right = malloc((size_t)(in * rank) * sizeof *right);
    assert_true(left && right);
    toy_fill(left, out * rank, 501, 0);
    toy_fill(right, in * rank, 501, 1);
    for (int64_t o = 0; o < out; o++)
        for (int64_t k = 0; k < in; k++) {
            double sum = 0;
            for (int i = 0; i < rank; i++)
                sum += (double)left[o * rank + i] * (double)right[k * rank + i];
            run->teacher[o * in + k] = (slr_real)(size * sum);
        }
    free(left);
    free(right);
}

toy_run *toy_run_new(const toy_shape *shape, const slr_adapter_options *set_options,
                     const slr_method_options *options, int64_t steps, const slr_backend *backend)
{
    slr_error err = {0};
    toy_run *run = calloc(1, sizeof *run);
    assert_non_null(run);
    slr_adapter_options own = *set_options;
    own.probes = slr_method_probe_rows(options);
    run->toy = toy_new(shape, &own, backend);
    if (slr_method_new(options, run->toy->set, steps, &run->method, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    run->adam = (slr_adam){.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    run->rates = (slr_learning_rates){1e-2, 1e-2};
    int64_t in = shape->widths[0], out = shape->widths[shape->layers];
    run->teacher = calloc((size_t)(in * out), sizeof *run->teacher);
    assert_non_null(run->teacher);
    toy_run_teach(run, (int)(in < out ? in : out), 0.1);
    return run;
}

void toy_run_free(toy_run *run)
{
    slr_method_free(run->method);
    toy_free(run->toy);
    free(run->teacher);
    free(run);
}

/* dL/dy of the mean squared distance to (frozen chain + teacher) x; the frozen chain's output is
 * the toy's at B = 0, so only the first layer of one-layer toys is exact: deeper ones learn some
 * smooth target, which is enough here. */
void toy_run_pass(toy_run *run, int64_t step)
{
    toy *t = run->toy;
    int64_t rows = t->shape.samples * t->shape.tokens, in = t->shape.widths[0];
    int64_t out = t->shape.widths[t->shape.layers], count = rows * out;
    const slr_weight *weight = slr_weight_store_find(t->store, slr_graph_weight(t->graph, 0)->name);
    toy_fill(toy_x(t), toy_x_count(t), 601, (uint32_t)step);
    toy_forward(t);
    slr_real *noise = malloc((size_t)count * sizeof *noise);
    assert_non_null(noise);
    toy_fill(noise, count, 602, (uint32_t)step);
    run->loss = 0;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < out; o++) {
            double target = run->noise * (double)noise[r * out + o];
            for (int64_t k = 0; k < in; k++) {
                double known = t->shape.layers == 1 ? (double)slr_weight_at(weight, o, k) : 0;
                target += (known + (double)run->teacher[o * in + k]) * (double)toy_x(t)[r * in + k];
            }
            double distance = (double)toy_y(t)[r * out + o] - target;
            run->loss += distance * distance / (double)count;
            toy_g(t)[r * out + o] = (slr_real)(2 * distance / (double)count);
        }
    free(noise);
    toy_backward(t);
}

void toy_run_steps(toy_run *run, int64_t first, int64_t last)
{
    slr_error err = {0};
    slr_rank_log log = {remember, run};
    for (int64_t step = first; step <= last; step++) {
        slr_adapter_set_zero_gradients(run->toy->set);
        slr_method_before_step(run->method, step, run->toy->shape.samples);
        toy_run_pass(run, step);
        if (run->meddle)
            run->meddle(run, step);
        slr_method_after_backward(run->method, step);
        slr_adam_step(&run->adam, run->toy->set, &run->rates);
        if (slr_method_wants_second_pass(run->method, step)) {
            slr_adapter_set_zero_gradients(run->toy->set);
            slr_method_before_second_pass(run->method, step, run->toy->shape.samples);
            toy_run_pass(run, step);
            if (run->meddle)
                run->meddle(run, step);
            slr_method_after_second_pass(run->method, step);
        }
        bool moved;
        if (slr_method_after_step(run->method, step, &log, &moved, &err) != SELORA_OK)
            fail_msg("%s", err.message);
        if (moved) {
            toy_replan(run->toy);
            run->moves++;
        }
    }
}
