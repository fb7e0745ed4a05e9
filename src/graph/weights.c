/* SPDX-License-Identifier: MIT */
#include "graph/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

typedef struct entry {
    slr_weight weight; /* weight.spec points to `spec` of the same entry */
    slr_weight_spec spec;
    slr_real *owned; /* NULL when the values lie in a mapped file */
    uint64_t hash;
} entry;

/* Entries never move (a weight's address is handed out), so each is an allocation of its own. */
struct slr_weight_store {
    entry **slots; /* open addressing, size a power of two */
    size_t size, count, bytes;
};

static uint64_t hash_name(const char *name)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return hash;
}

slr_weight_store *slr_weight_store_new(void)
{
    slr_weight_store *store = slr_alloc(1, sizeof *store);
    if (store) {
        store->size = 1024;
        store->slots = slr_alloc(store->size, sizeof(entry *));
        if (!store->slots) {
            free(store);
            return NULL;
        }
    }
    return store;
}

static void entry_free(entry *item)
{
    if (!item)
        return;
    free(item->spec.name);
    free(item->owned);
    free(item);
}

void slr_weight_store_free(slr_weight_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < store->size; i++)
        entry_free(store->slots[i]);
    free(store->slots);
    free(store);
}

static entry **place_of(entry **slots, size_t size, const char *name, uint64_t hash)
{
    size_t i = (size_t)hash & (size - 1);
    while (slots[i] && (slots[i]->hash != hash || strcmp(slots[i]->spec.name, name) != 0))
        i = (i + 1) & (size - 1);
    return &slots[i];
}

static bool grow_table(slr_weight_store *store)
{
    entry **slots = slr_alloc(store->size * 2, sizeof(entry *));
    if (!slots)
        return false;
    for (size_t i = 0; i < store->size; i++)
        if (store->slots[i])
            *place_of(slots, store->size * 2, store->slots[i]->spec.name, store->slots[i]->hash) =
                store->slots[i];
    free(store->slots);
    store->slots = slots;
    store->size *= 2;
    return true;
}

/* Makes the entry without values; refuses a second one of the same name. */
static selora_status add_entry(slr_weight_store *store, const slr_weight_spec *spec, entry **added,
                               slr_error *err)
{
    if (store->count * 2 >= store->size && !grow_table(store))
        return slr_fail_memory(err, store->size * 2 * sizeof(entry *), "the weight table");
    uint64_t hash = hash_name(spec->name);
    entry **place = place_of(store->slots, store->size, spec->name, hash);
    if (*place)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the weight is given twice", spec->name);
    entry *item = slr_alloc(1, sizeof *item);
    char *name = slr_copy_text(spec->name);
    if (!item || !name) {
        free(item);
        free(name);
        return slr_fail_memory(err, sizeof *item, "a weight");
    }
    item->spec = *spec;
    item->spec.name = name;
    item->hash = hash;
    item->weight.spec = &item->spec;
    *place = item;
    store->count++;
    *added = item;
    return SELORA_OK;
}

static bool is_spatial_conv(const slr_weight_spec *spec)
{
    return spec->kind == SLR_WEIGHT_CONV && spec->shape[2] * spec->shape[3] > 1;
}

void slr_conv_weight_pack(const slr_weight_spec *spec, const slr_real *file_order, slr_real *packed)
{
    int64_t in = spec->shape[1], taps = spec->shape[2] * spec->shape[3];
    for (int64_t o = 0; o < spec->shape[0]; o++)
        for (int64_t c = 0; c < in; c++)
            for (int64_t t = 0; t < taps; t++)
                packed[(o * taps + t) * in + c] = file_order[(o * in + c) * taps + t];
}

static selora_status check_finite(const slr_weight_spec *spec, const slr_real *values, slr_error *err)
{
    int64_t count = slr_weight_elements(spec);
    slr_real sum = 0; /* 0 * x is NaN exactly when x is not finite */
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++)
        sum += values[i] * 0;
    if (sum == 0)
        return SELORA_OK;
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return slr_fail(err, SELORA_BAD_INPUT, "%s: the weight is not finite (element %lld is %g)", spec->name,
                            (long long)i, (double)values[i]);
    return SELORA_OK;
}

