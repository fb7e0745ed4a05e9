/* SPDX-License-Identifier: MIT */
#include "io/safetensors.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/json.h"
#include "io/regular_file.h"
#include "io/stored_type.h"

enum {
    MAX_HEADER_BYTES = 100000000, /* as the reference reader */
    MAX_HEADER_VALUES = 1 << 23   /* bounds the memory that a hostile header takes when parsed */
};

typedef struct text_pair {
    const char *key, *value;
} text_pair;

struct slr_safetensors {
    char *path;
    void *map; /* NULL for memory that the caller owns */
    size_t map_bytes;
    json_t *header; /* owns names and metadata */
    slr_stored_tensor *tensors;
    size_t count;
    const slr_stored_tensor **by_name; /* sorted: hostile names cannot make the search slow, as with a hash */
    text_pair *metadata;
    size_t metadata_count;
};

/* Names go into messages and listings: no control characters (C0, DEL, C1) in them. */
static bool is_printable(const char *name)
{
    for (const unsigned char *at = (const unsigned char *)name; *at; at++)
        if (*at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0))
            return false;
    return true;
}

/* Shape and element size against the range: fills dims and shape. */
static selora_status read_shape(const slr_safetensors *file, const json_t *entry, int bits,
                                slr_stored_tensor *tensor, slr_error *err)
{
    const json_t *shape = json_object_get(entry, "shape");
    size_t dims = json_array_size(shape);
    if (!json_is_array(shape) || dims > SLR_STORED_MAX_DIMS)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: shape must be a list of at most %d sizes", file->path,
                        tensor->name, SLR_STORED_MAX_DIMS);
    tensor->dims = (int)dims;
    int64_t count = 1, total;
    for (size_t i = 0; i < dims; i++) {
        const json_t *size = json_array_get(shape, i);
        tensor->shape[i] = json_integer_value(size);
        if (!json_is_integer(size) || tensor->shape[i] < 0 ||
            __builtin_mul_overflow(count, tensor->shape[i], &count))
            return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: impossible shape", file->path, tensor->name);
    }
    if (__builtin_mul_overflow(count, (int64_t)bits, &total) || total % 8 != 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: impossible shape for its dtype", file->path, tensor->name);
    if ((uint64_t)total / 8 != tensor->bytes)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: the shape needs %llu bytes, data_offsets span %zu",
                        file->path, tensor->name, (unsigned long long)total / 8, tensor->bytes);
    return SELORA_OK;
}

static selora_status read_entry(slr_safetensors *file, const char *name, const json_t *entry,
                                const unsigned char *data, size_t data_bytes, slr_error *err)
{
    slr_stored_tensor *tensor = &file->tensors[file->count];
    if (!is_printable(name))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the name of entry %zu holds control characters", file->path,
                        file->count + 1);
    if (!json_is_object(entry))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: the entry is not an object", file->path, name);
    tensor->name = name;
    const char *type_name = json_string_value(json_object_get(entry, "dtype"));
    const slr_stored_type *type = type_name ? slr_stored_type_named(type_name) : NULL;
    if (!type)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: unknown dtype %.20s", file->path, name,
                        type_name && is_printable(type_name) ? type_name : "(none)");
    tensor->dtype = type->dtype;
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
    json_int_t begin = json_integer_value(first), end = json_integer_value(last);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last) || begin < 0 ||
        end < begin)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: data_offsets must be two rising positions", file->path, name);
    if ((uint64_t)end > data_bytes)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: its data end at byte %lld, the file holds %zu; it was cut "
                        "short or is damaged", file->path, name, (long long)end, data_bytes);
    tensor->data = data + begin;
    tensor->bytes = (size_t)(end - begin);
    SLR_TRY(read_shape(file, entry, type->bits, tensor, err));
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

static selora_status read_metadata(slr_safetensors *file, slr_error *err)
{
    json_t *metadata = json_object_get(file->header, "__metadata__");
    if (!metadata || json_is_null(metadata))
        return SELORA_OK;
    if (!json_is_object(metadata))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: __metadata__ must be an object of texts", file->path);
    size_t count = json_object_size(metadata);
    file->metadata = slr_alloc(count, sizeof *file->metadata);
    if (!file->metadata)
        return slr_fail_memory(err, count * sizeof *file->metadata, file->path);
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value) {
        if (!is_printable(key))
            return slr_fail(err, SELORA_BAD_INPUT, "%s: __metadata__: key %zu holds control characters", file->path,
                            file->metadata_count + 1);
        if (!json_is_string(value))
            return slr_fail(err, SELORA_BAD_INPUT, "%s: __metadata__: %s is not a text", file->path, key);
        file->metadata[file->metadata_count++] = (text_pair){key, json_string_value(value)};
    }
    return SELORA_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(slr_stored_tensor *const *)a)->name, (*(slr_stored_tensor *const *)b)->name);
}

