/* SPDX-License-Identifier: MIT */
#include "graph/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "graph/weight_panels.h"

typedef struct entry {
    slr_weight weight; /* weight.spec points to `spec` of the same entry */
    slr_weight_spec spec;
    void *owned;
    uint64_t hash;
} entry;

/* Entries never move (a weight's address is handed out), so each is an allocation of its own. */
struct slr_weight_store {
    entry **slots; /* open addressing, size a power of two */
    size_t size, count, bytes;
    slr_weight_policy policy;
};

static const char *const policy_names[] = {"keep", "auto", "f16", "bf16", "f32", "auto"};

const char *slr_weight_policy_name(slr_weight_policy policy)
{
    return policy_names[policy];
}

bool slr_weight_policy_named(const char *name, slr_weight_policy *policy)
{
    for (int i = 0; i <= SLR_WEIGHTS_F32; i++)
        if (strcmp(name ? name : "auto", policy_names[i]) == 0) {
            *policy = (slr_weight_policy)i;
            return true;
        }
    return false;
}

static uint64_t hash_name(const char *name)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return hash;
}

slr_weight_store *slr_weight_store_new(slr_weight_policy policy)
{
    slr_weight_store *store = slr_alloc(1, sizeof *store);
    if (store) {
        store->policy = policy;
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

static slr_dtype dtype_of(slr_weight_policy policy, const slr_weight_spec *spec, slr_dtype stored)
{
    bool halves = stored == SLR_DTYPE_F16 || stored == SLR_DTYPE_BF16;
    if (sizeof(slr_real) == sizeof(double))
        return SLR_DTYPE_F64;
    if (spec->kind == SLR_WEIGHT_VECTOR || policy == SLR_WEIGHTS_F32)
        return SLR_DTYPE_F32;
    if (policy == SLR_WEIGHTS_F16 || policy == SLR_WEIGHTS_BF16)
        return policy == SLR_WEIGHTS_F16 ? SLR_DTYPE_F16 : SLR_DTYPE_BF16;
    if (halves || policy == SLR_WEIGHTS_KEEP)
        return halves ? stored : SLR_DTYPE_F32;
    return policy == SLR_WEIGHTS_AUTO_BF16 && spec->kind != SLR_WEIGHT_TABLE ? SLR_DTYPE_BF16 : SLR_DTYPE_F16;
}

size_t slr_weight_store_needs(const slr_weight_store *store, const slr_weight_spec *spec, slr_dtype stored)
{
    return slr_weight_layout_count(spec) * slr_dtype_bytes(dtype_of(store->policy, spec, stored));
}

static selora_status fail_finite(const slr_weight_spec *spec, const slr_stored_tensor *tensor, slr_error *err)
{
    slr_real value = 0;
    int64_t i = 0;
    while (i < slr_stored_count(tensor) && slr_stored_to_real(tensor, i, 1, &value) && isfinite(value))
        i++;
    return slr_fail(err, SELORA_BAD_INPUT, "%s: the weight is not finite (element %lld is %g)", spec->name,
                    (long long)i, (double)value);
}

/* Converts into memory of its own, in `dtype` or, where a value is too large for it, in F32. */
static selora_status convert(entry *item, const slr_stored_tensor *tensor, slr_dtype dtype, slr_error *err)
{
    size_t count = slr_weight_layout_count(&item->spec);
    slr_weight_range range;
    item->owned = slr_alloc_aligned(count, slr_dtype_bytes(dtype));
    if (!item->owned)
        return slr_fail_memory(err, count * slr_dtype_bytes(dtype), item->spec.name);
    if (!slr_weight_convert(&item->spec, tensor, dtype, item->owned, &range))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: stored as %s, expected F32, F16, BF16 or F64", item->spec.name,
                        slr_dtype_name(tensor->dtype));
    if (!range.finite)
        return fail_finite(&item->spec, tensor, err);
    if (!range.fits) {
        free(item->owned);
        return convert(item, tensor, SLR_DTYPE_F32, err);
    }
    bool vector = item->spec.kind == SLR_WEIGHT_VECTOR;
    item->weight.dtype = dtype;
    item->weight.depth = slr_weight_size_of(&item->spec).depth;
    item->weight.data = vector ? NULL : item->owned;
    item->weight.values = vector ? item->owned : NULL;
    return SELORA_OK;
}

selora_status slr_weight_store_add(slr_weight_store *store, const slr_weight_spec *spec,
                                   const slr_stored_tensor *tensor, slr_error *err)
{
    int64_t count = slr_weight_elements(spec);
    if (slr_stored_count(tensor) != count)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %lld values stored, %lld expected", spec->name,
                        (long long)slr_stored_count(tensor), (long long)count);
    entry *item = NULL;
    SLR_TRY(add_entry(store, spec, &item, err));
    SLR_TRY(convert(item, tensor, dtype_of(store->policy, spec, tensor->dtype), err));
    store->bytes += slr_weight_layout_count(spec) * slr_dtype_bytes(item->weight.dtype);
    return SELORA_OK;
}

selora_status slr_weight_store_add_values(slr_weight_store *store, const slr_weight_spec *spec,
                                          const slr_real *values, slr_error *err)
{
    slr_stored_tensor tensor = {.name = spec->name, .dims = spec->dims, .data = values,
                                .dtype = sizeof(slr_real) == sizeof(double) ? SLR_DTYPE_F64 : SLR_DTYPE_F32};
    memcpy(tensor.shape, spec->shape, (size_t)spec->dims * sizeof *spec->shape);
    return slr_weight_store_add(store, spec, &tensor, err);
}

selora_status slr_weight_store_replace(slr_weight_store *store, const char *name, const slr_real *values,
                                       slr_dtype stored, slr_error *err)
{
    entry *item = *place_of(store->slots, store->size, name, hash_name(name));
    if (!item)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: no such weight", name);
    slr_stored_tensor tensor = {.name = name, .dims = item->spec.dims, .data = values,
                                .dtype = sizeof(slr_real) == sizeof(double) ? SLR_DTYPE_F64 : SLR_DTYPE_F32};
    memcpy(tensor.shape, item->spec.shape, (size_t)item->spec.dims * sizeof *item->spec.shape);
    entry before = *item;
    selora_status status = convert(item, &tensor, dtype_of(store->policy, &item->spec, stored), err);
    if (status != SELORA_OK) {
        free(item->owned);
        *item = before;
        return status;
    }
    size_t elements = slr_weight_layout_count(&item->spec);
    store->bytes += elements * slr_dtype_bytes(item->weight.dtype);
    store->bytes -= elements * slr_dtype_bytes(before.weight.dtype);
    free(before.owned);
    return SELORA_OK;
}

const slr_weight *slr_weight_store_find(const slr_weight_store *store, const char *name)
{
    entry *item = *place_of(store->slots, store->size, name, hash_name(name));
    return item ? &item->weight : NULL;
}

slr_weight_policy slr_weight_store_policy(const slr_weight_store *store)
{
    return store->policy;
}

size_t slr_weight_store_count(const slr_weight_store *store)
{
    return store->count;
}

size_t slr_weight_store_bytes(const slr_weight_store *store)
{
    return store->bytes;
}