/* Takes over `values` (file order, heap) and brings them into the engine's layout. */
static selora_status adopt(slr_weight_store *store, entry *item, slr_real *values, slr_error *err)
{
    size_t count = (size_t)slr_weight_elements(&item->spec);
    item->owned = values;
    store->bytes += count * sizeof(slr_real);
    item->weight.values = values;
    SLR_TRY(check_finite(&item->spec, values, err));
    if (!is_spatial_conv(&item->spec))
        return SELORA_OK;
    slr_real *packed = slr_alloc_aligned(count, sizeof(slr_real));
    if (!packed)
        return slr_fail_memory(err, count * sizeof(slr_real), item->spec.name);
    slr_conv_weight_pack(&item->spec, values, packed);
    free(values);
    item->owned = packed;
    item->weight.values = packed;
    return SELORA_OK;
}

/* The mapped file itself serves. */
static bool fits_in_place(const slr_weight_spec *spec, const slr_stored_tensor *tensor)
{
    return sizeof(slr_real) == sizeof(float) && tensor->dtype == SLR_DTYPE_F32 && !is_spatial_conv(spec) &&
           (uintptr_t)tensor->data % sizeof(float) == 0;
}

size_t slr_weight_store_needs(const slr_weight_spec *spec, const slr_stored_tensor *tensor)
{
    return fits_in_place(spec, tensor) ? 0 : (size_t)slr_stored_count(tensor) * sizeof(slr_real);
}

selora_status slr_weight_store_add(slr_weight_store *store, const slr_weight_spec *spec,
                                   const slr_stored_tensor *tensor, slr_error *err)
{
    int64_t count = slr_weight_elements(spec);
    if (slr_stored_count(tensor) != count)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %lld values stored, %lld expected", spec->name,
                        (long long)slr_stored_count(tensor), (long long)count);
    entry *item;
    SLR_TRY(add_entry(store, spec, &item, err));
    if (fits_in_place(spec, tensor)) {
        item->weight.values = tensor->data;
        return check_finite(spec, item->weight.values, err);
    }
    slr_real *values = slr_alloc_aligned((size_t)count, sizeof(slr_real));
    if (!values)
        return slr_fail_memory(err, (size_t)count * sizeof(slr_real), spec->name);
    if (!slr_stored_to_real(tensor, 0, count, values)) {
        free(values);
        return slr_fail(err, SELORA_BAD_INPUT, "%s: stored as %s, expected F32, F16, BF16 or F64", spec->name,
                        slr_dtype_name(tensor->dtype));
    }
    return adopt(store, item, values, err);
}

selora_status slr_weight_store_add_values(slr_weight_store *store, const slr_weight_spec *spec,
                                          const slr_real *values, slr_error *err)
{
    size_t count = (size_t)slr_weight_elements(spec);
    entry *item;
    SLR_TRY(add_entry(store, spec, &item, err));
    slr_real *copy = slr_alloc_aligned(count, sizeof(slr_real));
    if (!copy)
        return slr_fail_memory(err, count * sizeof(slr_real), spec->name);
    memcpy(copy, values, count * sizeof(slr_real));
    return adopt(store, item, copy, err);
}

selora_status slr_weight_store_take_values(slr_weight_store *store, const slr_weight_spec *spec,
                                           slr_real *values, slr_error *err)
{
    entry *item;
    selora_status status = add_entry(store, spec, &item, err);
    if (status != SELORA_OK) {
        free(values);
        return status;
    }
    return adopt(store, item, values, err);
}

const slr_weight *slr_weight_store_find(const slr_weight_store *store, const char *name)
{
    entry *item = *place_of(store->slots, store->size, name, hash_name(name));
    return item ? &item->weight : NULL;
}

size_t slr_weight_store_count(const slr_weight_store *store)
{
    return store->count;
}

size_t slr_weight_store_bytes(const slr_weight_store *store)
{
    return store->bytes;
}
