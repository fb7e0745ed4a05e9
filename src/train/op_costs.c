/* SPDX-License-Identifier: MIT */
#include "train/op_costs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static bool same_length(const slr_graph *graph, const slr_op *op)
{
    return slr_graph_tensor(graph, op->in[0])->shape[1] == slr_graph_tensor(graph, op->in[1])->shape[1];
}

static void write_class(const slr_graph *graph, const slr_op *op, char *name, size_t size)
{
    const slr_map_window *window = &op->u.conv.window;
    if (op->kind == SLR_OP_CONV2D)
        snprintf(name, size, window->stride > 1 ? "conv%dx%d/%d" : "conv%dx%d", window->height, window->width,
                 window->stride);
    else if (op->kind == SLR_OP_ATTENTION)
        snprintf(name, size, same_length(graph, op) ? "self_attention" : "cross_attention");
    else
        snprintf(name, size, "%s", slr_op_info_of(op->kind)->name);
}

static void write_shapes(const slr_graph *graph, const slr_op *op, char *name, size_t size)
{
    const slr_tensor *x = slr_graph_tensor(graph, op->in[0]), *out = slr_graph_tensor(graph, op->out);
    const int64_t *y = out->shape, to = slr_tensor_columns(out);
    switch (op->kind) {
    case SLR_OP_CONV2D:
        snprintf(name, size, " %" PRId64 "x%" PRId64 "x%" PRId64 " %" PRId64 "-%" PRId64, y[0], y[1], y[2],
                 slr_tensor_columns(x), to);
        return;
    case SLR_OP_LINEAR:
    case SLR_OP_LOW_RANK:
        x = slr_graph_tensor(graph, op->in[op->inputs - 1]);
        snprintf(name, size, " %" PRId64 " %" PRId64 "-%" PRId64, slr_tensor_rows(out), slr_tensor_columns(x), to);
        return;
    case SLR_OP_ATTENTION:
        snprintf(name, size, " %" PRId64 "x%d %" PRId64 "x%" PRId64 " d%" PRId64, y[0], op->u.attention.heads, y[1],
                 slr_graph_tensor(graph, op->in[1])->shape[1], to / op->u.attention.heads);
        return;
    default:
        snprintf(name, size, " %" PRId64 "x%" PRId64, slr_tensor_rows(out), to);
    }
}

static slr_op_cost *row_named(slr_op_costs *costs, const char *name)
{
    for (size_t i = 0; i < costs->count; i++)
        if (strcmp(costs->rows[i].name, name) == 0)
            return &costs->rows[i];
    if (!slr_grow((void **)&costs->rows, &costs->capacity, costs->count, sizeof *costs->rows))
        return NULL;
    slr_op_cost *row = &costs->rows[costs->count++];
    *row = (slr_op_cost){0};
    snprintf(row->name, sizeof row->name, "%s", name);
    return row;
}

selora_status slr_op_costs_add(slr_op_costs *costs, const slr_plan *plan, bool shapes, slr_error *err)
{
    const slr_graph *graph = slr_plan_graph(plan);
    for (int i = 0; i < slr_graph_op_count(graph); i++) {
        const slr_op *op = slr_graph_op(graph, i);
        const slr_op_profile *profile = slr_plan_profile_of(plan, i);
        const int64_t macs[] = {slr_op_macs(graph, op), slr_op_macs(graph, op), slr_op_backward_macs(graph, op)};
        char name[sizeof costs->rows->name];
        write_class(graph, op, name, sizeof name);
        if (shapes)
            write_shapes(graph, op, name + strlen(name), sizeof name - strlen(name));
        slr_op_cost *row = row_named(costs, name);
        if (!row)
            return slr_fail_memory(err, sizeof *row, "the costs of ops");
        for (int pass = 0; pass < SLR_PASS_COUNT; pass++) {
            row->seconds[pass] += profile->seconds[pass];
            row->gmac[pass] += 1e-9 * (double)(macs[pass] * profile->runs[pass]);
        }
    }
    return SELORA_OK;
}

double slr_op_cost_seconds(const slr_op_cost *row)
{
    return row->seconds[SLR_PASS_FORWARD] + row->seconds[SLR_PASS_REPLAY] + row->seconds[SLR_PASS_BACKWARD];
}

static int by_seconds(const void *a, const void *b)
{
    const slr_op_cost *x = a, *y = b;
    double s = slr_op_cost_seconds(x), t = slr_op_cost_seconds(y);
    return s != t ? (s < t ? 1 : -1) : strcmp(x->name, y->name);
}

void slr_op_costs_sort(slr_op_costs *costs)
{
    if (costs->count > 0)
        qsort(costs->rows, costs->count, sizeof *costs->rows, by_seconds);
}

void slr_op_costs_free(slr_op_costs *costs)
{
    free(costs->rows);
    *costs = (slr_op_costs){0};
}
