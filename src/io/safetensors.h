/* SPDX-License-Identifier: MIT
 *
 * The safetensors container: u64 header length, JSON header, data. Files are memory-mapped and fully
 * checked at opening: ranges tile the data, sizes equal shape times element size, no duplicates. Refused beside
 * what the reference reader refuses: repeated keys, more than 8 dimensions, NUL and control characters in names.
 *
 *     slr_safetensors *file;
 *     SLR_TRY(slr_safetensors_open("model.safetensors", &file, err));
 *     const slr_stored_tensor *w = slr_safetensors_find(file, "conv_in.weight");
 *     slr_stored_to_f32(w, 0, slr_stored_count(w), values);
 *     slr_safetensors_close(file);
 */
#ifndef SLR_SAFETENSORS_H
#define SLR_SAFETENSORS_H

#include <stdbool.h>

#include "core/real.h"
#include "core/status.h"

typedef enum slr_dtype {
    SLR_DTYPE_F32,
    SLR_DTYPE_F16,
    SLR_DTYPE_BF16,
    SLR_DTYPE_F64,
    SLR_DTYPE_I64,
    SLR_DTYPE_OTHER /* known to the format, not read by selora */
} slr_dtype;

enum { SLR_STORED_MAX_DIMS = 8 };

/* One tensor of a file; everything is owned by the file. Row-major, little-endian, maybe unaligned. */
typedef struct slr_stored_tensor {
    const char *name;
    slr_dtype dtype;
    int dims;
    int64_t shape[SLR_STORED_MAX_DIMS];
    const void *data;
    size_t bytes;
    bool mapped; /* lies in a mapped file */
} slr_stored_tensor;

typedef struct slr_safetensors slr_safetensors;

/* Maps and checks the file. SELORA_BAD_INPUT names the defect. */
selora_status slr_safetensors_open(const char *path, slr_safetensors **file, slr_error *err);
/* The same over memory that outlives the file object (`name` for messages): fuzzing, tests. */
selora_status slr_safetensors_open_memory(const void *data, size_t size, const char *name,
                                          slr_safetensors **file, slr_error *err);
void slr_safetensors_close(slr_safetensors *file); /* NULL is legal */

const char *slr_safetensors_path(const slr_safetensors *file);
size_t slr_safetensors_count(const slr_safetensors *file);
const slr_stored_tensor *slr_safetensors_at(const slr_safetensors *file, size_t index); /* file order of the header */
const slr_stored_tensor *slr_safetensors_find(const slr_safetensors *file, const char *name); /* or NULL */
size_t slr_safetensors_metadata_count(const slr_safetensors *file);
void slr_safetensors_metadata_at(const slr_safetensors *file, size_t index, const char **key,
                                 const char **value);
const char *slr_safetensors_metadata(const slr_safetensors *file, const char *key); /* or NULL */

int64_t slr_stored_count(const slr_stored_tensor *tensor); /* elements */
/* Lets go of the memory that a tensor of a mapped file takes; it is read again when it is looked at again. */
void slr_stored_release(const slr_stored_tensor *tensor);
size_t slr_dtype_bytes(slr_dtype dtype);                   /* 0 for OTHER */
const char *slr_dtype_name(slr_dtype dtype);

/* Elements [begin, begin + count) as numbers. F32, F16, BF16, F64 for the floating forms (others: false). */
bool slr_stored_to_f32(const slr_stored_tensor *tensor, int64_t begin, int64_t count, float *out);
bool slr_stored_to_f64(const slr_stored_tensor *tensor, int64_t begin, int64_t count, double *out);
bool slr_stored_to_real(const slr_stored_tensor *tensor, int64_t begin, int64_t count, slr_real *out);
bool slr_stored_to_i64(const slr_stored_tensor *tensor, int64_t begin, int64_t count, int64_t *out); /* I64 only */

/* 16-bit conversions, round to nearest even; subnormals, infinities and NaN as IEEE 754 has them. */
uint16_t slr_f32_to_f16(float value);
float slr_f16_to_f32(uint16_t bits);
uint16_t slr_f32_to_bf16(float value);
float slr_bf16_to_f32(uint16_t bits);
/* The same for `count` numbers; `halves` may be unaligned, `out` must not overlap it. */
void slr_f16_to_f32_many(const void *halves, size_t count, float *out);
void slr_bf16_to_f32_many(const void *halves, size_t count, float *out);
void slr_f32_to_f16_many(const float *values, size_t count, uint16_t *out);
void slr_f32_to_bf16_many(const float *values, size_t count, uint16_t *out);

/* Writing: tensors are collected (data is borrowed until the file is written), sorted by type (I64, F64, F32,
 * BF16, F16) then name as the reference writer does, header padded so that data starts on a multiple of 8. */
typedef struct slr_safetensors_writer slr_safetensors_writer;
slr_safetensors_writer *slr_safetensors_writer_new(void); /* NULL when memory lacks */
void slr_safetensors_writer_free(slr_safetensors_writer *writer);
/* Names, keys and values are copied and must be valid UTF-8. A repeated name is an error, a repeated metadata key
 * replaces the earlier value. */
selora_status slr_safetensors_writer_metadata(slr_safetensors_writer *writer, const char *key,
                                              const char *value, slr_error *err);
selora_status slr_safetensors_writer_tensor(slr_safetensors_writer *writer, const char *name,
                                            slr_dtype dtype, int dims, const int64_t *shape,
                                            const void *data, slr_error *err);
/* Numbers that are made while the file is written, so that one tensor at a time is in memory: `make` fills all bytes of
 * `data`, which is aligned for every type. */
typedef selora_status slr_tensor_maker(void *context, void *data, slr_error *err);
selora_status slr_safetensors_writer_made(slr_safetensors_writer *writer, const char *name, slr_dtype dtype, int dims,
                                          const int64_t *shape, slr_tensor_maker *make, void *context,
                                          slr_error *err);
/* slr_real values stored as F32 (rounded when slr_real is double) or as F64 when `exact`; converted into the
 * writer's own memory. */
selora_status slr_safetensors_writer_real(slr_safetensors_writer *writer, const char *name, int dims,
                                          const int64_t *shape, const slr_real *data, bool exact,
                                          slr_error *err);
/* Written aside, fsynced, renamed onto `path`; mode 0644 less the umask. */
selora_status slr_safetensors_writer_save(slr_safetensors_writer *writer, const char *path,
                                          slr_error *err);

#endif
