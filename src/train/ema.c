/* SPDX-License-Identifier: MIT */
#include "train/ema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* The averages of one layer: `rank` rows of A, then in `bt` as many of B transposed. */
typedef struct layer_average {
    int rank, capacity;
    double scale; /* the layer's own scale that B is kept for */
    slr_real *a, *bt;
} layer_average;

struct slr_ema {
    slr_adapter_set *set;
    double decay;
    int layers;
    layer_average *averages;
};

selora_status slr_ema_new(slr_adapter_set *set, double decay, slr_ema **result, slr_error *err)
{
    *result = NULL;
    if (!(decay >= 0 && decay < 1))
        return slr_fail(err, SELORA_USAGE,
                        "ema decay: found %g, expected a number from 0 to below 1", decay);
    slr_ema *ema = slr_alloc(1, sizeof *ema);
    if (!ema)
        return slr_fail_memory(err, sizeof *ema, "the average");
    ema->set = set;
    ema->decay = decay;
    ema->layers = slr_adapter_set_count(set);
    ema->averages = slr_alloc((size_t)ema->layers, sizeof *ema->averages);
    if (!ema->averages) {
        free(ema);
        return slr_fail_memory(err, 0, "the average");
    }
    *result = ema;
    return SELORA_OK;
}

void slr_ema_free(slr_ema *ema)
{
    if (!ema)
        return;
    for (int i = 0; i < ema->layers; i++) {
        free(ema->averages[i].a);
        free(ema->averages[i].bt);
    }
    free(ema->averages);
    free(ema);
}

static selora_status reserve(layer_average *average, const slr_adapter *adapter, int rank,
                             slr_error *err)
{
    const slr_slot *slot = &adapter->slot;
    if (rank <= average->capacity)
        return SELORA_OK;
    size_t in = (size_t)slot->in, out = (size_t)slot->out, rows = (size_t)rank + 7;
    slr_real *a = slr_alloc(rows * in, sizeof *a), *bt = slr_alloc(rows * out, sizeof *bt);
    if (!a || !bt) {
        free(a);
        free(bt);
        return slr_fail_memory(err, rows * (in + out) * sizeof *a, "the average");
    }
    if (average->rank > 0) {
        memcpy(a, average->a, (size_t)average->rank * in * sizeof *a);
        memcpy(bt, average->bt, (size_t)average->rank * out * sizeof *bt);
    }
    free(average->a);
    free(average->bt);
    average->a = a;
    average->bt = bt;
    average->capacity = (int)rows;
    return SELORA_OK;
}

static void blend(slr_real *average, const slr_real *value, int64_t count, double decay)
{
    for (int64_t i = 0; i < count; i++)
        average[i] = (slr_real)(decay * (double)average[i] + (1 - decay) * (double)value[i]);
}

static selora_status update_layer(layer_average *average, const slr_adapter *adapter, double decay,
                                  slr_error *err)
{
    const slr_slot *slot = &adapter->slot;
    SLR_TRY(reserve(average, adapter, slot->rank, err));
    int64_t in = slot->in, out = slot->out;
    double ratio = average->scale / adapter->own_scale;
    for (int64_t i = 0; average->rank > 0 && ratio != 1 && i < average->rank * out; i++)
        average->bt[i] = (slr_real)((double)average->bt[i] * ratio);
    average->scale = adapter->own_scale;
    if (average->rank > slot->rank)
        average->rank = slot->rank;
    blend(average->a, adapter->a, average->rank * in, decay);
    blend(average->bt, adapter->bt, average->rank * out, decay);
    size_t fresh = (size_t)(slot->rank - average->rank);
    if (fresh > 0) {
        memcpy(average->a + average->rank * in, adapter->a + average->rank * in,
               fresh * (size_t)in * sizeof(slr_real));
        memcpy(average->bt + average->rank * out, adapter->bt + average->rank * out,
               fresh * (size_t)out * sizeof(slr_real));
    }
    average->rank = slot->rank;
    return SELORA_OK;
}

selora_status slr_ema_update(slr_ema *ema, int64_t step, slr_error *err)
{
    double decay = fmin(ema->decay, (1 + (double)step) / (10 + (double)step));
    for (int i = 0; i < ema->layers; i++)
        SLR_TRY(update_layer(&ema->averages[i], slr_adapter_set_at(ema->set, i), decay, err));
    return SELORA_OK;
}

static void exchange(slr_real *x, slr_real *y, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        slr_real kept = x[i];
        x[i] = y[i];
        y[i] = kept;
    }
}

void slr_ema_swap(slr_ema *ema)
{
    for (int i = 0; i < ema->layers; i++) {
        layer_average *average = &ema->averages[i];
        slr_adapter *adapter = slr_adapter_set_at(ema->set, i);
        exchange(average->a, adapter->a, average->rank * adapter->slot.in);
        exchange(average->bt, adapter->bt, average->rank * adapter->slot.out);
    }
}

static const char *name_of(const slr_adapter *adapter, const char *suffix, char name[512])
{
    snprintf(name, 512, "ema.%s.%s", adapter->path, suffix);
    return name;
}

selora_status slr_ema_save(const slr_ema *ema, slr_safetensors_writer *writer, slr_error *err)
{
    char name[512];
    for (int i = 0; i < ema->layers; i++) {
        const layer_average *average = &ema->averages[i];
        const slr_adapter *adapter = slr_adapter_set_at(ema->set, i);
        if (average->rank == 0)
            continue;
        SLR_TRY(slr_safetensors_writer_real(writer, name_of(adapter, "a", name), 2,
                                            (int64_t[]){average->rank, adapter->slot.in},
                                            average->a, true, err));
        SLR_TRY(slr_safetensors_writer_real(writer, name_of(adapter, "bt", name), 2,
                                            (int64_t[]){average->rank, adapter->slot.out},
                                            average->bt, true, err));
    }
    return SELORA_OK;
}

static selora_status load_layer(layer_average *average, const slr_adapter *adapter,
                                const slr_safetensors *file, slr_error *err)
{
    char name[512];
    const slr_stored_tensor *parts[2];
    for (int p = 0; p < 2; p++) {
        int64_t width = p ? adapter->slot.out : adapter->slot.in;
        parts[p] = slr_safetensors_find(file, name_of(adapter, p ? "bt" : "a", name));
        if (!parts[p] && p == 0) {
            average->rank = 0;
            return SELORA_OK;
        }
        if (!parts[p] || parts[p]->dims != 2 || parts[p]->shape[0] != adapter->slot.rank ||
            parts[p]->shape[1] != width)
            return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: expected %d x %lld numbers",
                            slr_safetensors_path(file), name, adapter->slot.rank, (long long)width);
    }
    SLR_TRY(reserve(average, adapter, adapter->slot.rank, err));
    average->rank = adapter->slot.rank;
    average->scale = adapter->own_scale;
    if (!slr_stored_to_real(parts[0], 0, slr_stored_count(parts[0]), average->a) ||
        !slr_stored_to_real(parts[1], 0, slr_stored_count(parts[1]), average->bt))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: expected floating-point numbers",
                        slr_safetensors_path(file), name);
    return SELORA_OK;
}

selora_status slr_ema_load(slr_ema *ema, const slr_safetensors *file, slr_error *err)
{
    for (int i = 0; i < ema->layers; i++)
        SLR_TRY(load_layer(&ema->averages[i], slr_adapter_set_at(ema->set, i), file, err));
    return SELORA_OK;
}
