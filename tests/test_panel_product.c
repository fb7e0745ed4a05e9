/* SPDX-License-Identifier: MIT
 * The bf16 micro-kernels of this processor against products in double precision. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/memory.h"
#include "core/rng.h"
#include "graph/backend.h"
#include "io/safetensors.h"

enum { MAX_ROWS = 70, MAX_DEPTH = 672, STRIDE = MAX_DEPTH + 32, C_ROW = 37, C_SIZE = (MAX_ROWS + 1) * C_ROW };

static const char *const variants[] = {"avx512bf16", "amx"};
enum { VARIANTS = sizeof variants / sizeof *variants };

typedef struct fixture {
    float *a, *b, *c, *before, *bias;  /* (MAX_ROWS, MAX_DEPTH), (MAX_DEPTH, SLR_PANEL), (MAX_ROWS + 1, C_ROW), the same, SLR_PANEL */
    uint16_t *rounded_a, *panel;       /* as the kernel takes them */
} fixture;

static fixture *open_fixture(void)
{
    fixture *f = slr_alloc(1, sizeof *f);
    f->a = slr_alloc(MAX_ROWS * MAX_DEPTH, sizeof(float));
    f->b = slr_alloc(MAX_DEPTH * SLR_PANEL, sizeof(float));
    f->c = slr_alloc(C_SIZE, sizeof(float));
    f->before = slr_alloc(C_SIZE, sizeof(float));
    f->bias = slr_alloc(SLR_PANEL, sizeof(float));
    f->rounded_a = slr_alloc_aligned(MAX_ROWS * STRIDE, sizeof(uint16_t));
    f->panel = slr_alloc_aligned(MAX_DEPTH * SLR_PANEL, sizeof(uint16_t));
    return f;
}

static void close_fixture(fixture *f)
{
    free(f->a);
    free(f->b);
    free(f->c);
    free(f->before);
    free(f->bias);
    free(f->rounded_a);
    free(f->panel);
    free(f);
}

static void fill(fixture *f, float scale, uint32_t draw)
{
    slr_rng rng = slr_rng_at(3, SLR_STREAM_TEST, draw, 0);
    slr_rng_fill_normal(&rng, f->a, MAX_ROWS * MAX_DEPTH);
    slr_rng_fill_normal(&rng, f->b, MAX_DEPTH * SLR_PANEL);
    slr_rng_fill_normal(&rng, f->before, C_SIZE);
    slr_rng_fill_normal(&rng, f->bias, SLR_PANEL);
    for (int i = 0; i < MAX_ROWS * MAX_DEPTH; i++)
        f->a[i] *= scale;
    for (int i = 0; i < MAX_ROWS * MAX_DEPTH; i++)
        f->rounded_a[i / MAX_DEPTH * STRIDE + i % MAX_DEPTH] = slr_f32_to_bf16(f->a[i]);
    for (int p = 0; p < MAX_DEPTH; p++)
        for (int j = 0; j < SLR_PANEL; j++)
            f->panel[(p / 2 * SLR_PANEL + j) * 2 + p % 2] = slr_f32_to_bf16(f->b[p * SLR_PANEL + j]);
}

typedef struct sums {
    double rounded, exact, norm, exact_norm; /* squares of differences, of results */
} sums;

