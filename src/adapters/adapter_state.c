/* SPDX-License-Identifier: MIT */
#include "adapters/adapter_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/problems.h"

enum { PARTS = 6, MAX_RANK = 1 << 16 };

/* One matrix of a layer: where its rows lie and how many are stored. */
typedef struct state_part {
    const char *suffix;
    slr_real *rows;
    int64_t count, width;
    bool is_square; /* a second moment: never negative */
} state_part;

static void list_parts(const slr_adapter_set *set, const slr_adapter *adapter, int rank,
                       state_part parts[PARTS])
{
    int64_t in = adapter->slot.in, out = adapter->slot.out;
    int candidates = slr_adapter_set_options(set)->probes;
    parts[0] = (state_part){"a", adapter->a, rank + candidates, in, false};
    parts[1] = (state_part){"bt", adapter->bt, rank, out, false};
    parts[2] = (state_part){"m_a", adapter->m_a, rank, in, false};
    parts[3] = (state_part){"v_a", adapter->v_a, rank, in, true};
    parts[4] = (state_part){"m_bt", adapter->m_bt, rank, out, false};
    parts[5] = (state_part){"v_bt", adapter->v_bt, rank, out, true};
}

static const char *part_name(const slr_adapter *adapter, const char *suffix, char name[512])
{
    snprintf(name, 512, "adapter.%s.%s", adapter->path, suffix);
    return name;
}

static selora_status save_layer(const slr_adapter_set *set, const slr_adapter *adapter,
                                slr_safetensors_writer *writer, slr_error *err)
{
    char name[512];
    state_part parts[PARTS];
    int64_t rank = adapter->slot.rank, one = 1;
    list_parts(set, adapter, (int)rank, parts);
    for (int p = 0; p < PARTS; p++)
        SLR_TRY(slr_safetensors_writer_real(writer, part_name(adapter, parts[p].suffix, name), 2,
                                            (int64_t[]){parts[p].count, parts[p].width},
                                            parts[p].rows, true, err));
    SLR_TRY(slr_safetensors_writer_tensor(writer, part_name(adapter, "age_a", name), SLR_DTYPE_I64,
                                          1, &rank, adapter->age_a, err));
    SLR_TRY(slr_safetensors_writer_tensor(writer, part_name(adapter, "age_bt", name), SLR_DTYPE_I64,
                                          1, &rank, adapter->age_bt, err));
    return slr_safetensors_writer_tensor(writer, part_name(adapter, "scale", name), SLR_DTYPE_F64,
                                         1, &one, &adapter->own_scale, err);
}

selora_status slr_adapter_state_save(const slr_adapter_set *set, slr_safetensors_writer *writer,
                                     slr_error *err)
{
    for (int i = 0; i < slr_adapter_set_count(set); i++)
        SLR_TRY(save_layer(set, slr_adapter_set_at(set, i), writer, err));
    return SELORA_OK;
}

static const slr_stored_tensor *find(const slr_safetensors *file, const slr_adapter *adapter,
                                     const char *suffix, int dims, int64_t rows, int64_t width,
                                     slr_problems *problems)
{
    char name[512];
    const slr_stored_tensor *tensor = slr_safetensors_find(file, part_name(adapter, suffix, name));
    if (!tensor)
        slr_problems_add(problems, "%s: missing", name);
    else if (tensor->dims != dims || tensor->shape[0] != rows ||
             (dims == 2 && tensor->shape[1] != width))
        slr_problems_add(problems, "%s: expected %lld x %lld numbers", name, (long long)rows,
                         (long long)(dims == 2 ? width : 1));
    else
        return tensor;
    return NULL;
}

static bool plausible(const slr_stored_tensor *tensor, bool is_square)
{
    enum { PIECE = 256 };
    double values[PIECE];
    int64_t count = slr_stored_count(tensor);
    for (int64_t at = 0; at < count; at += PIECE) {
        int64_t size = count - at < PIECE ? count - at : PIECE;
        if (!slr_stored_to_f64(tensor, at, size, values))
            return false;
        for (int64_t i = 0; i < size; i++)
            if (!isfinite(values[i]) || (is_square && values[i] < 0))
                return false;
    }
    return true;
}

static void check_ages(const slr_safetensors *file, const slr_adapter *adapter, const char *suffix,
                       int rank, slr_problems *problems)
{
    const slr_stored_tensor *tensor = find(file, adapter, suffix, 1, rank, 1, problems);
    int64_t age;
    for (int i = 0; tensor && i < rank; i++)
        if (!slr_stored_to_i64(tensor, i, 1, &age) || age < 0 || age > INT64_MAX / 2) {
            slr_problems_add(problems, "adapter.%s.%s: not a list of ages", adapter->path, suffix);
            return;
        }
}

