/* SPDX-License-Identifier: MIT
 * Any bytes as a safetensors file: every tensor of an accepted one is read to its last byte. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_tensor(const slr_safetensors *file, size_t index)
{
    const slr_stored_tensor *tensor = slr_safetensors_at(file, index);
    int64_t count = slr_stored_count(tensor);
    if (slr_safetensors_find(file, tensor->name) != tensor || count < 0)
        abort();
    double value;
    float single;
    int64_t whole;
    for (int64_t i = 0; i < count; i++) {
        slr_stored_to_f64(tensor, i, 1, &value);
        slr_stored_to_f32(tensor, i, 1, &single);
        slr_stored_to_i64(tensor, i, 1, &whole);
    }
    volatile uint8_t sum = 0; /* types that are not converted are read as bytes */
    for (size_t i = 0; i < tensor->bytes; i++)
        sum = (uint8_t)(sum + ((const uint8_t *)tensor->data)[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slr_safetensors *file;
    slr_error err = {0};
    if (slr_safetensors_open_memory(data, size, "input", &file, &err) != SELORA_OK) {
        if (!err.message[0])
            abort();
        return 0;
    }
    for (size_t i = 0; i < slr_safetensors_count(file); i++)
        read_tensor(file, i);
    for (size_t i = 0; i < slr_safetensors_metadata_count(file); i++) {
        const char *key, *value;
        slr_safetensors_metadata_at(file, i, &key, &value);
        const char *found = slr_safetensors_metadata(file, key);
        if (!found || strcmp(found, value) != 0)
            abort();
    }
    slr_safetensors_close(file);
    return 0;
}
