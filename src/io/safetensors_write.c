/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/atomic_file.h"
#include "io/json.h"
#include "io/safetensors.h"

typedef struct pending {
    char *name;
    slr_dtype dtype;
    int dims;
    int64_t shape[SLR_STORED_MAX_DIMS];
    const void *data;
    void *owned;
    size_t bytes;
} pending;

struct slr_safetensors_writer {
    pending *tensors;
    size_t count, capacity;
    json_t *metadata;
};

slr_safetensors_writer *slr_safetensors_writer_new(void)
{
    slr_safetensors_writer *writer = slr_alloc(1, sizeof *writer);
    if (writer && !(writer->metadata = json_object())) {
        free(writer);
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
    free(writer);
}

selora_status slr_safetensors_writer_metadata(slr_safetensors_writer *writer, const char *key,
                                              const char *value, slr_error *err)
{
    if (json_object_set_new(writer->metadata, key, json_string(value)) != 0)
        return slr_fail(err, SELORA_BAD_INPUT, "metadata %s: not valid UTF-8 text", key);
    return SELORA_OK;
}

selora_status slr_safetensors_writer_tensor(slr_safetensors_writer *writer, const char *name,
                                            slr_dtype dtype, int dims, const int64_t *shape,
                                            const void *data, slr_error *err)
{
    if (dims < 0 || dims > SLR_STORED_MAX_DIMS || slr_dtype_bytes(dtype) == 0)
        return slr_fail(err, SELORA_USAGE, "%s: cannot be stored with this shape or type", name);
    for (size_t i = 0; i < writer->count; i++)
        if (strcmp(writer->tensors[i].name, name) == 0)
            return slr_fail(err, SELORA_USAGE, "%s: written twice", name);
    if (!slr_grow((void **)&writer->tensors, &writer->capacity, writer->count, sizeof *writer->tensors))
        return slr_fail_memory(err, sizeof *writer->tensors, name);
    pending *tensor = &writer->tensors[writer->count];
    memset(tensor, 0, sizeof *tensor);
    tensor->bytes = slr_dtype_bytes(dtype);
    for (int i = 0; i < dims; i++) {
        tensor->shape[i] = shape[i];
        if (shape[i] < 0 || !slr_mul_size(tensor->bytes, (size_t)shape[i], &tensor->bytes))
            return slr_fail(err, SELORA_USAGE, "%s: impossible shape", name);
    }
    tensor->dtype = dtype;
    tensor->dims = dims;
    tensor->data = data;
    tensor->name = slr_copy_text(name);
    if (!tensor->name)
        return slr_fail_memory(err, strlen(name), name);
    writer->count++;
    return SELORA_OK;
}

selora_status slr_safetensors_writer_real(slr_safetensors_writer *writer, const char *name, int dims,
                                          const int64_t *shape, const slr_real *data, bool exact,
                                          slr_error *err)
{
    bool wide = exact && sizeof(slr_real) == sizeof(double);
    SLR_TRY(slr_safetensors_writer_tensor(writer, name, wide ? SLR_DTYPE_F64 : SLR_DTYPE_F32, dims, shape,
                                          data, err));
    pending *tensor = &writer->tensors[writer->count - 1];
    tensor->owned = slr_alloc_aligned(tensor->bytes, 1);
    if (!tensor->owned)
        return slr_fail_memory(err, tensor->bytes, name);
    tensor->data = tensor->owned;
    if (wide || sizeof(slr_real) == sizeof(float)) {
        memcpy(tensor->owned, data, tensor->bytes);
        return SELORA_OK;
    }
    float *values = tensor->owned;
    for (size_t i = 0; i < tensor->bytes / sizeof *values; i++)
        values[i] = (float)data[i];
    return SELORA_OK;
}

static int by_size_then_name(const void *a, const void *b)
{
    const pending *x = a, *y = b;
    size_t size_x = slr_dtype_bytes(x->dtype), size_y = slr_dtype_bytes(y->dtype);
    if (size_x != size_y)
        return size_x < size_y ? 1 : -1;
    return strcmp(x->name, y->name);
}

static json_t *entry_of(const pending *tensor, size_t begin)
{
    json_t *shape = json_array();
    for (int i = 0; i < tensor->dims; i++)
        json_array_append_new(shape, json_integer(tensor->shape[i]));
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", slr_dtype_name(tensor->dtype), "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)(begin + tensor->bytes));
}

/* The header, padded with spaces so that the data start on a multiple of 8; caller free()s. */
static char *build_header(const slr_safetensors_writer *writer, size_t *length)
{
    json_t *root = json_object();
    size_t at = 0;
    if (json_object_size(writer->metadata) > 0)
        json_object_set(root, "__metadata__", writer->metadata);
    for (size_t i = 0; i < writer->count; i++) {
        json_object_set_new(root, writer->tensors[i].name, entry_of(&writer->tensors[i], at));
        at += writer->tensors[i].bytes;
    }
    char *text = json_dumps(root, JSON_COMPACT);
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

selora_status slr_safetensors_writer_save(slr_safetensors_writer *writer, const char *path,
                                          slr_error *err)
{
    qsort(writer->tensors, writer->count, sizeof *writer->tensors, by_size_then_name);
    size_t length = 0;
    char *header = build_header(writer, &length);
    if (!header)
        return slr_fail(err, SELORA_NO_RESOURCE, "%s: the header could not be built", path);
    slr_atomic_file *file;
    selora_status status = slr_atomic_open(path, 0644, &file, err);
    if (status == SELORA_OK) {
        FILE *stream = slr_atomic_stream(file);
        for (int i = 0; i < 8; i++)
            fputc((int)(length >> (8 * i) & 255), stream);
        fwrite(header, 1, length, stream);
        for (size_t i = 0; i < writer->count; i++)
            fwrite(writer->tensors[i].data, 1, writer->tensors[i].bytes, stream);
        status = slr_atomic_commit(file, err);
    }
    free(header);
    return status;
}
