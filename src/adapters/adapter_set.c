/* SPDX-License-Identifier: MIT */
#include "adapters/adapter_set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"

enum {
    BLOCKS = 4, /* parameters, gradients, m, v */
    ROW_ALIGNMENT = 8,
    LINE = 64 / sizeof(slr_real)
};

struct slr_adapter_set {
    slr_adapter_options options;
    slr_adapter **adapters;
    size_t count, capacity;
    bool *given; /* per adapter: values come from a file */
    size_t given_capacity;
    slr_real *blocks[BLOCKS];
    int64_t *ages;
    size_t elements; /* of one block */
    bool finished;
};

/* Rows that hold `rank` components and the candidates beside them. */
static int capacity_for(const slr_adapter_set *set, int rank)
{
    int rows = rank + set->options.probes;
    return rows < 1 ? ROW_ALIGNMENT : (rows + ROW_ALIGNMENT - 1) / ROW_ALIGNMENT * ROW_ALIGNMENT;
}

/* Matrices start on cache lines wherever their block lies: kernels then see the same alignment, and
 * give the same bits, before and after the memory moves. */
static size_t padded(size_t elements)
{
    return (elements + LINE - 1) / LINE * LINE;
}

/* A stream of its own for each layer, whatever the order of adding: FNV-1a of its path. */
static uint32_t stream_item(const char *path)
{
    uint32_t hash = 2166136261u;
    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * 16777619u;
    return hash;
}

selora_status slr_adapter_set_new(const slr_adapter_options *options, slr_adapter_set **result,
                                  slr_error *err)
{
    *result = NULL;
    if (options->rank < 0 || options->rank > 4096 || options->probes < 0 || options->probes > 64 ||
        !isfinite(options->scale))
        return slr_fail(err, SELORA_USAGE,
                        "adapter: rank %d, probe rows %d, scale %g are not possible", options->rank,
                        options->probes, options->scale);
    slr_adapter_set *set = slr_alloc(1, sizeof *set);
    if (!set)
        return slr_fail_memory(err, sizeof *set, "the adapter");
    set->options = *options;
    *result = set;
    return SELORA_OK;
}

void slr_adapter_set_free(slr_adapter_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->count; i++) {
        free(set->adapters[i]->path);
        free(set->adapters[i]);
    }
    for (int b = 0; b < BLOCKS; b++)
        free(set->blocks[b]);
    free(set->ages);
    free(set->adapters);
    free(set->given);
    free(set);
}

static selora_status add(slr_adapter_set *set, const char *path, int64_t in, int64_t out, int rank,
                         double scale, bool given, slr_error *err)
{
    if (set->finished)
        return slr_fail(err, SELORA_USAGE, "%s: layers cannot be added to a finished adapter",
                        path);
    if (in < 1 || out < 1 || rank < 0 || rank > 1 << 16 || !isfinite(scale))
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: impossible adapter (%lld -> %lld, rank %d, scale %g)", path,
                        (long long)in, (long long)out, rank, scale);
    if (slr_adapter_set_find(set, path))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: adapted twice", path);
    slr_adapter *adapter = slr_alloc(1, sizeof *adapter);
    char *copy = slr_copy_text(path);
    if (!adapter || !copy ||
        !slr_grow((void **)&set->adapters, &set->capacity, set->count, sizeof *set->adapters) ||
        !slr_grow((void **)&set->given, &set->given_capacity, set->count, sizeof *set->given)) {
        free(adapter);
        free(copy);
        return slr_fail_memory(err, sizeof *adapter, path);
    }
    adapter->path = copy;
    adapter->index = (int)set->count;
    adapter->strength = 1;
    adapter->own_scale = scale;
    adapter->slot = (slr_slot){.in = in,
                               .out = out,
                               .rank = rank,
                               .probes = set->options.probes,
                               .capacity = capacity_for(set, rank),
                               .scale = scale,
                               .trainable = true};
    adapter->born = rank;
    set->given[set->count] = given;
    set->adapters[set->count++] = adapter;
    return SELORA_OK;
}

selora_status slr_adapter_set_add(slr_adapter_set *set, const char *path, int64_t in, int64_t out,
                                  slr_error *err)
{
    return slr_adapter_set_add_ranked(set, path, in, out, set->options.rank, err);
}

selora_status slr_adapter_set_add_ranked(slr_adapter_set *set, const char *path, int64_t in, int64_t out,
                                         int rank, slr_error *err)
{
    return add(set, path, in, out, rank, slr_adapter_scale_at(set, rank), false, err);
}