/* The rank stored for a layer after checking all its tensors; 0 with problems noted. */
static int check_layer(const slr_adapter_set *set, const slr_safetensors *file,
                       const slr_adapter *adapter, slr_problems *problems)
{
    char name[512];
    const slr_stored_tensor *bt = slr_safetensors_find(file, part_name(adapter, "bt", name));
    if (!bt || bt->dims != 2 || bt->shape[0] > MAX_RANK) {
        slr_problems_add(problems, "%s: missing or no matrix of at most %d rows", name, MAX_RANK);
        return 0;
    }
    int rank = (int)bt->shape[0];
    state_part parts[PARTS];
    list_parts(set, adapter, rank, parts);
    for (int p = 0; p < PARTS; p++) {
        const slr_stored_tensor *tensor =
            find(file, adapter, parts[p].suffix, 2, parts[p].count, parts[p].width, problems);
        if (tensor && !plausible(tensor, parts[p].is_square))
            slr_problems_add(problems, "%s: holds values that no training makes",
                             part_name(adapter, parts[p].suffix, name));
    }
    check_ages(file, adapter, "age_a", rank, problems);
    check_ages(file, adapter, "age_bt", rank, problems);
    const slr_stored_tensor *scale = find(file, adapter, "scale", 1, 1, 1, problems);
    if (scale && !plausible(scale, false))
        slr_problems_add(problems, "adapter.%s.scale: not a finite number", adapter->path);
    return rank;
}

static void list_unknown(const slr_adapter_set *set, const slr_safetensors *file,
                         slr_problems *problems)
{
    static const char prefix[] = "adapter.";
    for (size_t t = 0; t < slr_safetensors_count(file); t++) {
        const char *name = slr_safetensors_at(file, t)->name;
        if (strncmp(name, prefix, sizeof prefix - 1) != 0)
            continue;
        bool known = false;
        for (int i = 0; !known && i < slr_adapter_set_count(set); i++) {
            const char *path = slr_adapter_set_at(set, i)->path;
            size_t length = strlen(path);
            known = strncmp(name + sizeof prefix - 1, path, length) == 0 &&
                    name[sizeof prefix - 1 + length] == '.';
        }
        if (!known)
            slr_problems_add(problems, "%s: this layer is not adapted here", name);
    }
}

/* All has been checked: nothing can fail. */
static void read_layer(const slr_adapter_set *set, const slr_safetensors *file,
                       slr_adapter *adapter, int rank)
{
    char name[512];
    state_part parts[PARTS];
    list_parts(set, adapter, rank, parts);
    for (int p = 0; p < PARTS; p++)
        slr_stored_to_real(slr_safetensors_find(file, part_name(adapter, parts[p].suffix, name)), 0,
                           parts[p].count * parts[p].width, parts[p].rows);
    slr_stored_to_i64(slr_safetensors_find(file, part_name(adapter, "age_a", name)), 0, rank,
                      adapter->age_a);
    slr_stored_to_i64(slr_safetensors_find(file, part_name(adapter, "age_bt", name)), 0, rank,
                      adapter->age_bt);
    slr_stored_to_f64(slr_safetensors_find(file, part_name(adapter, "scale", name)), 0, 1,
                      &adapter->own_scale);
    adapter->slot.rank = rank;
    adapter->slot.scale = adapter->own_scale * adapter->strength;
    memset(adapter->bt + rank * adapter->slot.out, 0,
           (size_t)((adapter->slot.capacity - rank) * adapter->slot.out) * sizeof *adapter->bt);
}

selora_status slr_adapter_state_load(slr_adapter_set *set, const slr_safetensors *file,
                                     slr_error *err)
{
    int layers = slr_adapter_set_count(set);
    int *ranks = slr_alloc((size_t)layers, sizeof *ranks);
    if (!ranks)
        return slr_fail_memory(err, (size_t)layers * sizeof *ranks, "the adapter");
    slr_problems problems = {0};
    for (int i = 0; i < layers; i++)
        ranks[i] = check_layer(set, file, slr_adapter_set_at(set, i), &problems);
    list_unknown(set, file, &problems);
    selora_status status;
    bool moved;
    SLR_TRY_OUT(slr_problems_report(&problems, slr_safetensors_path(file), err));
    SLR_TRY_OUT(slr_adapter_set_reserve(set, ranks, &moved, err));
    for (int i = 0; i < layers; i++)
        read_layer(set, file, slr_adapter_set_at(set, i), ranks[i]);
out:
    free(ranks);
    return status;
}
