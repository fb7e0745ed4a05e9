/* SPDX-License-Identifier: MIT
 * Operands of bf16 products: every place against its definition, for every instruction set of this processor; nothing
 * is read beyond the operand (its end is the end of a page that can be read). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/memory.h"
#include "core/rng.h"
#include "graph/backend.h"

#define DECLARE(isa)                                                                                                 \
    void slr_cpu_bf16_round_rows_##isa(const float *, int64_t, int64_t, int64_t, int64_t, uint16_t *, int64_t);      \
    void slr_cpu_bf16_pack_rows_##isa(const void *, slr_dtype, int64_t, int64_t, int, uint16_t *);                   \
    void slr_cpu_bf16_pack_columns_##isa(const void *, slr_dtype, int64_t, int64_t, int64_t, int, uint16_t *);
DECLARE(generic)
#ifdef __x86_64__
DECLARE(avx512)
#endif

typedef struct packers {
    const char *needs; /* the backend whose instructions they use */
    void (*round_rows)(const float *, int64_t, int64_t, int64_t, int64_t, uint16_t *, int64_t);
    void (*pack_rows)(const void *, slr_dtype, int64_t, int64_t, int, uint16_t *);
    void (*pack_columns)(const void *, slr_dtype, int64_t, int64_t, int64_t, int, uint16_t *);
} packers;

static const packers all[] = {
    {"generic", slr_cpu_bf16_round_rows_generic, slr_cpu_bf16_pack_rows_generic, slr_cpu_bf16_pack_columns_generic},
#ifdef __x86_64__
    {"avx512bf16", slr_cpu_bf16_round_rows_avx512, slr_cpu_bf16_pack_rows_avx512, slr_cpu_bf16_pack_columns_avx512},
#endif
};
enum { SETS = sizeof all / sizeof *all, SIZE = 1 << 14, MAX_DEPTH = 130, OUT = 100 * 160 };
static const slr_dtype dtypes[] = {SLR_DTYPE_F32, SLR_DTYPE_F16, SLR_DTYPE_BF16};

/* SIZE numbers before an end of readable memory. */
typedef struct guarded {
    char *map;
    size_t bytes, page;
    float *f32;     /* the numbers */
    uint16_t *bits; /* the same in 16 bits, as `dtype`, in the same place */
} guarded;

/* The end of `count` numbers of a type is the end of the readable memory. */
static const void *numbers(guarded *g, slr_dtype dtype, int64_t count)
{
    size_t width = dtype == SLR_DTYPE_F32 ? sizeof(float) : sizeof(uint16_t);
    char *at = g->map + g->bytes - (size_t)count * width;
    for (int64_t i = 0; i < count; i++) {
        uint16_t half = dtype == SLR_DTYPE_F16 ? slr_f32_to_f16(g->f32[i]) : slr_f32_to_bf16(g->f32[i]);
        memcpy(at + (size_t)i * width, dtype == SLR_DTYPE_F32 ? (void *)&g->f32[i] : (void *)&half, width);
    }
    return at;
}

static guarded open_guarded(void)
{
    guarded g = {.page = (size_t)sysconf(_SC_PAGESIZE), .bytes = SIZE * sizeof(float)};
    g.map = mmap(NULL, g.bytes + g.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.map != MAP_FAILED);
    assert_int_equal(mprotect(g.map + g.bytes, g.page, PROT_NONE), 0);
    g.f32 = slr_alloc(SIZE, sizeof(float));
    slr_rng rng = slr_rng_at(5, SLR_STREAM_TEST, 0, 0);
    slr_rng_fill_normal(&rng, g.f32, SIZE);
    static const float special[] = {0, -0.0f, INFINITY, -INFINITY, 65504, 1.00390625f, 1.01171875f, 3.0e38f, 6e-8f, 1e-5f};
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) /* ties to even, largest and smallest */
        g.f32[i * 37 + 5] = special[i];
    return g;
}

static void close_guarded(guarded *g)
{
    munmap(g->map, g->bytes + g->page);
    free(g->f32);
}

static uint16_t expected_bits(const void *b, slr_dtype dtype, int64_t at)
{
    if (dtype == SLR_DTYPE_F32)
        return slr_f32_to_bf16(((const float *)b)[at]);
    uint16_t half = ((const uint16_t *)b)[at];
    return dtype == SLR_DTYPE_F16 ? slr_f32_to_bf16(slr_f16_to_f32(half)) : half;
}