/* Every result against the product of the rounded operands and of those before rounding; nothing else is written. */
static void check_product(const fixture *f, const slr_panel_product *q, sums *all)
{
    sums s = {0};
    for (int i = 0; i <= MAX_ROWS; i++)
        for (int j = 0; j < C_ROW; j++) {
            const int at = i * C_ROW + j;
            if (i >= q->rows || j >= q->columns) {
                assert_memory_equal(&f->c[at], &f->before[at], sizeof(float));
                continue;
            }
            double start = (q->add ? f->before[at] : 0) + (q->bias ? q->bias[j] : 0), rounded = start, exact = start;
            for (int64_t p = 0; p < q->depth; p++) {
                rounded += (double)slr_bf16_to_f32(f->rounded_a[i * STRIDE + p]) *
                           (double)slr_bf16_to_f32(f->panel[(p / 2 * SLR_PANEL + j) * 2 + p % 2]);
                exact += (double)f->a[i * MAX_DEPTH + p] * (double)f->b[p * SLR_PANEL + j];
            }
            s.rounded += (f->c[at] - rounded) * (f->c[at] - rounded);
            s.exact += (f->c[at] - exact) * (f->c[at] - exact);
            s.norm += rounded * rounded;
            s.exact_norm += exact * exact;
        }
    if (!(sqrt(s.rounded) <= 1e-6 * sqrt(s.norm)))
        fail_msg("%lld rows, %d columns, depth %lld: differs from the product of the rounded operands by %.2e",
                 (long long)q->rows, q->columns, (long long)q->depth, sqrt(s.rounded / s.norm));
    all->rounded += s.rounded, all->exact += s.exact, all->norm += s.norm, all->exact_norm += s.exact_norm;
}

static void run_product(fixture *f, const slr_backend *backend, const slr_panel_product *q)
{
    memcpy(f->c, f->before, C_SIZE * sizeof(float));
    backend->panel_product_bf16(q);
}

static slr_panel_product product_of(const fixture *f, int64_t rows, int columns, int64_t depth)
{
    return (slr_panel_product){.rows = rows, .depth = depth, .a = f->rounded_a, .a_row = STRIDE,
                               .panel = f->panel, .c = f->c, .c_row = C_ROW, .columns = columns};
}

/* 1 to 70 rows, 1 to 32 columns; written, with a bias, added to what is there. */
static void test_all_sizes(void **state)
{
    (void)state;
    fixture *f = open_fixture();
    fill(f, 1, 0);
    for (int v = 0; v < VARIANTS; v++) {
        const slr_backend *backend = slr_backend_cpu_variant(variants[v]);
        sums all = {0};
        for (int rows = 1; backend && rows <= MAX_ROWS; rows++)
            for (int columns = 1; columns <= SLR_PANEL; columns++) {
                slr_panel_product q = product_of(f, rows, columns, 32 + 32 * (rows % 3));
                q.add = (rows + columns) % 3 == 1;
                q.bias = (rows + columns) % 3 == 2 ? f->bias : NULL;
                run_product(f, backend, &q);
                check_product(f, &q, &all);
            }
        for (int64_t depth = 32; backend && depth <= MAX_DEPTH; depth += 32) {
            slr_panel_product q = product_of(f, 33, SLR_PANEL, depth);
            run_product(f, backend, &q);
            check_product(f, &q, &all);
        }
        if (!backend)
            continue;
        double rounding = sqrt(all.exact / all.exact_norm);
        printf("%s: relative error %.2e of Gaussian operands, %.2e of rounded ones\n", variants[v], rounding,
               sqrt(all.rounded / all.norm));
        assert_true(rounding <= 3e-3);
    }
    close_fixture(f);
}

/* An operand of subnormal numbers counts as zero or as what it is: the sums are below what floats resolve. */
static void test_subnormal_operands(void **state)
{
    (void)state;
    fixture *f = open_fixture();
    fill(f, 0x1p-130f, 1);
    for (int v = 0; v < VARIANTS; v++) {
        const slr_backend *backend = slr_backend_cpu_variant(variants[v]);
        slr_panel_product q = product_of(f, 45, 29, 96);
        if (!backend)
            continue;
        run_product(f, backend, &q);
        for (int i = 0; i < 45; i++)
            for (int j = 0; j < 29; j++)
                assert_true(fabsf(f->c[i * C_ROW + j]) <= 0x1p-120f);
    }
    close_fixture(f);
}

