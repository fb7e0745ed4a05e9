/* SPDX-License-Identifier: MIT */
#include "support/op_cases.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/memory.h"

/* p: conv N H W C O k stride top left bottom right, width of the kernel where it is not k; linear N T K O bias; low_rank N T K O rank probes samples;
 * group_norm N H W C groups silu; layer_norm N T D; activation N T D kind; geglu N T F;
 * attention N Tq Tk D heads causal; add N T D; add_channel N H W C; concat N H W C1 C2;
 * upsample N H W C H' W'; embedding N T V D; timestep N D cos_first shift; mse N H W C;
 * pool N H W C kind kh kw stride top left bottom right; scale_shift N T D relu; pick N T D. */
const op_case op_cases[] = {
    {SLR_OP_CONV2D, "1x1", {1, 5, 7, 3, 4, 1, 1, 0, 0, 0, 0}},
    {SLR_OP_CONV2D, "1x1 batch 3", {3, 7, 5, 6, 2, 1, 1, 0, 0, 0, 0}},
    {SLR_OP_CONV2D, "3x3", {1, 7, 5, 3, 4, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "3x3 batch 3", {3, 5, 7, 2, 5, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "3x3 without padding", {1, 7, 5, 3, 2, 3, 1, 0, 0, 0, 0}},
    {SLR_OP_CONV2D, "3x3 on one pixel", {2, 1, 1, 3, 4, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "stride 2, odd", {3, 7, 5, 3, 4, 3, 2, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "stride 2, even", {1, 8, 6, 3, 4, 3, 2, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "stride 2, right and bottom padding", {1, 8, 6, 3, 4, 3, 2, 0, 0, 1, 1}},
    {SLR_OP_CONV2D, "stride 2, right and bottom padding, odd", {3, 7, 5, 3, 2, 3, 2, 0, 0, 1, 1}},
    {SLR_OP_CONV2D, "stride 2 on one pixel", {1, 1, 1, 5, 3, 3, 2, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "stride 2 on one pixel, batch 3", {3, 1, 1, 33, 35, 3, 2, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "stride 2 on 2x2", {1, 2, 2, 4, 3, 3, 2, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "stride 2 on 2x2, batch 3", {3, 2, 2, 33, 4, 3, 2, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "stride 2 on 5x7", {1, 5, 7, 34, 33, 3, 2, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "stride 2 on 2x6, right and bottom padding", {3, 2, 6, 3, 4, 3, 2, 0, 0, 1, 1}},
    {SLR_OP_CONV2D, "stride 3", {2, 8, 7, 3, 4, 3, 3, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "1x1 stride 2", {1, 7, 5, 3, 2, 1, 2, 0, 0, 0, 0}},
    {SLR_OP_CONV2D, "3x3, tiles over the edges", {2, 9, 6, 16, 37, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "3x3, odd channels", {3, 5, 7, 21, 19, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "3x3, narrow map", {4, 3, 11, 33, 4, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "uneven padding", {1, 4, 5, 2, 3, 3, 1, 2, 0, 1, 3}},
    {SLR_OP_CONV2D, "1x7", {2, 5, 9, 3, 4, 1, 1, 0, 3, 0, 3, 7}},
    {SLR_OP_CONV2D, "7x1", {2, 9, 5, 3, 4, 7, 1, 3, 0, 3, 0, 1}},
    {SLR_OP_CONV2D, "3x1, stride 2, without padding", {1, 9, 6, 17, 5, 3, 2, 0, 0, 0, 0, 1}},
    {SLR_OP_CONV2D, "7x7, stride 2, one channel", {2, 11, 13, 1, 5, 7, 2, 3, 3, 3, 3}},
    {SLR_OP_LINEAR, "bias", {1, 7, 5, 3, 1}},
    {SLR_OP_LINEAR, "batch 3, no bias", {3, 5, 4, 9, 0}},
    {SLR_OP_LINEAR, "one row", {1, 1, 6, 2, 1}},
    {SLR_OP_LOW_RANK, "rank 1", {1, 7, 5, 3, 1, 0, 0}},
    {SLR_OP_LOW_RANK, "rank 1, one probe", {1, 7, 5, 5, 1, 1, 0}},
    {SLR_OP_LOW_RANK, "rank 3, two probes, batch 3", {3, 5, 6, 9, 3, 2, 3}},
    {SLR_OP_LOW_RANK, "rank 9, one probe", {2, 3, 12, 10, 9, 1, 2}},
    {SLR_OP_LOW_RANK, "rank 0, one probe", {1, 4, 5, 3, 0, 1, 1}},
    {SLR_OP_GROUP_NORM, "plain", {1, 7, 5, 6, 3, 0}},
    {SLR_OP_GROUP_NORM, "SiLU, batch 3", {3, 5, 7, 8, 2, 1}},
    {SLR_OP_GROUP_NORM, "one group", {3, 3, 3, 5, 1, 1}},
    {SLR_OP_GROUP_NORM, "a group for each channel", {1, 7, 5, 4, 4, 0}},
    {SLR_OP_LAYER_NORM, "plain", {1, 7, 5}},
    {SLR_OP_LAYER_NORM, "batch 3", {3, 5, 11}},
    {SLR_OP_ACTIVATION, "SiLU", {1, 7, 5, SLR_ACT_SILU}},
    {SLR_OP_ACTIVATION, "GELU", {3, 5, 7, SLR_ACT_GELU}},
    {SLR_OP_ACTIVATION, "quick GELU", {3, 5, 7, SLR_ACT_QUICK_GELU}},
    {SLR_OP_ACTIVATION, "ReLU", {1, 7, 5, SLR_ACT_RELU}},
    {SLR_OP_GEGLU, "plain", {1, 7, 5}},
    {SLR_OP_GEGLU, "batch 3", {3, 5, 9}},
    {SLR_OP_ATTENTION, "self", {1, 7, 7, 6, 2, 0}},
    {SLR_OP_ATTENTION, "self, causal, batch 3", {3, 5, 5, 6, 3, 1}},
    {SLR_OP_ATTENTION, "cross, more keys", {3, 5, 9, 4, 2, 0}},
    {SLR_OP_ATTENTION, "cross, fewer keys", {1, 11, 3, 5, 1, 0}},
    {SLR_OP_ATTENTION, "causal, more keys", {1, 5, 9, 4, 2, 1}},
    {SLR_OP_ATTENTION, "causal, fewer keys", {2, 9, 5, 4, 2, 1}},
    {SLR_OP_ATTENTION, "more queries than a block", {1, 37, 41, 4, 2, 0}},
    {SLR_OP_ATTENTION, "causal, more queries than a block", {1, 37, 37, 4, 1, 1}},
    {SLR_OP_ATTENTION, "causal, one key more than a vector", {1, 9, 17, 5, 1, 1}},
    {SLR_OP_ATTENTION, "one query, two keys", {2, 1, 2, 3, 1, 0}},
    {SLR_OP_ADD, "batch 1", {1, 7, 5}},
    {SLR_OP_ADD, "batch 3", {3, 5, 7}},
    {SLR_OP_ADD_CHANNEL, "batch 1", {1, 7, 5, 6}},
    {SLR_OP_ADD_CHANNEL, "batch 3", {3, 5, 7, 3}},
    {SLR_OP_CONCAT, "equal widths", {1, 7, 5, 3, 3}},
    {SLR_OP_CONCAT, "unequal widths, batch 3", {3, 5, 7, 5, 2}},
    {SLR_OP_UPSAMPLE, "4 -> 7", {1, 4, 4, 3, 7, 7}},
    {SLR_OP_UPSAMPLE, "twofold, batch 3", {3, 5, 7, 2, 10, 14}},
    {SLR_OP_UPSAMPLE, "uneven", {1, 3, 4, 2, 8, 5}},
    {SLR_OP_UPSAMPLE, "same size", {1, 3, 4, 2, 3, 4}},
    {SLR_OP_EMBEDDING, "batch 3", {3, 5, 11, 6}},
    {SLR_OP_TIMESTEP, "cosines first", {3, 10, 1, 0}},
    {SLR_OP_TIMESTEP, "sines first, shift 1, odd width", {3, 9, 0, 1}},
    {SLR_OP_POOL, "largest, 3x3, stride 2", {2, 7, 9, 5, SLR_POOL_MAX, 3, 3, 2, 1, 1, 1, 1}},
    {SLR_OP_POOL, "largest, 3x3, even size", {1, 8, 6, 17, SLR_POOL_MAX, 3, 3, 2, 1, 1, 1, 1}},
    {SLR_OP_POOL, "largest, all negative padding", {1, 3, 3, 2, SLR_POOL_MAX, 3, 3, 1, 2, 2, 2, 2}},
    {SLR_OP_POOL, "mean, 2x2", {3, 5, 7, 6, SLR_POOL_MEAN, 2, 2, 2, 0, 0, 0, 0}},
    {SLR_OP_POOL, "mean with padding", {2, 5, 7, 19, SLR_POOL_MEAN, 3, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_POOL, "mean without padding", {2, 5, 7, 19, SLR_POOL_MEAN_INSIDE, 3, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_POOL, "mean of the map", {3, 5, 7, 33, SLR_POOL_MEAN, 5, 7, 1, 0, 0, 0, 0}},
    {SLR_OP_SCALE_SHIFT, "plain", {2, 5, 19, 0}},
    {SLR_OP_SCALE_SHIFT, "ReLU", {3, 7, 5, 1}},
    {SLR_OP_PICK, "batch 3", {3, 5, 7}},
    {SLR_OP_MSE, "batch 1", {1, 7, 5, 4}},
    {SLR_OP_MSE, "weights, batch 3", {3, 5, 7, 2}},
};
const int op_case_count = sizeof op_cases / sizeof *op_cases;

const op_case op_large_cases[] = {
    {SLR_OP_CONV2D, "3x3 28x28", {1, 28, 28, 64, 320, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "3x3 7x7", {2, 7, 7, 640, 160, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "3x3 4x4", {1, 4, 4, 1280, 128, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "3x3 7x7, steps of the channels", {1, 13, 7, 480, 72, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "3x3 5x3, batch 9", {9, 5, 3, 100, 96, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "3x3, more tiles than weights", {1, 100, 60, 32, 48, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "conv_in", {2, 28, 28, 4, 320, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "conv_out", {2, 28, 28, 320, 4, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "more patches than a chunk holds", {1, 96, 70, 48, 20, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "down-sampling 28x28", {1, 28, 28, 96, 128, 3, 2, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "down-sampling 112x112, rows at a time", {2, 112, 111, 96, 32, 3, 2, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "down-sampling 14x14, images at a time", {5, 14, 14, 640, 64, 3, 2, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "conv_out, rows at a time", {1, 40, 40, 320, 4, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_CONV2D, "down-sampling of the VAE", {1, 30, 28, 64, 64, 3, 2, 0, 0, 1, 1}},
    {SLR_OP_CONV2D, "proj_in", {1, 14, 14, 640, 640, 1, 1, 0, 0, 0, 0}},
    {SLR_OP_CONV2D, "first of a ResNet", {2, 112, 112, 3, 64, 7, 2, 3, 3, 3, 3}},
    {SLR_OP_CONV2D, "1x7 of Inception", {2, 17, 17, 128, 160, 1, 1, 0, 3, 0, 3, 7}},
    {SLR_OP_LINEAR, "ff.net.0.proj", {1, 49, 640, 2560, 1}},
    {SLR_OP_LINEAR, "to_k of text", {2, 77, 768, 320, 0}},
    {SLR_OP_LINEAR, "time embedding", {2, 1, 1280, 1280, 1}},
    {SLR_OP_LINEAR, "more rows than a chunk", {1, 1100, 96, 40, 1}},
    {SLR_OP_LOW_RANK, "q of 28x28", {2, 784, 320, 320, 4, 1, 2}},
    {SLR_OP_LOW_RANK, "GEGLU, rank 12", {1, 196, 640, 2560, 12, 1, 1}},
    {SLR_OP_GROUP_NORM, "28x28, 320", {2, 28, 28, 320, 32, 1}},
    {SLR_OP_GROUP_NORM, "14x14, 960", {2, 14, 14, 960, 32, 0}},
    {SLR_OP_LAYER_NORM, "784 x 320", {2, 784, 320}},
    {SLR_OP_ACTIVATION, "quick GELU of the text encoder", {2, 77, 3072, SLR_ACT_QUICK_GELU}},
    {SLR_OP_ACTIVATION, "SiLU of the time embedding", {2, 1, 1280, SLR_ACT_SILU}},
    {SLR_OP_GEGLU, "14x14", {2, 196, 2560}},
    {SLR_OP_ATTENTION, "28x28", {1, 784, 784, 80, 2, 0}},
    {SLR_OP_ATTENTION, "14x14", {1, 196, 196, 160, 2, 0}},
    {SLR_OP_ATTENTION, "4x4", {2, 16, 16, 320, 2, 0}},
    {SLR_OP_ATTENTION, "32x32 on text", {1, 1024, 77, 160, 2, 0}},
    {SLR_OP_ATTENTION, "28x28 on text", {1, 784, 77, 320, 8, 0}},
    {SLR_OP_ATTENTION, "7x7", {2, 49, 49, 1280, 8, 0}},
    {SLR_OP_ATTENTION, "64x64", {1, 70, 4096, 40, 1, 0}},
    {SLR_OP_ATTENTION, "many tiles of keys, causal, odd width", {1, 900, 900, 37, 1, 1}},
    {SLR_OP_ATTENTION, "text encoder", {2, 77, 77, 768, 12, 1}},
    {SLR_OP_ATTENTION, "causal, more keys than a tile, few queries", {1, 50, 300, 72, 2, 1}},
    {SLR_OP_ATTENTION, "one wide head of the VAE", {1, 784, 784, 512, 1, 0}},
    {SLR_OP_ADD, "28x28", {2, 784, 320}},
    {SLR_OP_ADD_CHANNEL, "28x28", {2, 28, 28, 320}},
    {SLR_OP_CONCAT, "skip", {2, 28, 28, 640, 320}},
    {SLR_OP_UPSAMPLE, "4 -> 7", {2, 4, 4, 1280, 7, 7}},
    {SLR_OP_EMBEDDING, "captions", {2, 77, 500, 768}},
    {SLR_OP_TIMESTEP, "320", {2, 320, 1, 0}},
    {SLR_OP_POOL, "after the first of a ResNet", {2, 112, 112, 64, SLR_POOL_MAX, 3, 3, 2, 1, 1, 1, 1}},
    {SLR_OP_POOL, "Inception", {1, 35, 35, 288, SLR_POOL_MEAN_INSIDE, 3, 3, 1, 1, 1, 1, 1}},
    {SLR_OP_POOL, "mean of the map", {2, 16, 16, 1024, SLR_POOL_MEAN, 16, 16, 1, 0, 0, 0, 0}},
    {SLR_OP_SCALE_SHIFT, "DenseNet", {1, 784, 480, 1}},
    {SLR_OP_PICK, "class token", {4, 257, 1024}},
    {SLR_OP_MSE, "latents", {2, 28, 28, 4}},
};
const int op_large_case_count = sizeof op_large_cases / sizeof *op_large_cases;

/* A graph input, ready for the op. */
static slr_tid input(op_run *run, bool differentiable, int dims, const int64_t *shape)
{
    int k = run->inputs++;
    char name[16];
    snprintf(name, sizeof name, "input%d", k);
    slr_tid x = slr_graph_input(run->graph, name, dims, shape);
    run->in[k] = x;
    run->differentiable[k] = differentiable;
    if (!differentiable)
        return x;
    slr_graph_want_gradient(run->graph, x);
    if (run->setting == OP_ACCUMULATE)
        slr_graph_seed(run->graph, x);
    return run->setting == OP_INNER ? slr_graph_activation(run->graph, x, SLR_ACT_GELU, name) : x;
}

/* Uniform noise of the given mean and standard deviation: plain arithmetic, since there is much of it. */
static void fill(slr_real *values, int64_t count, uint32_t item, double mean, double spread)
{
    uint64_t state = item + 1;
    for (int64_t i = 0; i < count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        double uniform = (double)(state >> 40) * 0x1p-24 - 0.5;
        values[i] = (slr_real)(mean + spread * uniform * 3.4641016151377544);
    }
}

static slr_real *random_values(int64_t count, uint32_t item, double mean, double spread)
{
    slr_real *values = slr_alloc((size_t)count, sizeof *values);
    assert_non_null(values);
    fill(values, count, item, mean, spread);
    return values;
}

static void make_slot(op_run *run)
{
    const int64_t *p = run->what->p;
    int rows = (int)(p[4] + p[5]), capacity = (rows + 7) / 8 * 8;
    slr_slot *slot = &run->slot;
    *slot = (slr_slot){.in = p[2], .out = p[3], .rank = (int)p[4], .probes = (int)p[5], .capacity = capacity,
                       .scale = 1.7, .trainable = true, .samples = p[6]};
    run->a = random_values(capacity * slot->in, 20, 0, 0.5);
    run->bt = random_values(capacity * slot->out, 21, 0, 0.5);
    slot->a = run->a;
    slot->bt = run->bt;
    slot->ga = random_values(capacity * slot->in, 22, 0, 1);
    slot->gbt = random_values(capacity * slot->out, 23, 0, 1);
    run->look = random_values(slot->out, 24, 0, 0.5);
    slot->look = slot->probes ? run->look : NULL;
    slot->look_ga = random_values(slot->in, 25, 0, 1);
    slot->sample_energy = slot->samples ? run->sample_energy : NULL;
    memset(run->bt + slot->rank * slot->out, 0, (size_t)((capacity - slot->rank) * slot->out) * sizeof(slr_real));
}

static slr_tid record(op_run *run)
{
    const int64_t *p = run->what->p;
    slr_graph *g = run->graph;
    slr_tid x, y, z;
    switch (run->what->kind) {
    case SLR_OP_CONV2D:
        x = input(run, true, 4, p);
        return slr_graph_conv2d_window(g, x, "op", p[4],
                                       (slr_map_window){(int)p[5], (int)(p[11] ? p[11] : p[5]), (int)p[6],
                                                    {(int)p[7], (int)p[8], (int)p[9], (int)p[10]}});
    case SLR_OP_LINEAR:
        return slr_graph_linear(g, input(run, true, 3, p), "op", p[3], p[4] != 0);
    case SLR_OP_LOW_RANK:
        make_slot(run);
        x = input(run, true, 3, (int64_t[]){p[0], p[1], p[3]});
        y = input(run, true, 3, p);
        return slr_graph_low_rank(g, x, y, &run->slot, "op");
    case SLR_OP_GROUP_NORM:
        return slr_graph_group_norm(g, input(run, true, 4, p), "op", (int)p[4], 1e-5, p[5] != 0);
    case SLR_OP_LAYER_NORM:
        return slr_graph_layer_norm(g, input(run, true, 3, p), "op", 1e-5);
    case SLR_OP_ACTIVATION:
        return slr_graph_activation(g, input(run, true, 3, p), (slr_activation)p[3], "op");
    case SLR_OP_GEGLU:
        return slr_graph_geglu(g, input(run, true, 3, (int64_t[]){p[0], p[1], 2 * p[2]}), "op");
    case SLR_OP_ATTENTION:
        x = input(run, true, 3, (int64_t[]){p[0], p[1], p[3]});
        y = input(run, true, 3, (int64_t[]){p[0], p[2], p[3]});
        z = input(run, true, 3, (int64_t[]){p[0], p[2], p[3]});
        return slr_graph_attention(g, x, y, z, (int)p[4], p[5] != 0, "op");
    case SLR_OP_ADD:
        x = input(run, true, 3, p);
        return slr_graph_add(g, x, input(run, true, 3, p), "op");
    case SLR_OP_ADD_CHANNEL:
        x = input(run, true, 4, p);
        return slr_graph_add_channel(g, x, input(run, true, 2, (int64_t[]){p[0], p[3]}), "op");
    case SLR_OP_CONCAT:
        x = input(run, true, 4, p);
        return slr_graph_concat(g, x, input(run, true, 4, (int64_t[]){p[0], p[1], p[2], p[4]}), "op");
    case SLR_OP_UPSAMPLE:
        return slr_graph_upsample(g, input(run, true, 4, p), p[4], p[5], "op");
    case SLR_OP_EMBEDDING:
        x = input(run, false, 2, p);
        return slr_graph_embedding(g, x, "op", p[2], "position", p[1] + 2, p[3]);
    case SLR_OP_TIMESTEP:
        return slr_graph_timestep(g, input(run, false, 1, p), p[1], p[2] != 0, (double)p[3], "op");
    case SLR_OP_POOL:
        return slr_graph_pool(g, input(run, false, 4, p), (slr_pooling)p[4],
                              (slr_map_window){(int)p[5], (int)p[6], (int)p[7],
                                           {(int)p[8], (int)p[9], (int)p[10], (int)p[11]}},
                              "op");
    case SLR_OP_SCALE_SHIFT:
        return slr_graph_scale_shift(g, input(run, false, 3, p), "op", p[3] != 0);
    case SLR_OP_PICK:
        x = input(run, false, 3, p);
        return slr_graph_pick(g, x, input(run, false, 1, p), "op");
    case SLR_OP_MSE:
        x = input(run, true, 4, p);
        y = input(run, false, 4, p);
        return slr_graph_mse(g, x, y, input(run, false, 1, p), "op");
    default:
        fail_msg("op %d has no builder in op_cases.c", (int)run->what->kind);
        return -1;
    }
}

static void fill_weights(op_run *run)
{
    for (int i = 0; i < slr_graph_weight_count(run->graph); i++) {
        const slr_weight_spec *spec = slr_graph_weight(run->graph, i);
        int64_t count = slr_weight_elements(spec);
        double fan_in = (double)count / (double)spec->shape[0];
        bool norm_scale = spec->kind == SLR_WEIGHT_VECTOR && strcmp(spec->name, "op.weight") == 0;
        slr_real *values = random_values(count, 30 + (uint32_t)i, norm_scale ? 1 : 0,
                                         spec->kind == SLR_WEIGHT_VECTOR ? 0.3 : 1 / sqrt(fan_in));
        assert_int_equal(slr_weight_store_add_values(run->store, spec, values, NULL), SELORA_OK);
        free(values);
    }
}

static void fill_inputs(op_run *run)
{
    for (int k = 0; k < run->inputs; k++) {
        run->value[k] = slr_plan_value(run->plan, run->in[k]);
        run->count[k] = slr_tensor_elements(slr_graph_tensor(run->graph, run->in[k]));
        assert_non_null(run->value[k]);
        bool norm = run->what->kind == SLR_OP_GROUP_NORM || run->what->kind == SLR_OP_LAYER_NORM;
        fill(run->value[k], run->count[k], (uint32_t)k, norm ? 4 : 0.2, 1); /* norms: a mean that dwarfs the spread */
        for (int64_t e = 0; run->what->kind == SLR_OP_EMBEDDING && e < run->count[k]; e++)
            run->value[k][e] = (slr_real)(e * 7 % run->what->p[2]);
        for (int64_t e = 0; run->what->kind == SLR_OP_TIMESTEP && e < run->count[k]; e++)
            run->value[k][e] = (slr_real)(e * 333 + 1);
        for (int64_t e = 0; run->what->kind == SLR_OP_PICK && k == 1 && e < run->count[k]; e++)
            run->value[k][e] = (slr_real)((e * 3 + 1) % run->what->p[1]);
        run->seed[k] = random_values(run->count[k], 10 + (uint32_t)k, 0, 1);
    }
    run->out_count = slr_tensor_elements(slr_graph_tensor(run->graph, run->out));
    run->out_seed = random_values(run->out_count, 15, 0, 1);
}

/* Each setting holds its weights in another type, so that all are met. */
static const slr_weight_policy policies[] = {SLR_WEIGHTS_KEEP, SLR_WEIGHTS_F16, SLR_WEIGHTS_BF16};

void op_run_open(op_run *run, const op_case *what, op_setting setting, const slr_backend *backend,
                 int threads)
{
    slr_error err = {0};
    memset(run, 0, sizeof *run);
    run->what = what;
    run->setting = setting;
    run->graph = slr_graph_new();
    run->store = slr_weight_store_new(policies[setting % 3]);
    assert_non_null(run->graph);
    assert_non_null(run->store);
    run->out = record(run);
    slr_graph_output(run->graph, run->out);
    bool backward = run->differentiable[0];
    if (backward)
        slr_graph_seed(run->graph, run->out);
    if (slr_graph_failed(run->graph, &err))
        fail_msg("%s: %s", what->label, err.message);
    fill_weights(run);
    slr_plan_options options = {.backward = backward, .threads = threads};
    if (slr_plan_new(run->graph, backend, &options, &run->plan, &err) != SELORA_OK ||
        slr_plan_allocate(run->plan, run->store, &err) != SELORA_OK)
        fail_msg("%s: %s", what->label, err.message);
    fill_inputs(run);
}

void op_run_close(op_run *run)
{
    slr_plan_free(run->plan);
    slr_graph_free(run->graph);
    slr_weight_store_free(run->store);
    for (int k = 0; k < run->inputs; k++)
        free(run->seed[k]);
    free(run->out_seed);
    free(run->a);
    free(run->bt);
    free(run->slot.ga);
    free(run->slot.gbt);
    free(run->look);
    free(run->slot.look_ga);
}

const slr_real *op_run_result(const op_run *run)
{
    return slr_plan_value(run->plan, run->out);
}

const slr_real *op_run_gradient(const op_run *run, int input)
{
    return slr_plan_gradient(run->plan, run->in[input]);
}

static double product(const slr_real *a, const slr_real *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

double op_run_loss(op_run *run)
{
    slr_plan_forward(run->plan);
    double loss = product(run->out_seed, op_run_result(run), run->out_count);
    for (int k = 0; k < run->inputs && run->setting == OP_ACCUMULATE; k++)
        if (run->differentiable[k])
            loss += product(run->seed[k], run->value[k], run->count[k]);
    return loss;
}

void op_run_backward(op_run *run)
{
    slr_slot *slot = &run->slot;
    slr_plan_forward(run->plan);
    memcpy(slr_plan_gradient(run->plan, run->out), run->out_seed, (size_t)run->out_count * sizeof(slr_real));
    for (int k = 0; k < run->inputs && run->setting == OP_ACCUMULATE; k++)
        if (run->differentiable[k])
            memcpy(slr_plan_gradient(run->plan, run->in[k]), run->seed[k],
                   (size_t)run->count[k] * sizeof(slr_real));
    if (run->a) {
        memset(slot->ga, 0, (size_t)(slot->capacity * slot->in) * sizeof(slr_real));
        memset(slot->gbt, 0, (size_t)(slot->capacity * slot->out) * sizeof(slr_real));
        memset(slot->look_ga, 0, (size_t)slot->in * sizeof(slr_real));
        memset(run->sample_energy, 0, sizeof run->sample_energy);
    }
    slr_plan_backward(run->plan);
}
