/* SPDX-License-Identifier: MIT */
#include "models/merged_tensor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* Toward zero, and odd where that is not exact: rounding the result to 16 bits is then the same as rounding `value`,
 * which rounding twice is not. */
static float round_to_odd(double value)
{
    float rounded = (float)value;
    uint32_t bits;
    if ((double)rounded == value || !isfinite(rounded))
        return rounded;
    memcpy(&bits, &rounded, sizeof bits);
    if (fabs((double)rounded) > fabs(value))
        bits--;
    bits |= 1;
    memcpy(&rounded, &bits, sizeof bits);
    return rounded;
}

/* False when one is not finite there. */
static bool store_row(const double *row, int64_t count, slr_dtype dtype, float *narrow, void *data, int64_t begin)
{
    bool finite = true;
    if (dtype == SLR_DTYPE_F64) {
        memcpy((double *)data + begin, row, (size_t)count * sizeof *row);
        for (int64_t k = 0; k < count; k++)
            finite &= isfinite(row[k]) != 0;
        return finite;
    }
    float *values = dtype == SLR_DTYPE_F32 ? (float *)data + begin : narrow;
    uint16_t *halves = (uint16_t *)data + begin, exponent = dtype == SLR_DTYPE_F16 ? 0x7c00 : 0x7f80;
    for (int64_t k = 0; k < count; k++) {
        values[k] = dtype == SLR_DTYPE_F32 ? (float)row[k] : round_to_odd(row[k]);
        finite &= isfinite(values[k]) != 0;
    }
    if (dtype == SLR_DTYPE_F32)
        return finite;
    if (dtype == SLR_DTYPE_F16)
        slr_f32_to_f16_many(narrow, (size_t)count, halves);
    else
        slr_f32_to_bf16_many(narrow, (size_t)count, halves);
    for (int64_t k = 0; k < count; k++)
        finite &= (halves[k] & exponent) != exponent;
    return finite;
}

typedef struct row_job {
    const slr_merged_tensor *tensor;
    const slr_adapter **adapters; /* those that have the layer */
    int count;
    int64_t rows, columns;
    void *data;
} row_job;

static bool make_row(const row_job *j, int64_t o, double *row, float *narrow)
{
    slr_stored_to_f64(j->tensor->source, o * j->columns, j->columns, row);
    for (int i = 0; i < j->count; i++)
        slr_adapter_add_row(j->adapters[i], o, row);
    return store_row(row, j->columns, j->tensor->dtype, narrow, j->data, o * j->columns);
}

static selora_status make_rows(const row_job *j, slr_error *err)
{
    const slr_merged_tensor *tensor = j->tensor;
    size_t threads = tensor->threads > 1 ? (size_t)tensor->threads : 1, columns = (size_t)j->columns;
    double *rows = slr_alloc(threads * columns, sizeof *rows);
    float *narrow = slr_alloc(threads * columns, sizeof *narrow);
    bool finite = true;
    if (!rows || !narrow) {
        free(rows);
        free(narrow);
        return slr_fail_memory(err, threads * columns * sizeof *rows, tensor->source->name);
    }
#pragma omp parallel for num_threads((int)threads) schedule(static) reduction(& : finite)
    for (size_t t = 0; t < threads; t++) {
        int64_t begin = (int64_t)t * j->rows / (int64_t)threads, end = (int64_t)(t + 1) * j->rows / (int64_t)threads;
        for (int64_t o = begin; o < end; o++)
            finite &= make_row(j, o, rows + t * columns, narrow + t * columns);
    }
    free(rows);
    free(narrow);
    return finite ? SELORA_OK
                  : slr_fail(err, SELORA_NUMERIC, "%s: a value is not finite in %s", tensor->source->name,
                             slr_dtype_name(tensor->dtype));
}

static selora_status make(const slr_merged_tensor *tensor, row_job *j, slr_error *err)
{
    const slr_stored_tensor *source = tensor->source;
    int64_t count = slr_stored_count(source);
    for (int s = 0; tensor->layer && s < tensor->set_count; s++) {
        const slr_adapter *adapter = (const slr_adapter *)slr_adapter_set_find(tensor->sets[s], tensor->layer);
        if (!adapter)
            continue;
        if (adapter->slot.in * adapter->slot.out != count)
            return slr_fail(err, SELORA_BAD_INPUT, "%s: the adapter's layer is %lld x %lld, the weight has %lld numbers",
                            source->name, (long long)adapter->slot.out, (long long)adapter->slot.in, (long long)count);
        j->rows = adapter->slot.out;
        j->columns = adapter->slot.in;
        j->adapters[j->count++] = adapter;
    }
    if (j->count == 0 && tensor->dtype == source->dtype) {
        memcpy(j->data, source->data, source->bytes);
        return SELORA_OK;
    }
    double first;
    if (count > 0 && !slr_stored_to_f64(source, 0, 1, &first))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: stored as a type that holds no real numbers", source->name);
    if (j->count == 0) {
        j->rows = source->dims > 1 ? source->shape[0] : 1;
        j->columns = j->rows > 0 ? count / j->rows : 0;
    }
    return count > 0 ? make_rows(j, err) : SELORA_OK;
}

selora_status slr_merged_tensor_make(const slr_merged_tensor *tensor, void *data, slr_error *err)
{
    row_job j = {.tensor = tensor, .adapters = slr_alloc((size_t)tensor->set_count + 1, sizeof *j.adapters), .data = data};
    selora_status status = j.adapters ? make(tensor, &j, err) : slr_fail_memory(err, 0, tensor->source->name);
    free(j.adapters);
    slr_stored_release(tensor->source);
    return status;
}
