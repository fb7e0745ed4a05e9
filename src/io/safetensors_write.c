/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/atomic_file.h"
#include "io/json.h"
#include "io/stored_type.h"

typedef struct pending {
    char *name;
    slr_dtype dtype;
    int dims;
    int64_t shape[SLR_STORED_MAX_DIMS];
    const void *data;
    void *owned;
    slr_tensor_maker *make; /* instead of data */
    void *context;
    size_t bytes;
} pending;

struct slr_safetensors_writer {
    pending *tensors;
    size_t count, capacity;
    json_t *metadata;
    json_t *names; /* those of `tensors`, as keys */
};

slr_safetensors_writer *slr_safetensors_writer_new(void)
{
    slr_safetensors_writer *writer = slr_alloc(1, sizeof *writer);
    if (!writer)
        return NULL;
    writer->metadata = json_object();
    writer->names = json_object();
    if (!writer->metadata || !writer->names) {
        slr_safetensors_writer_free(writer);
        return NULL;
    }
    return writer;
}

void slr_safetensors_writer_free(slr_safetensors_writer *writer)
{
    if (!writer)
        return;
    for (size_t i = 0; i < writer->count; i++) {
        free(writer->tensors[i].name);
        free(writer->tensors[i].owned);
    }
    free(writer->tensors);
    json_decref(writer->metadata);
    json_decref(writer->names);
    free(writer);
}

selora_status slr_safetensors_writer_metadata(slr_safetensors_writer *writer, const char *key,
                                              const char *value, slr_error *err)
{
    if (json_object_set_new(writer->metadata, key, json_string(value)) != 0)
        return slr_fail(err, SELORA_BAD_INPUT, "metadata %s: not valid UTF-8 text", key);
    return SELORA_OK;
}

/* Appends a tensor; its data are set by the caller. */
static selora_status add_tensor(slr_safetensors_writer *writer, const char *name, slr_dtype dtype, int dims,
                                const int64_t *shape, slr_error *err)
{
    pending tensor = {.dtype = dtype, .dims = dims, .bytes = slr_dtype_bytes(dtype)};
    if (dims < 0 || dims > SLR_STORED_MAX_DIMS || tensor.bytes == 0 || strcmp(name, "__metadata__") == 0)
        return slr_fail(err, SELORA_USAGE, "%s: cannot be stored with this name, shape or type", name);
    if (json_object_get(writer->names, name))
        return slr_fail(err, SELORA_USAGE, "%s: written twice", name);
    for (int i = 0; i < dims; i++) {
        tensor.shape[i] = shape[i];
        if (shape[i] < 0 || !slr_mul_size(tensor.bytes, (size_t)shape[i], &tensor.bytes) ||
            tensor.bytes > PTRDIFF_MAX)
            return slr_fail(err, SELORA_USAGE, "%s: impossible shape", name);
    }
    if (!slr_grow((void **)&writer->tensors, &writer->capacity, writer->count, sizeof *writer->tensors) ||
        !(tensor.name = slr_copy_text(name)))
        return slr_fail_memory(err, sizeof tensor, name);
    if (json_object_set_new(writer->names, name, json_true()) != 0) {
        free(tensor.name);
        return slr_fail(err, SELORA_USAGE, "a tensor's name is not valid UTF-8");
    }
    writer->tensors[writer->count++] = tensor;
    return SELORA_OK;
}

selora_status slr_safetensors_writer_tensor(slr_safetensors_writer *writer, const char *name,
                                            slr_dtype dtype, int dims, const int64_t *shape,
                                            const void *data, slr_error *err)
{
    SLR_TRY(add_tensor(writer, name, dtype, dims, shape, err));
    writer->tensors[writer->count - 1].data = data;
    return SELORA_OK;
}

selora_status slr_safetensors_writer_made(slr_safetensors_writer *writer, const char *name, slr_dtype dtype, int dims,
                                          const int64_t *shape, slr_tensor_maker *make, void *context,
                                          slr_error *err)
{
    SLR_TRY(add_tensor(writer, name, dtype, dims, shape, err));
    writer->tensors[writer->count - 1].make = make;
    writer->tensors[writer->count - 1].context = context;
    return SELORA_OK;
}