selora_status slr_adapter_set_add_given(slr_adapter_set *set, const char *path, int64_t in,
                                        int64_t out, int rank, double scale, slr_error *err)
{
    return add(set, path, in, out, rank, scale, true, err);
}

void slr_adapter_set_remove(slr_adapter_set *set, int index)
{
    free(set->adapters[index]->path);
    free(set->adapters[index]);
    set->count--;
    for (size_t i = (size_t)index; i < set->count; i++) {
        set->adapters[i] = set->adapters[i + 1];
        set->adapters[i]->index = (int)i;
        set->given[i] = set->given[i + 1];
    }
}

/* Points every adapter into the blocks; capacities must be final. */
static void lay_out(slr_adapter_set *set, slr_real *const blocks[BLOCKS], int64_t *ages)
{
    size_t at = 0, age = 0;
    for (size_t i = 0; i < set->count; i++) {
        slr_adapter *adapter = set->adapters[i];
        slr_slot *slot = &adapter->slot;
        size_t rows = (size_t)slot->capacity;
        size_t a = padded(rows * (size_t)slot->in), bt = padded(rows * (size_t)slot->out);
        adapter->a = blocks[0] + at;
        adapter->bt = adapter->a + a;
        slot->a = adapter->a;
        slot->bt = adapter->bt;
        slot->ga = blocks[1] + at;
        slot->gbt = slot->ga + a;
        adapter->m_a = blocks[2] + at;
        adapter->m_bt = adapter->m_a + a;
        adapter->v_a = blocks[3] + at;
        adapter->v_bt = adapter->v_a + a;
        adapter->age_a = ages + age;
        adapter->age_bt = ages + age + rows;
        at += a + bt;
        age += 2 * rows;
    }
}

static selora_status allocate(slr_adapter_set *set, slr_real *blocks[BLOCKS], int64_t **ages,
                              slr_error *err)
{
    size_t elements = 0, rows = 0;
    for (size_t i = 0; i < set->count; i++) {
        const slr_slot *slot = &set->adapters[i]->slot;
        size_t a, bt;
        if (!slr_mul_size((size_t)slot->capacity, (size_t)slot->in, &a) || a > SIZE_MAX / 4 ||
            !slr_mul_size((size_t)slot->capacity, (size_t)slot->out, &bt) || bt > SIZE_MAX / 4 ||
            !slr_add_size(elements, padded(a) + padded(bt), &elements) ||
            elements > SIZE_MAX / 2 / sizeof(slr_real))
            return slr_fail(err, SELORA_BAD_INPUT, "the adapter is impossibly large");
        rows += 2 * (size_t)slot->capacity;
    }
    bool ok = true;
    for (int b = 0; b < BLOCKS; b++) {
        blocks[b] = slr_alloc_aligned(elements, sizeof(slr_real));
        ok = ok && blocks[b];
        if (blocks[b])
            memset(blocks[b], 0, elements * sizeof(slr_real));
    }
    *ages = slr_alloc(rows, sizeof **ages);
    if (!ok || !*ages) {
        for (int b = 0; b < BLOCKS; b++) {
            free(blocks[b]);
            blocks[b] = NULL;
        }
        free(*ages);
        *ages = NULL;
        return slr_fail_memory(err, BLOCKS * elements * sizeof(slr_real), "the adapter");
    }
    set->elements = elements;
    return SELORA_OK;
}

static double bound(slr_adapter_init init, int64_t in)
{
    return init == SLR_INIT_LORA ? 1.0 / sqrt((double)in) : sqrt(6.0 / (double)in);
}

static void fill_uniform(slr_rng *rng, slr_real *row, int64_t count, double limit)
{
    for (int64_t i = 0; i < count; i++)
        row[i] = (slr_real)(limit * (2 * slr_rng_uniform(rng) - 1));
}

selora_status slr_adapter_set_finish(slr_adapter_set *set, slr_error *err)
{
    SLR_TRY(allocate(set, set->blocks, &set->ages, err));
    lay_out(set, set->blocks, set->ages);
    set->finished = true;
    for (size_t i = 0; i < set->count; i++) {
        slr_adapter *adapter = set->adapters[i];
        double limit = bound(set->options.init, adapter->slot.in);
        for (int row = 0; !set->given[i] && row < adapter->slot.rank; row++) {
            slr_rng rng = slr_rng_at(set->options.seed, SLR_STREAM_ADAPTER_INIT, (uint32_t)row,
                                     stream_item(adapter->path));
            fill_uniform(&rng, adapter->a + row * adapter->slot.in, adapter->slot.in, limit);
        }
    }
    return SELORA_OK;
}

slr_slot *slr_adapter_set_find(slr_adapter_set *set, const char *path)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->adapters[i]->path, path) == 0)
            return &set->adapters[i]->slot;
    return NULL;
}

