/* SPDX-License-Identifier: MIT */
#include "io/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/json.h"

enum { MAX_HEADER_BYTES = 100 << 20 }; /* as the reference reader */

struct slr_safetensors {
    char *path;
    void *map; /* NULL for memory that the caller owns */
    size_t map_bytes;
    json_t *header; /* owns names and metadata */
    slr_stored_tensor *tensors;
    size_t count;
    uint32_t *table; /* open addressing over names; 0 = free, else index + 1 */
    size_t table_size;
};

static const struct {
    const char *name;
    slr_dtype dtype;
    size_t bytes;
} dtypes[] = {
    {"F32", SLR_DTYPE_F32, 4}, {"F16", SLR_DTYPE_F16, 2}, {"BF16", SLR_DTYPE_BF16, 2},
    {"F64", SLR_DTYPE_F64, 8}, {"I64", SLR_DTYPE_I64, 8}, {"BOOL", SLR_DTYPE_OTHER, 1},
    {"U8", SLR_DTYPE_OTHER, 1}, {"I8", SLR_DTYPE_OTHER, 1}, {"F8_E4M3", SLR_DTYPE_OTHER, 1},
    {"F8_E5M2", SLR_DTYPE_OTHER, 1}, {"F8_E8M0", SLR_DTYPE_OTHER, 1}, {"I16", SLR_DTYPE_OTHER, 2},
    {"U16", SLR_DTYPE_OTHER, 2}, {"I32", SLR_DTYPE_OTHER, 4}, {"U32", SLR_DTYPE_OTHER, 4},
    {"U64", SLR_DTYPE_OTHER, 8}, {"C64", SLR_DTYPE_OTHER, 8},
};

static uint64_t name_hash(const char *name)
{
    uint64_t hash = 14695981039346656037u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return hash;
}

/* Shape and element size against the range: fills dims and shape. */
static selora_status read_shape(const slr_safetensors *file, const json_t *entry, size_t element,
                                slr_stored_tensor *tensor, slr_error *err)
{
    const json_t *shape = json_object_get(entry, "shape");
    size_t dims = json_array_size(shape), bytes = element;
    if (!json_is_array(shape) || dims > SLR_STORED_MAX_DIMS)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: shape must be a list of at most %d sizes", file->path,
                        tensor->name, SLR_STORED_MAX_DIMS);
    tensor->dims = (int)dims;
    for (size_t i = 0; i < dims; i++) {
        const json_t *size = json_array_get(shape, i);
        tensor->shape[i] = json_integer_value(size);
        if (!json_is_integer(size) || tensor->shape[i] < 0 ||
            !slr_mul_size(bytes, (size_t)tensor->shape[i], &bytes))
            return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: impossible shape", file->path, tensor->name);
    }
    if (bytes != tensor->bytes)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: the shape needs %zu bytes, data_offsets span %zu",
                        file->path, tensor->name, bytes, tensor->bytes);
    return SELORA_OK;
}

static selora_status read_entry(slr_safetensors *file, const char *name, const json_t *entry,
                                const unsigned char *data, size_t data_bytes, slr_error *err)
{
    slr_stored_tensor *tensor = &file->tensors[file->count];
    tensor->name = name;
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    size_t kind = 0, kinds = sizeof dtypes / sizeof *dtypes;
    while (type && kind < kinds && strcmp(dtypes[kind].name, type) != 0)
        kind++;
    if (!type || kind == kinds)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: unknown dtype %s", file->path, name, type ? type : "(none)");
    tensor->dtype = dtypes[kind].dtype;
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
    json_int_t begin = json_integer_value(first), end = json_integer_value(last);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last) || begin < 0 ||
        end < begin || (uint64_t)end > data_bytes)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: data_offsets lie outside the file (%zu data bytes)",
                        file->path, name, data_bytes);
    tensor->data = data + begin;
    tensor->bytes = (size_t)(end - begin);
    SLR_TRY(read_shape(file, entry, dtypes[kind].bytes, tensor, err));
    file->count++;
    return SELORA_OK;
}