/* Panel after panel in one call is what one call a panel gives, and nothing else is written. */
static void test_several_panels(void **state)
{
    (void)state;
    enum { DEPTH = 64, STEP = 96 * SLR_PANEL, COLUMNS = 3 * SLR_PANEL, ROW = COLUMNS + 5, ROWS = 53 };
    fixture *f = open_fixture();
    fill(f, 1, 4);
    float *together = slr_alloc((ROWS + 1) * ROW, sizeof(float)), *alone = slr_alloc((ROWS + 1) * ROW, sizeof(float));
    for (int v = 0; v < VARIANTS; v++) {
        const slr_backend *backend = slr_backend_cpu_variant(variants[v]);
        for (int columns = 1; backend && columns <= COLUMNS; columns++) {
            slr_panel_product q = {.rows = 1 + columns * 7 % ROWS, .depth = DEPTH, .a = f->rounded_a, .a_row = STRIDE,
                                   .panel = f->panel, .panel_step = STEP, .c = together, .c_row = ROW,
                                   .columns = columns, .add = columns % 2};
            for (int i = 0; i < (ROWS + 1) * ROW; i++)
                together[i] = alone[i] = f->before[i % C_SIZE];
            backend->panel_product_bf16(&q);
            for (int first = 0; first < columns; first += SLR_PANEL) {
                slr_panel_product one = q;
                one.panel = f->panel + first / SLR_PANEL * STEP;
                one.columns = columns - first < SLR_PANEL ? columns - first : SLR_PANEL;
                one.c = alone + first;
                backend->panel_product_bf16(&one);
            }
            assert_memory_equal(together, alone, (ROWS + 1) * ROW * sizeof(float));
        }
    }
    free(together);
    free(alone);
    close_fixture(f);
}

/* A product of no rows writes nothing. */
static void test_no_rows(void **state)
{
    (void)state;
    fixture *f = open_fixture();
    fill(f, 1, 2);
    for (int v = 0; v < VARIANTS; v++) {
        const slr_backend *backend = slr_backend_cpu_variant(variants[v]);
        slr_panel_product q = product_of(f, 0, SLR_PANEL, 32);
        sums all = {0};
        if (!backend)
            continue;
        run_product(f, backend, &q);
        check_product(f, &q, &all);
    }
    close_fixture(f);
}

/* The rows and columns around an element leave its bits alone. */
static void test_bits_of_an_element(void **state)
{
    (void)state;
    fixture *f = open_fixture();
    fill(f, 1, 3);
    for (int v = 0; v < VARIANTS; v++) {
        const slr_backend *backend = slr_backend_cpu_variant(variants[v]);
        if (!backend)
            continue;
        slr_panel_product q = product_of(f, MAX_ROWS, SLR_PANEL, MAX_DEPTH);
        run_product(f, backend, &q);
        for (int rows = 1; rows < MAX_ROWS; rows += 4) {
            float all[C_SIZE];
            memcpy(all, f->c, sizeof all);
            q.rows = rows, q.columns = 1 + rows % SLR_PANEL;
            backend->panel_product_bf16(&q);
            assert_memory_equal(all, f->c, sizeof all);
        }
    }
    close_fixture(f);
}

static void test_choice(void **state)
{
    (void)state;
    const slr_backend *bf16 = slr_backend_cpu_compute(SLR_COMPUTE_BF16);
    const slr_backend *amx = slr_backend_cpu_variant("amx"), *avx512bf16 = slr_backend_cpu_variant("avx512bf16");
    assert_ptr_equal(bf16, amx ? amx : avx512bf16);
    assert_null(slr_backend_cpu()->panel_product_bf16);
    assert_ptr_equal(slr_backend_cpu(), slr_backend_cpu_compute(SLR_COMPUTE_F32));
    printf("f32: %s, bf16: %s\n", slr_backend_cpu()->name, bf16 ? bf16->name : "none here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_all_sizes),
        cmocka_unit_test(test_subnormal_operands),
        cmocka_unit_test(test_several_panels),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_bits_of_an_element),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