int slr_adapter_set_count(const slr_adapter_set *set)
{
    return (int)set->count;
}

slr_adapter *slr_adapter_set_at(const slr_adapter_set *set, int index)
{
    return set->adapters[index];
}

const slr_adapter_options *slr_adapter_set_options(const slr_adapter_set *set)
{
    return &set->options;
}

int64_t slr_adapter_set_parameters(const slr_adapter_set *set)
{
    int64_t total = 0;
    for (size_t i = 0; i < set->count; i++) {
        const slr_slot *slot = &set->adapters[i]->slot;
        total += slot->rank * (slot->in + slot->out);
    }
    return total;
}

size_t slr_adapter_set_bytes(const slr_adapter_set *set)
{
    return BLOCKS * set->elements * sizeof(slr_real);
}

void slr_adapter_set_zero_gradients(slr_adapter_set *set)
{
    memset(set->blocks[1], 0, set->elements * sizeof(slr_real));
}

static double energy(const slr_real *values, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    return sum;
}

double slr_adapter_gradient_energy(const slr_adapter *adapter)
{
    const slr_slot *slot = &adapter->slot;
    return energy(slot->ga, slot->rank * slot->in) + energy(slot->gbt, slot->rank * slot->out);
}

double slr_adapter_probe_energy(const slr_adapter *adapter, int j)
{
    const slr_slot *slot = &adapter->slot;
    return energy(slot->gbt + (slot->rank + j) * slot->out, slot->out);
}

double slr_adapter_set_gradient_norm(const slr_adapter_set *set)
{
    double sum = 0;
    for (size_t i = 0; i < set->count; i++)
        if (set->adapters[i]->slot.trainable)
            sum += slr_adapter_gradient_energy(set->adapters[i]);
    return sqrt(sum);
}

const slr_adapter *slr_adapter_set_nonfinite(const slr_adapter_set *set, bool gradients)
{
    for (size_t i = 0; i < set->count; i++) {
        const slr_adapter *adapter = set->adapters[i];
        const slr_slot *slot = &adapter->slot;
        if (gradients && !slot->trainable)
            continue;
        double sum = gradients ? slr_adapter_gradient_energy(adapter)
                               : energy(slot->a, slot->rank * slot->in) +
                                     energy(slot->bt, slot->rank * slot->out);
        if (!isfinite(sum))
            return adapter;
    }
    return NULL;
}

double slr_adapter_scale_at(const slr_adapter_set *set, int rank)
{
    double r = rank > 0 ? rank : 1;
    switch (set->options.scale_mode) {
    case SLR_SCALE_ALPHA_OVER_R: return set->options.scale / r;
    case SLR_SCALE_RSLORA: return set->options.scale / sqrt(r);
    default: return set->options.scale;
    }
}

void slr_adapter_set_scale(slr_adapter *adapter, double scale, bool compensate)
{
    double ratio = adapter->own_scale / scale;
    int64_t count = adapter->slot.rank * adapter->slot.out;
    for (int64_t i = 0; compensate && ratio != 1 && i < count; i++) {
        adapter->bt[i] = (slr_real)((double)adapter->bt[i] * ratio);
        adapter->m_bt[i] = (slr_real)((double)adapter->m_bt[i] / ratio);
        adapter->v_bt[i] = (slr_real)((double)adapter->v_bt[i] / (ratio * ratio));
    }
    adapter->own_scale = scale;
    adapter->slot.scale = scale * adapter->strength;
}

static bool in_component(const slr_adapter *adapter, const char *component)
{
    size_t length = component ? strlen(component) : 0;
    return !component ||
           (strncmp(adapter->path, component, length) == 0 && adapter->path[length] == '.');
}

void slr_adapter_set_strength(slr_adapter_set *set, const char *component, double strength)
{
    for (size_t i = 0; i < set->count; i++)
        if (in_component(set->adapters[i], component)) {
            set->adapters[i]->strength = strength;
            set->adapters[i]->slot.scale = set->adapters[i]->own_scale * strength;
        }
}

void slr_adapter_set_trainable(slr_adapter_set *set, const char *component, bool trainable)
{
    for (size_t i = 0; i < set->count; i++)
        if (in_component(set->adapters[i], component))
            set->adapters[i]->slot.trainable = trainable;
}