selora_status slr_safetensors_writer_real(slr_safetensors_writer *writer, const char *name, int dims,
                                          const int64_t *shape, const slr_real *data, bool exact,
                                          slr_error *err)
{
    bool wide = exact && sizeof(slr_real) == sizeof(double);
    SLR_TRY(add_tensor(writer, name, wide ? SLR_DTYPE_F64 : SLR_DTYPE_F32, dims, shape, err));
    pending *tensor = &writer->tensors[writer->count - 1];
    tensor->owned = slr_alloc_aligned(tensor->bytes, 1);
    if (!tensor->owned) {
        size_t bytes = tensor->bytes;
        json_object_del(writer->names, name);
        free(tensor->name);
        writer->count--;
        return slr_fail_memory(err, bytes, name);
    }
    tensor->data = tensor->owned;
    size_t count = tensor->bytes / slr_dtype_bytes(tensor->dtype);
    if (wide) {
        double *values = tensor->owned;
        for (size_t i = 0; i < count; i++)
            values[i] = (double)data[i];
    } else {
        float *values = tensor->owned;
        for (size_t i = 0; i < count; i++)
            values[i] = (float)data[i];
    }
    return SELORA_OK;
}

static int in_file_order(const void *a, const void *b)
{
    const pending *x = a, *y = b;
    int order_x = slr_stored_type_order(x->dtype), order_y = slr_stored_type_order(y->dtype);
    if (order_x != order_y)
        return order_x < order_y ? 1 : -1;
    return strcmp(x->name, y->name);
}

/* NULL when memory lacks. */
static json_t *entry_of(const pending *tensor, size_t begin)
{
    json_t *shape = json_array(), *entry = NULL;
    bool fine = shape != NULL;
    for (int i = 0; i < tensor->dims && fine; i++)
        fine = json_array_append_new(shape, json_integer(tensor->shape[i])) == 0;
    if (fine)
        entry = json_pack("{s:s, s:O, s:[I,I]}", "dtype", slr_dtype_name(tensor->dtype), "shape", shape,
                          "data_offsets", (json_int_t)begin, (json_int_t)(begin + tensor->bytes));
    json_decref(shape);
    return entry;
}

/* The header, padded with spaces so that the data start on a multiple of 8; caller free()s. NULL when memory
 * lacks. */
static char *build_header(const slr_safetensors_writer *writer, size_t *length)
{
    json_t *root = json_object();
    bool fine = root != NULL;
    size_t at = 0;
    if (fine && json_object_size(writer->metadata) > 0)
        fine = json_object_set(root, "__metadata__", writer->metadata) == 0;
    for (size_t i = 0; i < writer->count && fine; i++) {
        fine = json_object_set_new(root, writer->tensors[i].name, entry_of(&writer->tensors[i], at)) == 0;
        at += writer->tensors[i].bytes;
    }
    char *text = fine ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (!text)
        return NULL;
    size_t used = strlen(text), padded = (used + 7) / 8 * 8;
    char *header = slr_alloc(padded + 1, 1);
    if (header) {
        memset(header, ' ', padded);
        memcpy(header, text, used);
        *length = padded;
    }
    free(text);
    return header;
}

static selora_status write_tensors(const slr_safetensors_writer *writer, FILE *stream, const char *path, slr_error *err)
{
    size_t largest = 0;
    for (size_t i = 0; i < writer->count; i++)
        if (writer->tensors[i].make && writer->tensors[i].bytes > largest)
            largest = writer->tensors[i].bytes;
    void *made = largest > 0 ? slr_alloc_aligned(largest, 1) : NULL;
    selora_status status = largest > 0 && !made ? slr_fail_memory(err, largest, path) : SELORA_OK;
    for (size_t i = 0; i < writer->count && status == SELORA_OK && !ferror(stream); i++) {
        const pending *tensor = &writer->tensors[i];
        if (tensor->bytes == 0)
            continue;
        if (tensor->make)
            status = tensor->make(tensor->context, made, err);
        if (status == SELORA_OK)
            fwrite(tensor->make ? made : tensor->data, 1, tensor->bytes, stream);
    }
    free(made);
    return status;
}

selora_status slr_safetensors_writer_save(slr_safetensors_writer *writer, const char *path,
                                          slr_error *err)
{
    if (writer->count > 1)
        qsort(writer->tensors, writer->count, sizeof *writer->tensors, in_file_order);
    size_t length = 0;
    char *header = build_header(writer, &length);
    if (!header)
        return slr_fail(err, SELORA_NO_RESOURCE, "%s: not enough memory for the header", path);
    slr_atomic_file *file;
    selora_status status = slr_atomic_open(path, 0644, &file, err);
    if (status == SELORA_OK) {
        FILE *stream = slr_atomic_stream(file);
        for (int i = 0; i < 8; i++)
            fputc((int)(length >> (8 * i) & 255), stream);
        fwrite(header, 1, length, stream);
        status = write_tensors(writer, stream, path, err);
        if (status == SELORA_OK)
            status = slr_atomic_commit(file, err);
        else
            slr_atomic_abort(file);
    }
    free(header);
    return status;
}
