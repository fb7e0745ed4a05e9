/* SPDX-License-Identifier: MIT
 * Element types of the safetensors format and the reading of elements. */
#include <string.h>

#include "io/stored_type.h"

/* In the reference implementation's order, which decides where its writer puts a tensor. */
static const slr_stored_type types[] = {
    {"BOOL", SLR_DTYPE_OTHER, 8},        {"F4", SLR_DTYPE_OTHER, 4},
    {"F6_E2M3", SLR_DTYPE_OTHER, 6},     {"F6_E3M2", SLR_DTYPE_OTHER, 6},
    {"U8", SLR_DTYPE_OTHER, 8},          {"I8", SLR_DTYPE_OTHER, 8},
    {"F8_E5M2", SLR_DTYPE_OTHER, 8},     {"F8_E4M3", SLR_DTYPE_OTHER, 8},
    {"F8_E8M0", SLR_DTYPE_OTHER, 8},     {"F8_E4M3FNUZ", SLR_DTYPE_OTHER, 8},
    {"F8_E5M2FNUZ", SLR_DTYPE_OTHER, 8}, {"I16", SLR_DTYPE_OTHER, 16},
    {"U16", SLR_DTYPE_OTHER, 16},        {"F16", SLR_DTYPE_F16, 16},
    {"BF16", SLR_DTYPE_BF16, 16},        {"I32", SLR_DTYPE_OTHER, 32},
    {"U32", SLR_DTYPE_OTHER, 32},        {"F32", SLR_DTYPE_F32, 32},
    {"C64", SLR_DTYPE_OTHER, 64},        {"F64", SLR_DTYPE_F64, 64},
    {"I64", SLR_DTYPE_I64, 64},          {"U64", SLR_DTYPE_OTHER, 64},
};
enum { TYPES = sizeof types / sizeof *types };

const slr_stored_type *slr_stored_type_named(const char *name)
{
    for (int i = 0; i < TYPES; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

int slr_stored_type_order(slr_dtype dtype)
{
    int at = 0;
    while (at < TYPES && types[at].dtype != dtype)
        at++;
    return at;
}

size_t slr_dtype_bytes(slr_dtype dtype)
{
    switch (dtype) {
    case SLR_DTYPE_F16:
    case SLR_DTYPE_BF16:
        return 2;
    case SLR_DTYPE_F32:
        return 4;
    case SLR_DTYPE_F64:
    case SLR_DTYPE_I64:
        return 8;
    default:
        return 0;
    }
}

const char *slr_dtype_name(slr_dtype dtype)
{
    return slr_dtype_bytes(dtype) == 0 ? "another type" : types[slr_stored_type_order(dtype)].name;
}

int64_t slr_stored_count(const slr_stored_tensor *tensor)
{
    int64_t count = 1;
    for (int i = 0; i < tensor->dims; i++)
        count *= tensor->shape[i]; /* fits: checked when the file was opened */
    return count;
}

static const void *element(const slr_stored_tensor *tensor, int64_t index)
{
    return (const unsigned char *)tensor->data + (size_t)index * slr_dtype_bytes(tensor->dtype);
}

bool slr_stored_to_f32(const slr_stored_tensor *tensor, int64_t begin, int64_t count, float *out)
{
    const unsigned char *from = element(tensor, begin);
    switch (tensor->dtype) {
    case SLR_DTYPE_F32:
        if (count > 0)
            memcpy(out, from, (size_t)count * sizeof *out);
        return true;
    case SLR_DTYPE_F16:
        slr_f16_to_f32_many(from, (size_t)count, out);
        return true;
    case SLR_DTYPE_BF16:
        slr_bf16_to_f32_many(from, (size_t)count, out);
        return true;
    case SLR_DTYPE_F64:
        for (int64_t i = 0; i < count; i++) {
            double value;
            memcpy(&value, from + (size_t)i * sizeof value, sizeof value);
            out[i] = (float)value;
        }
        return true;
    default:
        return false;
    }
}

bool slr_stored_to_f64(const slr_stored_tensor *tensor, int64_t begin, int64_t count, double *out)
{
    enum { PIECE = 256 };
    if (tensor->dtype == SLR_DTYPE_F64) {
        if (count > 0)
            memcpy(out, element(tensor, begin), (size_t)count * sizeof *out);
        return true;
    }
    float piece[PIECE]; /* every narrower type fits a float exactly */
    for (int64_t done = 0; done < count; done += PIECE) {
        int64_t size = count - done < PIECE ? count - done : PIECE;
        if (!slr_stored_to_f32(tensor, begin + done, size, piece))
            return false;
        for (int64_t i = 0; i < size; i++)
            out[done + i] = piece[i];
    }
    return tensor->dtype != SLR_DTYPE_I64 && tensor->dtype != SLR_DTYPE_OTHER;
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
    if (count > 0)
        memcpy(out, element(tensor, begin), (size_t)count * sizeof *out);
    return true;
}