/* What one adapter had before its memory moved. */
static void carry_over(slr_adapter *now, const slr_adapter *before)
{
    size_t rows = (size_t)before->slot.capacity;
    size_t a = rows * (size_t)before->slot.in * sizeof(slr_real);
    size_t bt = rows * (size_t)before->slot.out * sizeof(slr_real);
    memcpy(now->a, before->a, a);
    memcpy(now->bt, before->bt, bt);
    memcpy(now->slot.ga, before->slot.ga, a);
    memcpy(now->slot.gbt, before->slot.gbt, bt);
    memcpy(now->m_a, before->m_a, a);
    memcpy(now->m_bt, before->m_bt, bt);
    memcpy(now->v_a, before->v_a, a);
    memcpy(now->v_bt, before->v_bt, bt);
    memcpy(now->age_a, before->age_a, rows * sizeof *now->age_a);
    memcpy(now->age_bt, before->age_bt, rows * sizeof *now->age_bt);
}

selora_status slr_adapter_set_reserve(slr_adapter_set *set, const int *ranks, bool *moved,
                                      slr_error *err)
{
    *moved = false;
    for (size_t i = 0; i < set->count; i++)
        *moved = *moved || capacity_for(set, ranks[i]) > set->adapters[i]->slot.capacity;
    if (!*moved)
        return SELORA_OK;
    slr_adapter *before = slr_alloc(set->count, sizeof *before);
    if (!before)
        return slr_fail_memory(err, set->count * sizeof *before, "the adapter");
    for (size_t i = 0; i < set->count; i++) {
        slr_slot *slot = &set->adapters[i]->slot;
        before[i] = *set->adapters[i];
        if (capacity_for(set, ranks[i]) > slot->capacity)
            slot->capacity = capacity_for(set, ranks[i]);
    }
    slr_real *blocks[BLOCKS];
    int64_t *ages;
    selora_status status = allocate(set, blocks, &ages, err);
    if (status == SELORA_OK) {
        lay_out(set, blocks, ages);
        for (size_t i = 0; i < set->count; i++)
            carry_over(set->adapters[i], &before[i]);
        for (int b = 0; b < BLOCKS; b++) {
            free(set->blocks[b]);
            set->blocks[b] = blocks[b];
        }
        free(set->ages);
        set->ages = ages;
    } else {
        for (size_t i = 0; i < set->count; i++)
            set->adapters[i]->slot.capacity = before[i].slot.capacity;
        *moved = false;
    }
    free(before);
    return status;
}

void slr_adapter_activate(slr_adapter *adapter)
{
    slr_slot *slot = &adapter->slot;
    int row = slot->rank;
    size_t in = (size_t)slot->in, out = (size_t)slot->out;
    memset(adapter->bt + (size_t)row * out, 0, out * sizeof(slr_real));
    memset(adapter->m_a + (size_t)row * in, 0, in * sizeof(slr_real));
    memset(adapter->v_a + (size_t)row * in, 0, in * sizeof(slr_real));
    memset(adapter->m_bt + (size_t)row * out, 0, out * sizeof(slr_real));
    memset(adapter->v_bt + (size_t)row * out, 0, out * sizeof(slr_real));
    adapter->age_a[row] = adapter->age_bt[row] = 0;
    slot->rank++;
}

void slr_adapter_draw_row(const slr_adapter_set *set, slr_adapter *adapter, int row, uint32_t step,
                          uint32_t draw)
{
    slr_rng rng = slr_rng_at(set->options.seed, SLR_STREAM_PROBE, step,
                             stream_item(adapter->path) + draw * 0x9E3779B9u);
    fill_uniform(&rng, adapter->a + row * adapter->slot.in, adapter->slot.in,
                 bound(set->options.init, adapter->slot.in));
}

void slr_adapter_add_row(const slr_adapter *adapter, int64_t o, double *row)
{
    const slr_slot *slot = &adapter->slot;
    const slr_real *a = slot->a;
    double scale = slot->scale;
    int64_t in = slot->in, out = slot->out;
    int i = 0;
    for (; i + 4 <= slot->rank; i += 4, a += 4 * in) { /* four at once: the row is read and written once for them */
        const slr_real *a1 = a + in, *a2 = a + 2 * in, *a3 = a + 3 * in, *b = slot->bt + i * out + o;
        double b0 = scale * (double)b[0], b1 = scale * (double)b[out], b2 = scale * (double)b[2 * out],
               b3 = scale * (double)b[3 * out];
        for (int64_t k = 0; k < in; k++)
            row[k] = row[k] + b0 * (double)a[k] + b1 * (double)a1[k] + b2 * (double)a2[k] + b3 * (double)a3[k];
    }
    for (; i < slot->rank; i++, a += in) {
        double b = scale * (double)slot->bt[i * out + o];
        for (int64_t k = 0; k < in; k++)
            row[k] += b * (double)a[k];
    }
}