static int by_data(const void *a, const void *b)
{
    const slr_stored_tensor *x = *(slr_stored_tensor *const *)a, *y = *(slr_stored_tensor *const *)b;
    if (x->data != y->data)
        return (const char *)x->data < (const char *)y->data ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* Ranges must tile the data: no hole, no overlap, nothing behind the last. */
static selora_status check_tiling(const slr_safetensors *file, const unsigned char *data,
                                  size_t data_bytes, slr_error *err)
{
    slr_stored_tensor **order = slr_alloc(file->count, sizeof *order);
    if (!order)
        return slr_fail_memory(err, file->count * sizeof *order, file->path);
    for (size_t i = 0; i < file->count; i++)
        order[i] = &file->tensors[i];
    qsort(order, file->count, sizeof *order, by_data);
    const unsigned char *at = data;
    selora_status status = SELORA_OK;
    for (size_t i = 0; i < file->count && status == SELORA_OK; i++) {
        if (order[i]->data != at)
            status = slr_fail(err, SELORA_BAD_INPUT, "%s: %s: its data overlaps another tensor or leaves a hole",
                              file->path, order[i]->name);
        at += order[i]->bytes;
    }
    if (status == SELORA_OK && at != data + data_bytes)
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: %zu bytes follow the last tensor", file->path,
                          (size_t)(data + data_bytes - at));
    free(order);
    return status;
}

static selora_status check_metadata(const slr_safetensors *file, slr_error *err)
{
    const json_t *metadata = json_object_get(file->header, "__metadata__");
    if (!metadata || json_is_null(metadata))
        return SELORA_OK;
    if (!json_is_object(metadata))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: __metadata__ must be an object of texts", file->path);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)metadata, key, value)
        if (!json_is_string(value))
            return slr_fail(err, SELORA_BAD_INPUT, "%s: __metadata__: %s is not a text", file->path, key);
    return SELORA_OK;
}

static selora_status build_table(slr_safetensors *file, slr_error *err)
{
    for (file->table_size = 16; file->table_size < 2 * file->count; file->table_size *= 2)
        ;
    file->table = slr_alloc(file->table_size, sizeof *file->table);
    if (!file->table)
        return slr_fail_memory(err, file->table_size * sizeof *file->table, file->path);
    for (size_t i = 0; i < file->count; i++) {
        size_t slot = (size_t)name_hash(file->tensors[i].name) & (file->table_size - 1);
        while (file->table[slot])
            slot = (slot + 1) & (file->table_size - 1);
        file->table[slot] = (uint32_t)i + 1;
    }
    return SELORA_OK;
}

static selora_status parse(slr_safetensors *file, const unsigned char *bytes, size_t size, slr_error *err)
{
    if (size < 8)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %zu bytes are too few for a safetensors file", file->path, size);
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--)
        length = length << 8 | bytes[i];
    if (length > MAX_HEADER_BYTES || length > size - 8)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the header claims %llu bytes, the file has %zu; it is damaged or "
                        "not a safetensors file", file->path, (unsigned long long)length, size);
    SLR_TRY(slr_json_load_memory(bytes + 8, (size_t)length, file->path, &file->header, err));
    if (!json_is_object(file->header))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the header is not a JSON object", file->path);
    size_t entries = json_object_size(file->header);
    file->tensors = slr_alloc(entries, sizeof *file->tensors);
    if (!file->tensors)
        return slr_fail_memory(err, entries * sizeof *file->tensors, file->path);
    const unsigned char *data = bytes + 8 + length;
    size_t data_bytes = size - 8 - (size_t)length;
    const char *name;
    json_t *entry;
    json_object_foreach(file->header, name, entry) {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        if (!json_is_object(entry))
            return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: the entry is not an object", file->path, name);
        SLR_TRY(read_entry(file, name, entry, data, data_bytes, err));
    }
    SLR_TRY(check_metadata(file, err));
    SLR_TRY(check_tiling(file, data, data_bytes, err));
    return build_table(file, err);
}

selora_status slr_safetensors_open_memory(const void *data, size_t size, const char *name,
                                          slr_safetensors **result, slr_error *err)
{
    *result = NULL;
    slr_safetensors *file = slr_alloc(1, sizeof *file);
    char *path = slr_copy_text(name);
    if (!file || !path) {
        free(file);
        free(path);
        return slr_fail_memory(err, sizeof *file, name);
    }
    file->path = path;
    selora_status status = parse(file, data, size, err);
    if (status == SELORA_OK)
        *result = file;
    else
        slr_safetensors_close(file);
    return status;
}

selora_status slr_safetensors_open(const char *path, slr_safetensors **file, slr_error *err)
{
    *file = NULL;
    struct stat info;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO must not block */
    if (fd < 0)
        return slr_fail_errno(err, path, "open the file");
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return slr_fail(err, SELORA_BAD_INPUT, "%s: not a regular file", path);
    }
    size_t size = (size_t)info.st_size;
    if (size < 8) {
        close(fd);
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %zu bytes are too few for a safetensors file", path, size);
    }
    void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return slr_fail_errno(err, path, "map the file");
    selora_status status = slr_safetensors_open_memory(map, size, path, file, err);
    if (status != SELORA_OK) {
        munmap(map, size);
        return status;
    }
    (*file)->map = map;
    (*file)->map_bytes = size;
    return SELORA_OK;
}

