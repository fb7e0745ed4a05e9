/* SPDX-License-Identifier: MIT */
#include "support/toy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/rng.h"

static void must(selora_status status, const slr_error *err)
{
    if (status != SELORA_OK)
        fail_msg("%s", err->message);
}

static const char *path_of(int layer, char path[64])
{
    snprintf(path, 64, "%s.block.%d.to_q", layer % 2 ? "text_encoder" : "unet", layer);
    return path;
}

void toy_replan(toy *t)
{
    slr_error err = {0};
    char path[64];
    slr_plan_free(t->plan);
    slr_graph_free(t->graph);
    t->graph = slr_graph_new();
    assert_non_null(t->graph);
    t->x = slr_graph_input(t->graph, "x", 3,
                           (int64_t[]){t->shape.samples, t->shape.tokens, t->shape.widths[0]});
    slr_graph_want_gradient(t->graph, t->x);
    slr_tid at = t->x;
    for (int i = 0; i < t->shape.layers; i++) {
        path_of(i, path);
        if (i > 0)
            at = slr_graph_activation(t->graph, at, SLR_ACT_QUICK_GELU, path);
        slr_tid base = slr_graph_linear(t->graph, at, path, t->shape.widths[i + 1], true);
        at = slr_graph_low_rank(t->graph, base, at, slr_adapter_set_find(t->set, path), path);
    }
    t->y = at;
    slr_graph_output(t->graph, t->y);
    slr_graph_seed(t->graph, t->y);
    slr_plan_options options = {.backward = true,
                                .threads = t->shape.threads ? t->shape.threads : 1};
    must(slr_plan_new(t->graph, t->backend, &options, &t->plan, &err), &err);
    if (!t->store) {
        t->store = slr_weight_store_new(SLR_WEIGHTS_KEEP);
        assert_non_null(t->store);
        for (int i = 0; i < slr_graph_weight_count(t->graph); i++) {
            const slr_weight_spec *spec = slr_graph_weight(t->graph, i);
            int64_t count = slr_weight_elements(spec);
            slr_real *values = malloc((size_t)count * sizeof *values);
            assert_non_null(values);
            toy_fill(values, count, t->shape.weight_seed + 1000, (uint32_t)i);
            for (int64_t k = 0; k < count; k++)
                values[k] *= (slr_real)(spec->dims == 2 ? 0.3 : 0.1);
            must(slr_weight_store_add_values(t->store, spec, values, &err), &err);
            free(values);
        }
    }
    must(slr_plan_allocate(t->plan, t->store, &err), &err);
}

toy *toy_new(const toy_shape *shape, const slr_adapter_options *options, const slr_backend *backend)
{
    slr_error err = {0};
    char path[64];
    toy *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->shape = *shape;
    t->backend = backend;
    must(slr_adapter_set_new(options, &t->set, &err), &err);
    for (int k = 0; k < shape->layers; k++) {
        int i = shape->reversed ? shape->layers - 1 - k : k;
        must(slr_adapter_set_add(t->set, path_of(i, path), shape->widths[i], shape->widths[i + 1],
                                 &err),
             &err);
    }
    must(slr_adapter_set_finish(t->set, &err), &err);
    toy_replan(t);
    return t;
}

void toy_free(toy *t)
{
    slr_plan_free(t->plan);
    slr_graph_free(t->graph);
    slr_weight_store_free(t->store);
    slr_adapter_set_free(t->set);
    free(t);
}

slr_adapter *toy_layer(toy *t, int index)
{
    char path[64];
    slr_slot *slot = slr_adapter_set_find(t->set, path_of(index, path));
    assert_non_null(slot);
    return (slr_adapter *)slot;
}

slr_real *toy_x(toy *t)
{
    return slr_plan_value(t->plan, t->x);
}

slr_real *toy_y(toy *t)
{
    return slr_plan_value(t->plan, t->y);
}

slr_real *toy_g(toy *t)
{
    return slr_plan_gradient(t->plan, t->y);
}

int64_t toy_x_count(const toy *t)
{
    return t->shape.samples * t->shape.tokens * t->shape.widths[0];
}

int64_t toy_y_count(const toy *t)
{
    return t->shape.samples * t->shape.tokens * t->shape.widths[t->shape.layers];
}

void toy_forward(toy *t)
{
    slr_plan_forward(t->plan);
}

void toy_backward(toy *t)
{
    slr_plan_backward(t->plan);
}

void toy_fill(slr_real *values, int64_t count, uint64_t seed, uint32_t step)
{
    slr_rng rng = slr_rng_at(seed, SLR_STREAM_TEST, step, 0);
    slr_rng_fill_normal(&rng, values, (size_t)count);
}

void toy_fill_b(toy *t, uint64_t seed, double spread)
{
    for (int i = 0; i < t->shape.layers; i++) {
        slr_adapter *layer = toy_layer(t, i);
        int64_t count = layer->slot.rank * layer->slot.out;
        toy_fill(layer->bt, count, seed, (uint32_t)i);
        for (int64_t k = 0; k < count; k++)
            layer->bt[k] *= (slr_real)spread;
    }
}

void *toy_copy(const void *data, size_t bytes)
{
    void *copy = malloc(bytes ? bytes : 1);
    assert_non_null(copy);
    memcpy(copy, data, bytes);
    return copy;
}
