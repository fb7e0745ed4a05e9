/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/safetensors.h"
#include "support/scratch.h"

/* A file of the given header and `data_bytes` rising bytes; free() it. */
static unsigned char *build(const char *header, size_t data_bytes, size_t *size)
{
    size_t length = strlen(header);
    unsigned char *file = malloc(8 + length + data_bytes);
    for (int i = 0; i < 8; i++)
        file[i] = (unsigned char)(length >> (8 * i));
    memcpy(file + 8, header, length);
    for (size_t i = 0; i < data_bytes; i++)
        file[8 + length + i] = (unsigned char)i;
    *size = 8 + length + data_bytes;
    return file;
}

typedef struct container {
    const char *header;
    size_t data_bytes;
    const char *message; /* part of it; NULL: accepted */
} container;

static const container containers[] = {
    {"{}", 0, NULL},
    {"  {}  \n", 0, NULL},
    {"{\"__metadata__\":{\"format\":\"pt\"}}", 0, NULL},
    {"{\"__metadata__\":null}", 0, NULL},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, NULL},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0,9],\"data_offsets\":[0,0]}}", 0, NULL},
    {"{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]},\"__metadata__\":{},"
     "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 3, NULL},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}", 5, NULL},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 1, NULL},
    {"{\"a\":{\"dtype\":\"U8\",\"x\":[{}],\"shape\":[1],\"data_offsets\":[0,1]}}", 1, NULL},
    {"{\"\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, NULL},
    {"{\"a\":{\"dtype\":\"F4\",\"shape\":[2,3],\"data_offsets\":[0,3]}}", 3, NULL},
    {"{\"a\":{\"dtype\":\"F6_E2M3\",\"shape\":[4],\"data_offsets\":[0,3]}}", 3, NULL},
    {"{\"a\":{\"dtype\":\"F8_E4M3FNUZ\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, NULL},
    {"{\"a\":{\"dtype\":\"C64\",\"shape\":[1,1,1,1,1,1,1,1],\"data_offsets\":[0,8]}}", 8, NULL},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[0,4611686018427387904,4611686018427387904],"
     "\"data_offsets\":[0,0]}}", 0, NULL},

    {"", 0, "JSON"},
    {"[]", 0, "not a JSON object"},
    {"\xef\xbb\xbf{}", 0, "not a JSON object"},
    {"{", 0, "JSON"},
    {"{}x", 0, "JSON"},
    {"{}", 1, "1 bytes follow the last tensor"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 3, "cut short"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5, "follow"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}", 5, "hole"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "needs 8 bytes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,4]}}", 4, "needs 0 bytes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "rising"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "rising"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", 4, "rising"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0.0,4]}}", 4, "rising"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":{}}}", 4, "rising"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "rising"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,9223372036854775807]}}", 4, "cut short"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,9223372036854775808]}}", 4, "JSON"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "impossible shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, "impossible shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, "shape must be a list"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "shape must be a list"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "at most 8"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0, "impossible"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,4]}}", 4, "impossible"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4611686018427387904,2,0],\"data_offsets\":[0,0]}}", 0, "impossible"},
    {"{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}", 1, "impossible shape for its dtype"},
    {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown dtype F31"},
    {"{\"a\":{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown dtype"},
    {"{\"a\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown dtype"},
    {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown dtype"},
    {"{\"a\":[]}", 0, "not an object"},
    {"{\"a\":null}", 0, "not an object"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "duplicate"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "overlaps"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3, "overlaps"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}", 3, "hole"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[1,1]}}", 2, "overlaps"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "a is not a text"},
    {"{\"__metadata__\":[]}", 0, "object of texts"},
    {"{\"__metadata__\":{\"a\":\"x\\u0000\"}}", 0, "JSON"},
    {"{\"__metadata__\":{\"a\\n\":\"x\"}}", 0, "control"},
    {"{\"a\\u0000\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "JSON"},
    {"{\"a\\u001b[31m\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "control"},
    {"{\"a\\u009b31m\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "control"},
    {"{\"a\\u007f\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "control"},
    {"{\"\xff\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "JSON"},
};

static void test_containers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof containers / sizeof *containers; i++) {
        const container *c = &containers[i];
        size_t size;
        unsigned char *bytes = build(c->header, c->data_bytes, &size);
        slr_safetensors *file;
        slr_error err = {0};
        selora_status status = slr_safetensors_open_memory(bytes, size, "t", &file, &err);
        if (status != (c->message ? SELORA_BAD_INPUT : SELORA_OK))
            fail_msg("%s: status %d (%s)", c->header, (int)status, err.message);
        if (c->message && !strstr(err.message, c->message))
            fail_msg("%s: '%s' lacks '%s'", c->header, err.message, c->message);
        assert_true((file != NULL) == (status == SELORA_OK));
        slr_safetensors_close(file);
        free(bytes);
    }
    slr_safetensors_close(NULL);
}

/* Every shorter version of a good file is refused. */
static void test_truncated(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = build(containers[6].header, containers[6].data_bytes, &size);
    for (size_t cut = 0; cut < size; cut++) {
        unsigned char *part = malloc(cut ? cut : 1); /* its end is guarded by AddressSanitizer */
        memcpy(part, bytes, cut);
        slr_safetensors *file;
        assert_int_equal(slr_safetensors_open_memory(part, cut, "t", &file, NULL), SELORA_BAD_INPUT);
        free(part);
    }
    free(bytes);
}

static void test_header_length(void **state)
{
    (void)state;
    const uint64_t lengths[] = {UINT64_MAX, (uint64_t)1 << 63, (uint64_t)1 << 32, 3, 100000001};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        unsigned char bytes[10] = {0};
        for (int b = 0; b < 8; b++)
            bytes[b] = (unsigned char)(lengths[i] >> (8 * b));
        memcpy(bytes + 8, "{}", 2);
        slr_safetensors *file;
        slr_error err = {0};
        assert_int_equal(slr_safetensors_open_memory(bytes, 10, "t", &file, &err), SELORA_BAD_INPUT);
        assert_non_null(strstr(err.message, "the header claims"));
    }
    /* A real header of a byte too many, and one of too many values. */
    size_t length = 100000001;
    unsigned char *big = malloc(8 + length);
    memset(big, ' ', 8 + length);
    memcpy(big + 8, "{}", 2);
    for (int round = 0; round < 3; round++) {
        size_t now = round == 0 ? length : length - 1;
        if (round == 2) {
            memset(big + 8, ',', now);
            big[8] = '[';
        }
        for (int b = 0; b < 8; b++)
            big[b] = (unsigned char)(now >> (8 * b));
        slr_safetensors *file;
        slr_error err = {0};
        selora_status status = slr_safetensors_open_memory(big, 8 + now, "t", &file, &err);
        assert_int_equal(status, round == 1 ? SELORA_OK : SELORA_BAD_INPUT);
        assert_true(round != 2 || strstr(err.message, "more than any model has"));
        slr_safetensors_close(file);
    }
    free(big);
}

static void test_reading(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = build("{\"__metadata__\":{\"k1\":\"v1\",\"k2\":\"\"},"
                                 "\"odd\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                                 "\"f32\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[1,9]},"
                                 "\"f16\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[9,13]},"
                                 "\"bf16\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[13,17]},"
                                 "\"f64\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[17,33]},"
                                 "\"i64\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[33,49]}}", 49, &size);
    unsigned char *data = bytes + size - 49;
    const float singles[2] = {1.5f, -3.25f};
    const uint16_t f16[2] = {0x3e00, 0xc280}, bf16[2] = {0x3fc0, 0xc050};
    const double doubles[2] = {1.5, -3.25};
    const int64_t wholes[2] = {INT64_MIN, 42};
    memcpy(data + 1, singles, 8);
    memcpy(data + 9, f16, 4);
    memcpy(data + 13, bf16, 4);
    memcpy(data + 17, doubles, 16);
    memcpy(data + 33, wholes, 16);
    slr_safetensors *file;
    assert_int_equal(slr_safetensors_open_memory(bytes, size, "name", &file, NULL), SELORA_OK);
    assert_string_equal(slr_safetensors_path(file), "name");
    assert_int_equal(slr_safetensors_count(file), 6);
    assert_string_equal(slr_safetensors_at(file, 0)->name, "odd"); /* the order of the header */
    assert_string_equal(slr_safetensors_at(file, 5)->name, "i64");
    assert_null(slr_safetensors_find(file, "f3"));
    assert_null(slr_safetensors_find(file, "__metadata__"));
    static const char *const names[] = {"f32", "f16", "bf16", "f64"};
    for (int i = 0; i < 4; i++) {
        const slr_stored_tensor *tensor = slr_safetensors_find(file, names[i]);
        assert_non_null(tensor);
        assert_int_equal(slr_stored_count(tensor), 2);
        float single[2];
        double wide[2];
        slr_real real[1];
        int64_t none[2];
        assert_true(slr_stored_to_f32(tensor, 0, 2, single) && slr_stored_to_f64(tensor, 0, 2, wide));
        assert_true(slr_stored_to_real(tensor, 1, 1, real) && real[0] == -3.25f);
        assert_true(single[0] == 1.5f && single[1] == -3.25f && wide[0] == 1.5 && wide[1] == -3.25);
        assert_false(slr_stored_to_i64(tensor, 0, 2, none));
    }
    const slr_stored_tensor *tensor = slr_safetensors_find(file, "i64");
    int64_t back[1];
    float single[2];
    double wide[2];
    assert_true(slr_stored_to_i64(tensor, 1, 1, back));
    assert_int_equal(back[0], 42);
    assert_false(slr_stored_to_f32(tensor, 0, 2, single) || slr_stored_to_f64(tensor, 0, 2, wide));
    assert_false(slr_stored_to_f32(slr_safetensors_find(file, "odd"), 0, 1, single));
    assert_int_equal(slr_safetensors_find(file, "odd")->dtype, SLR_DTYPE_OTHER);
    const char *key, *value;
    assert_int_equal(slr_safetensors_metadata_count(file), 2);
    slr_safetensors_metadata_at(file, 1, &key, &value);
    assert_string_equal(key, "k2");
    assert_string_equal(value, "");
    assert_string_equal(slr_safetensors_metadata(file, "k1"), "v1");
    assert_null(slr_safetensors_metadata(file, "k3"));
    slr_safetensors_close(file);
    free(bytes);
}

static void test_many_names(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    float value[COUNT];
    const int64_t shape[1] = {1};
    char name[32];
    for (int i = 0; i < COUNT; i++) {
        value[i] = (float)i;
        snprintf(name, sizeof name, "layer.%d.weight", i);
        assert_int_equal(slr_safetensors_writer_tensor(writer, name, SLR_DTYPE_F32, 1, shape, &value[i], NULL),
                         SELORA_OK);
    }
    assert_int_equal(slr_safetensors_writer_save(writer, scratch_path("many"), NULL), SELORA_OK);
    slr_safetensors_writer_free(writer);
    slr_safetensors *file;
    assert_int_equal(slr_safetensors_open(scratch_path("many"), &file, NULL), SELORA_OK);
    for (int i = 0; i < COUNT; i++) {
        float back;
        snprintf(name, sizeof name, "layer.%d.weight", i);
        const slr_stored_tensor *tensor = slr_safetensors_find(file, name);
        assert_true(tensor && slr_stored_to_f32(tensor, 0, 1, &back) && back == (float)i);
    }
    slr_safetensors_close(file);
}

/* What the reference writer (safetensors 0.8.0) makes of these tensors: types in its order, then names. */
static const char reference_header[] =
    "{\"__metadata__\":{\"format\":\"pt\"},"
    "\"b.i\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[0,16]},"
    "\"a.f64\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[16,32]},"
    "\"z.f64\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[32,48]},"
    "\"f\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[48,72]},"
    "\"\xc3\xa9\\\"/\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[72,76]},"
    "\"b.bf\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[76,78]},"
    "\"d.bf\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[78,80]},"
    "\"a.h\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[80,82]},"
    "\"c.h\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[82,84]}}";

static void test_writer_order(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    const unsigned char zeros[24] = {0};
    const struct {
        const char *name;
        slr_dtype dtype;
        int dims;
        int64_t shape[2];
    } tensors[] = {
        {"c.h", SLR_DTYPE_F16, 1, {1}},   {"b.i", SLR_DTYPE_I64, 1, {2}},  {"z.f64", SLR_DTYPE_F64, 1, {2}},
        {"a.f64", SLR_DTYPE_F64, 1, {2}}, {"a.h", SLR_DTYPE_F16, 1, {1}},  {"b.bf", SLR_DTYPE_BF16, 1, {1}},
        {"d.bf", SLR_DTYPE_BF16, 0, {0}}, {"f", SLR_DTYPE_F32, 2, {2, 3}}, {"\xc3\xa9\"/", SLR_DTYPE_F32, 1, {1}},
    };
    assert_int_equal(slr_safetensors_writer_metadata(writer, "format", "pt", &err), SELORA_OK);
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        assert_int_equal(slr_safetensors_writer_tensor(writer, tensors[i].name, tensors[i].dtype, tensors[i].dims,
                                                       tensors[i].shape, zeros, &err), SELORA_OK);
    assert_int_equal(slr_safetensors_writer_save(writer, scratch_path("x"), &err), SELORA_OK);
    slr_safetensors_writer_free(writer);
    size_t size, length = sizeof reference_header - 1, padded = (length + 7) / 8 * 8;
    unsigned char *data = (unsigned char *)scratch_read("x", &size);
    assert_int_equal(size, 8 + padded + 84);
    assert_int_equal(data[0] | data[1] << 8 | data[2] << 16, padded);
    assert_memory_equal(data + 8, reference_header, length);
    for (size_t i = length; i < padded; i++)
        assert_int_equal(data[8 + i], ' ');
    free(data);
}

static void test_writer_round_trip(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    const slr_real values[3] = {1.0f / 3, -0.0f, 1e-40f};
    const int64_t shape[2] = {3, 1}, none[1] = {0};
    assert_int_equal(slr_safetensors_writer_real(writer, "w", 2, shape, values, true, &err), SELORA_OK);
    assert_int_equal(slr_safetensors_writer_real(writer, "v", 2, shape, values, false, &err), SELORA_OK);
    assert_int_equal(slr_safetensors_writer_tensor(writer, "none", SLR_DTYPE_F32, 1, none, NULL, &err), SELORA_OK);
    assert_int_equal(slr_safetensors_writer_metadata(writer, "k", "old", &err), SELORA_OK);
    assert_int_equal(slr_safetensors_writer_metadata(writer, "k", "line\nbreak \xc3\xa9", &err), SELORA_OK);
    for (int round = 0; round < 2; round++) /* saving twice gives the same file */
        assert_int_equal(slr_safetensors_writer_save(writer, scratch_path(round ? "b" : "a"), &err), SELORA_OK);
    slr_safetensors_writer_free(writer);
    size_t size_a, size_b;
    char *a = scratch_read("a", &size_a), *b = scratch_read("b", &size_b);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(a, b, size_a);
    free(a);
    free(b);
    slr_safetensors *file;
    assert_int_equal(slr_safetensors_open(scratch_path("a"), &file, &err), SELORA_OK);
    assert_string_equal(slr_safetensors_metadata(file, "k"), "line\nbreak \xc3\xa9");
    const slr_stored_tensor *w = slr_safetensors_find(file, "w");
    slr_real back[3];
    assert_int_equal(w->dims, 2);
    assert_int_equal(w->shape[0], 3);
    assert_true(slr_stored_to_real(w, 0, 3, back));
    assert_memory_equal(back, values, sizeof back);
    assert_int_equal(slr_safetensors_find(file, "v")->dtype, SLR_DTYPE_F32);
    assert_int_equal(slr_stored_count(slr_safetensors_find(file, "none")), 0);
    slr_safetensors_close(file);
}

static void test_writer_refuses(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    const int64_t one[1] = {1}, huge[2] = {INT64_MAX, 2}, negative[1] = {-1};
    const float value = 1;
    assert_int_equal(slr_safetensors_writer_tensor(writer, "a", SLR_DTYPE_F32, 1, one, &value, &err), SELORA_OK);
    assert_int_equal(slr_safetensors_writer_tensor(writer, "a", SLR_DTYPE_F32, 1, one, &value, &err), SELORA_USAGE);
    assert_string_equal(err.message, "a: written twice");
    assert_int_equal(slr_safetensors_writer_tensor(writer, "b", SLR_DTYPE_F32, 2, huge, &value, &err), SELORA_USAGE);
    assert_int_equal(slr_safetensors_writer_tensor(writer, "b", SLR_DTYPE_F32, 1, negative, &value, &err),
                     SELORA_USAGE);
    assert_int_equal(slr_safetensors_writer_tensor(writer, "b", SLR_DTYPE_F32, 9, one, &value, &err), SELORA_USAGE);
    assert_int_equal(slr_safetensors_writer_tensor(writer, "b", SLR_DTYPE_OTHER, 1, one, &value, &err), SELORA_USAGE);
    assert_int_equal(slr_safetensors_writer_tensor(writer, "__metadata__", SLR_DTYPE_F32, 1, one, &value, &err),
                     SELORA_USAGE);
    assert_int_equal(slr_safetensors_writer_tensor(writer, "\xff", SLR_DTYPE_F32, 1, one, &value, &err), SELORA_USAGE);
    assert_int_equal(slr_safetensors_writer_metadata(writer, "k", "\xff", &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_safetensors_writer_save(writer, scratch_path("missing/x"), &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_safetensors_writer_save(writer, scratch_path("x"), &err), SELORA_OK);
    slr_safetensors_writer_free(writer);
    slr_safetensors *file;
    assert_int_equal(slr_safetensors_open(scratch_path("x"), &file, &err), SELORA_OK);
    assert_int_equal(slr_safetensors_count(file), 1);
    slr_safetensors_close(file);
    slr_safetensors_writer_free(NULL);
}

static void test_not_files(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_safetensors *file;
    assert_int_equal(slr_safetensors_open(scratch_path("missing"), &file, &err), SELORA_BAD_INPUT);
    assert_null(file);
    assert_int_equal(slr_safetensors_open(scratch_path(""), &file, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "folder"));
    scratch_write("empty", "", 0);
    assert_int_equal(slr_safetensors_open(scratch_path("empty"), &file, &err), SELORA_BAD_INPUT);
    scratch_write("junk", "PK\3\4 a pickle, surely", 20);
    assert_int_equal(slr_safetensors_open(scratch_path("junk"), &file, &err), SELORA_BAD_INPUT);
    assert_int_equal(mkfifo(scratch_path("pipe"), 0600), 0);
    alarm(20);
    assert_int_equal(slr_safetensors_open(scratch_path("pipe"), &file, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_safetensors_open("/dev/zero", &file, &err), SELORA_BAD_INPUT);
    alarm(0);
}

#define SCRATCH_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_containers),     cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_header_length),  cmocka_unit_test(test_reading),
        SCRATCH_TEST(test_many_names),         SCRATCH_TEST(test_writer_order),
        SCRATCH_TEST(test_writer_round_trip),  SCRATCH_TEST(test_writer_refuses),
        SCRATCH_TEST(test_not_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