void slr_safetensors_close(slr_safetensors *file)
{
    if (!file)
        return;
    json_decref(file->header);
    if (file->map)
        munmap(file->map, file->map_bytes);
    free(file->table);
    free(file->tensors);
    free(file->path);
    free(file);
}

const char *slr_safetensors_path(const slr_safetensors *file)
{
    return file->path;
}

size_t slr_safetensors_count(const slr_safetensors *file)
{
    return file->count;
}

const slr_stored_tensor *slr_safetensors_at(const slr_safetensors *file, size_t index)
{
    return &file->tensors[index];
}

const slr_stored_tensor *slr_safetensors_find(const slr_safetensors *file, const char *name)
{
    size_t slot = (size_t)name_hash(name) & (file->table_size - 1);
    for (; file->table[slot]; slot = (slot + 1) & (file->table_size - 1)) {
        const slr_stored_tensor *tensor = &file->tensors[file->table[slot] - 1];
        if (strcmp(tensor->name, name) == 0)
            return tensor;
    }
    return NULL;
}

size_t slr_safetensors_metadata_count(const slr_safetensors *file)
{
    return json_object_size(json_object_get(file->header, "__metadata__"));
}

void slr_safetensors_metadata_at(const slr_safetensors *file, size_t index, const char **key,
                                 const char **value)
{
    json_t *metadata = json_object_get(file->header, "__metadata__");
    void *at = json_object_iter(metadata);
    for (size_t i = 0; i < index && at; i++)
        at = json_object_iter_next(metadata, at);
    *key = at ? json_object_iter_key(at) : NULL;
    *value = at ? json_string_value(json_object_iter_value(at)) : NULL;
}

const char *slr_safetensors_metadata(const slr_safetensors *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}

int64_t slr_stored_count(const slr_stored_tensor *tensor)
{
    int64_t count = 1;
    for (int i = 0; i < tensor->dims; i++)
        count *= tensor->shape[i];
    return count;
}

size_t slr_dtype_bytes(slr_dtype dtype)
{
    return dtype == SLR_DTYPE_OTHER ? 0 : dtypes[dtype].bytes;
}

const char *slr_dtype_name(slr_dtype dtype)
{
    return dtype == SLR_DTYPE_OTHER ? "another type" : dtypes[dtype].name;
}

/* One element as a double; the data may be unaligned. */
static double element_at(const slr_stored_tensor *tensor, int64_t index)
{
    const unsigned char *at = (const unsigned char *)tensor->data + (size_t)index * slr_dtype_bytes(tensor->dtype);
    uint16_t half;
    float single;
    double value;
    switch (tensor->dtype) {
    case SLR_DTYPE_F32:
        memcpy(&single, at, sizeof single);
        return single;
    case SLR_DTYPE_F64:
        memcpy(&value, at, sizeof value);
        return value;
    default:
        memcpy(&half, at, sizeof half);
        return tensor->dtype == SLR_DTYPE_F16 ? slr_f16_to_f32(half) : slr_bf16_to_f32(half);
    }
}

static bool is_floating(slr_dtype dtype)
{
    return dtype == SLR_DTYPE_F32 || dtype == SLR_DTYPE_F16 || dtype == SLR_DTYPE_BF16 ||
           dtype == SLR_DTYPE_F64;
}

bool slr_stored_to_f32(const slr_stored_tensor *tensor, int64_t begin, int64_t count, float *out)
{
    if (!is_floating(tensor->dtype))
        return false;
    if (tensor->dtype == SLR_DTYPE_F32)
        memcpy(out, (const char *)tensor->data + (size_t)begin * sizeof *out, (size_t)count * sizeof *out);
    else
        for (int64_t i = 0; i < count; i++)
            out[i] = (float)element_at(tensor, begin + i);
    return true;
}

bool slr_stored_to_f64(const slr_stored_tensor *tensor, int64_t begin, int64_t count, double *out)
{
    if (!is_floating(tensor->dtype))
        return false;
    for (int64_t i = 0; i < count; i++)
        out[i] = element_at(tensor, begin + i);
    return true;
}

bool slr_stored_to_real(const slr_stored_tensor *tensor, int64_t begin, int64_t count, slr_real *out)
{
#ifdef SLR_REAL_IS_DOUBLE
    return slr_stored_to_f64(tensor, begin, count, out);
#else
    return slr_stored_to_f32(tensor, begin, count, out);
#endif
}

bool slr_stored_to_i64(const slr_stored_tensor *tensor, int64_t begin, int64_t count, int64_t *out)
{
    if (tensor->dtype != SLR_DTYPE_I64)
        return false;
    memcpy(out, (const char *)tensor->data + (size_t)begin * sizeof *out, (size_t)count * sizeof *out);
    return true;
}