static selora_status sort_names(slr_safetensors *file, slr_error *err)
{
    file->by_name = slr_alloc(file->count, sizeof *file->by_name);
    if (!file->by_name)
        return slr_fail_memory(err, file->count * sizeof *file->by_name, file->path);
    for (size_t i = 0; i < file->count; i++)
        file->by_name[i] = &file->tensors[i];
    qsort(file->by_name, file->count, sizeof *file->by_name, by_name);
    return SELORA_OK;
}

/* Commas and openings outside of texts: about the number of values that parsing would allocate. */
static size_t count_values(const unsigned char *text, size_t length)
{
    size_t values = 0;
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && (text[i] == ',' || text[i] == '[' || text[i] == '{'))
            values++;
    }
    return values;
}

static selora_status load_header(slr_safetensors *file, const unsigned char *text, size_t length,
                                 slr_error *err)
{
    if (count_values(text, length) > MAX_HEADER_VALUES)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the header lists more than %d values, more than any model has",
                        file->path, MAX_HEADER_VALUES);
    if (length > 0 && text[0] == 0xef) /* a byte order mark, which the format does not know */
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the header is not a JSON object", file->path);
    SLR_TRY(slr_json_load_memory(text, length, file->path, &file->header, err));
    if (!json_is_object(file->header))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the header is not a JSON object", file->path);
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
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the header claims %llu bytes, the file has %zu and at most %d are "
                        "accepted; it is damaged or not a safetensors file", file->path, (unsigned long long)length,
                        size, MAX_HEADER_BYTES);
    SLR_TRY(load_header(file, bytes + 8, (size_t)length, err));
    size_t entries = json_object_size(file->header);
    file->tensors = slr_alloc(entries, sizeof *file->tensors);
    if (!file->tensors)
        return slr_fail_memory(err, entries * sizeof *file->tensors, file->path);
    const unsigned char *data = bytes + 8 + length;
    size_t data_bytes = size - 8 - (size_t)length;
    const char *name;
    json_t *entry;
    json_object_foreach(file->header, name, entry)
        if (strcmp(name, "__metadata__") != 0)
            SLR_TRY(read_entry(file, name, entry, data, data_bytes, err));
    SLR_TRY(read_metadata(file, err));
    SLR_TRY(check_tiling(file, data, data_bytes, err));
    return sort_names(file, err);
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
    int fd;
    uint64_t size;
    *file = NULL;
    SLR_TRY(slr_open_regular(path, &fd, &size, err));
    if (size < 8 || size > PTRDIFF_MAX) {
        close(fd);
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %llu bytes are too %s for a safetensors file", path,
                        (unsigned long long)size, size < 8 ? "few" : "many");
    }
    void *map = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    selora_status status = map == MAP_FAILED ? slr_fail_errno(err, path, "map the file") : SELORA_OK;
    close(fd);
    if (status != SELORA_OK)
        return status;
    status = slr_safetensors_open_memory(map, (size_t)size, path, file, err);
    if (status != SELORA_OK) {
        munmap(map, (size_t)size);
        return status;
    }
    (*file)->map = map;
    (*file)->map_bytes = (size_t)size;
    for (size_t i = 0; i < (*file)->count; i++)
        (*file)->tensors[i].mapped = true;
    return SELORA_OK;
}

void slr_stored_release(const slr_stored_tensor *tensor)
{
    if (!tensor->mapped)
        return;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)tensor->data / page * page;
    uintptr_t end = ((uintptr_t)tensor->data + tensor->bytes + page - 1) / page * page;
    madvise((void *)begin, end - begin, MADV_DONTNEED); /* only advice: nothing depends on it */
}

void slr_safetensors_close(slr_safetensors *file)
{
    if (!file)
        return;
    json_decref(file->header);
    if (file->map)
        munmap(file->map, file->map_bytes);
    free(file->by_name);
    free(file->metadata);
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
    const slr_stored_tensor wanted = {.name = name}, *key = &wanted;
    const slr_stored_tensor **found = bsearch(&key, file->by_name, file->count, sizeof *file->by_name, by_name);
    return found ? *found : NULL;
}

size_t slr_safetensors_metadata_count(const slr_safetensors *file)
{
    return file->metadata_count;
}

void slr_safetensors_metadata_at(const slr_safetensors *file, size_t index, const char **key,
                                 const char **value)
{
    *key = file->metadata[index].key;
    *value = file->metadata[index].value;
}

const char *slr_safetensors_metadata(const slr_safetensors *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}