/* A panel against its definition; what lies behind it is untouched. */
static void check_panel(const uint16_t *panel, const void *b, slr_dtype dtype, int64_t row, int64_t step, int64_t block,
                        int64_t depth, int columns)
{
    int64_t padded = (depth + 31) / 32 * 32;
    for (int64_t p = 0; p < padded; p++)
        for (int j = 0; j < SLR_PANEL; j++) {
            bool real = p < depth && j < columns;
            int64_t at = block ? p / 32 * block + p % 32 + j * step : p * row + j;
            uint16_t expected = real ? expected_bits(b, dtype, at) : 0;
            assert_int_equal(panel[(p / 2 * SLR_PANEL + j) * 2 + p % 2], expected);
        }
    assert_int_equal(panel[padded * SLR_PANEL], 0x7777);
}

static void spoil(uint16_t *out)
{
    for (int i = 0; i < OUT; i++)
        out[i] = 0x7777;
}

static void test_rows(void **state)
{
    (void)state;
    guarded g = open_guarded();
    uint16_t *panel = slr_alloc_aligned(OUT, sizeof *panel);
    for (int s = 0; s < SETS; s++)
        for (int t = 0; t < 3 && slr_backend_cpu_variant(all[s].needs); t++)
            for (int64_t depth = 1; depth <= MAX_DEPTH; depth += depth < 66 ? 1 : 31)
                for (int columns = 1; columns <= SLR_PANEL; columns += columns < 16 ? 5 : 8) {
                    int64_t row = SLR_PANEL + depth % 3 * 7;
                    const void *b = numbers(&g, dtypes[t], (depth - 1) * row + columns);
                    spoil(panel);
                    all[s].pack_rows(b, dtypes[t], row, depth, columns, panel);
                    check_panel(panel, b, dtypes[t], row, 1, 0, depth, columns);
                }
    free(panel);
    close_guarded(&g);
}

static void test_columns(void **state)
{
    (void)state;
    guarded g = open_guarded();
    uint16_t *panel = slr_alloc_aligned(OUT, sizeof *panel);
    for (int s = 0; s < SETS; s++)
        for (int t = 0; t < 3 && slr_backend_cpu_variant(all[s].needs); t++)
            for (int64_t depth = 1; depth <= MAX_DEPTH; depth += depth < 66 ? 1 : 31)
                for (int columns = 1; columns <= SLR_PANEL; columns += columns < 16 ? 5 : 8) {
                    bool plain = depth % 2;
                    int64_t step = plain ? depth + depth % 3 : SLR_PANEL, block = plain ? 32 : 70 * SLR_PANEL;
                    int64_t last = (depth - 1) / 32 * block + (depth - 1) % 32 + (columns - 1) * step;
                    const void *b = numbers(&g, dtypes[t], last + 1);
                    spoil(panel);
                    all[s].pack_columns(b, dtypes[t], step, block, depth, columns, panel);
                    check_panel(panel, b, dtypes[t], 0, step, block, depth, columns);
                }
    free(panel);
    close_guarded(&g);
}

static void test_left_operand(void **state)
{
    (void)state;
    guarded g = open_guarded();
    uint16_t *out = slr_alloc_aligned(OUT, sizeof *out);
    for (int s = 0; s < SETS; s++)
        for (int across = 0; across < 2 && slr_backend_cpu_variant(all[s].needs); across++)
            for (int64_t rows = 1; rows <= 70; rows += rows < 20 ? 1 : 17)
                for (int64_t depth = 1; depth <= MAX_DEPTH; depth += depth < 36 ? 1 : 31) {
                    int64_t row = across ? 1 : depth + 3, step = across ? rows + 2 : 1, out_row = (depth + 31) / 32 * 32;
                    const float *a = numbers(&g, SLR_DTYPE_F32, (rows - 1) * row + (depth - 1) * step + 1);
                    spoil(out);
                    all[s].round_rows(a, row, step, rows, depth, out, out_row);
                    for (int64_t i = 0; i < rows; i++)
                        for (int64_t p = 0; p < out_row; p++)
                            assert_int_equal(out[i * out_row + p],
                                             p < depth ? slr_f32_to_bf16(a[i * row + p * step]) : 0);
                    assert_int_equal(out[rows * out_row], 0x7777);
                }
    free(out);
    close_guarded(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_left_operand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
