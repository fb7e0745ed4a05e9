/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/clock.h"
#include "eval/dense.h"
#include "eval/frechet.h"
#include "eval/jackknife.h"
#include "support/metric_vectors.h"

static double distance(const double *x, size_t n, const double *y, size_t m, size_t dim)
{
    double d2 = -1;
    slr_error err = {0};
    if (slr_frechet_distance(x, n, y, m, dim, &d2, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return d2;
}

static void test_vectors(void **state)
{
    (void)state;
    double *x = metric_vectors(VECTOR_REAL, 12, 3), *y = metric_vectors(VECTOR_SYNTHETIC, 10, 3);
    assert_near(x[1 * 3 + 2], -0.3694409585, 1e-10);
    assert_near(y[1 * 3 + 2], -0.4083254508, 1e-10);
    double mx[3], my[3], apart = 0;
    slr_mean_row(x, NULL, 12, 3, mx);
    slr_mean_row(y, NULL, 10, 3, my);
    for (int j = 0; j < 3; j++)
        apart += (mx[j] - my[j]) * (mx[j] - my[j]);
    assert_near(apart, 0.0966107402, 1e-10);
    assert_near(distance(x, 12, y, 10, 3), 0.4815735603, 1e-10);
    assert_near(distance(y, 10, x, 12, 3), 0.4815735603, 1e-10);
    assert_near(distance(x, 12, x, 12, 3), 0, 1e-12);
    free(x);
    free(y);
    x = metric_vectors(VECTOR_REAL, 6, 8);
    y = metric_vectors(VECTOR_SYNTHETIC, 5, 8);
    assert_near(distance(x, 6, y, 5, 8), 5.0076296008, 1e-10);
    assert_near(distance(x, 6, x, 6, 8), 0, 1e-12);
    double x1[12], y1[10];
    for (int i = 0; i < 12; i++)
        x1[i] = sin(0.7 * i);
    for (int i = 0; i < 10; i++)
        y1[i] = 0.9 * cos(0.5 * i) + 0.15;
    assert_near(distance(x1, 12, y1, 10, 1), 0.0178710259, 1e-10);
    free(x);
    free(y);
}

/* rows more than features on one side only */
static void test_mixed_shapes(void **state)
{
    (void)state;
    double *x = metric_normal(1, 40, 12, 0.2, 1), *y = metric_normal(2, 9, 12, -0.1, 0.7);
    double tall = distance(x, 40, y, 9, 12), wide = distance(y, 9, x, 40, 12);
    assert_near(tall, wide, 1e-12);
    /* the same sides with features that are all zero behind them: now no side has more rows than features */
    double *xz = calloc(40 * 50, sizeof *xz), *yz = calloc(9 * 50, sizeof *yz);
    for (size_t i = 0; i < 40; i++)
        memcpy(xz + i * 50, x + i * 12, 12 * sizeof *x);
    for (size_t i = 0; i < 9; i++)
        memcpy(yz + i * 50, y + i * 12, 12 * sizeof *y);
    assert_near(distance(xz, 40, yz, 9, 50), tall, 1e-12);
    free(x);
    free(y);
    free(xz);
    free(yz);
}

static void test_properties(void **state)
{
    (void)state;
    enum { N = 30, M = 25, D = 6 };
    double *x = metric_normal(3, N, D, 0, 1), *y = metric_normal(4, M, D, 0.5, 1.5);
    double base = distance(x, N, y, M, D), turned[D * D] = {0}, *xr = calloc(N * D, 8), *yr = calloc(M * D, 8);
    for (int j = 0; j < D; j++)
        turned[j * D + j] = 1;
    for (int j = 0; j + 1 < D; j++) { /* a product of plane rotations */
        double c = cos(0.3 + j), s = sin(0.3 + j);
        for (int i = 0; i < D; i++) {
            double a = turned[i * D + j], b = turned[i * D + j + 1];
            turned[i * D + j] = c * a - s * b;
            turned[i * D + j + 1] = s * a + c * b;
        }
    }
    slr_product_into(x, N, D, turned, D, D, xr);
    slr_product_into(y, M, D, turned, D, D, yr);
    assert_near(distance(xr, N, yr, M, D), base, 1e-12);
    for (size_t i = 0; i < N / 2; i++) /* rows in another order */
        for (size_t j = 0; j < D; j++) {
            double held = xr[i * D + j];
            xr[i * D + j] = xr[(N - 1 - i) * D + j];
            xr[(N - 1 - i) * D + j] = held;
        }
    assert_near(distance(xr, N, yr, M, D), base, 1e-12);
    for (size_t i = 0; i < N * D; i++)
        x[i] = 3 * x[i] + 1e6; /* a common offset costs no digits */
    for (size_t i = 0; i < M * D; i++)
        y[i] = 3 * y[i] + 1e6;
    assert_near(distance(x, N, y, M, D), 9 * base, 1e-8);
    free(x);
    free(y);
    free(xr);
    free(yr);
}

static void test_fit(void **state)
{
    (void)state;
    double sizes[5] = {50, 75, 100, 150, 200}, d2[5] = {31.2, 27.9, 26.1, 24.5, 23.6};
    slr_frechet_inf inf;
    slr_frechet_fit(sizes, d2, 5, &inf);
    assert_near(inf.value, 21.08867187, 1e-9);
    assert_near(inf.slope, 506.484375, 1e-9);
    assert_true(inf.r2 > 0.99 && inf.r2 <= 1);
}

static selora_status part(const void *user, const size_t *xs, size_t n, const size_t *ys, size_t m, double *out,
                          slr_error *err)
{
    return slr_frechet_part(user, xs, n, ys, m, out, err);
}

static double jackknife_se(const double *x, size_t n, const double *y, size_t m, size_t dim, int32_t modulus, int threads)
{
    int32_t *groups = malloc((n > m ? n : m) * sizeof *groups);
    slr_folds fx, fy;
    slr_frechet *frechet;
    double se;
    for (size_t i = 0; i < (n > m ? n : m); i++)
        groups[i] = (int32_t)i % modulus;
    assert_int_equal(slr_folds_new(groups, n, &fx, NULL), SELORA_OK);
    assert_int_equal(slr_folds_new(groups, m, &fy, NULL), SELORA_OK);
    assert_int_equal(slr_frechet_new(x, n, y, m, dim, &frechet, NULL), SELORA_OK);
    assert_int_equal(slr_jackknife(&fx, &fy, 1, part, frechet, threads, &se, NULL), SELORA_OK);
    slr_frechet_free(frechet);
    slr_folds_free(&fx);
    slr_folds_free(&fy);
    free(groups);
    return se;
}

static void test_jackknife(void **state)
{
    (void)state;
    double *x = metric_vectors(VECTOR_REAL, 12, 3), *y = metric_vectors(VECTOR_SYNTHETIC, 10, 3);
    assert_near(jackknife_se(x, 12, y, 10, 3, 4, 1), 0.1347083580, 1e-9);
    assert_true(jackknife_se(x, 12, y, 10, 3, 4, 1) == jackknife_se(x, 12, y, 10, 3, 4, 3));
    assert_true(isnan(jackknife_se(x, 12, y, 10, 3, 1, 1)));
    free(x);
    free(y);
}

/* Parts equal the distance of the rows by themselves, by products and by rows. */
static void test_parts(void **state)
{
    (void)state;
    for (size_t dim = 5; dim <= 40; dim += 35) {
        double *x = metric_normal(5, 20, dim, 1, 1), *y = metric_normal(6, 18, dim, 1.2, 0.8), d2;
        double *some = malloc(15 * dim * sizeof *some);
        size_t rows[15];
        slr_frechet *frechet;
        for (size_t i = 0; i < 15; i++) {
            rows[i] = (7 * i + 3) % 20;
            memcpy(some + i * dim, x + rows[i] * dim, dim * sizeof *some);
        }
        assert_int_equal(slr_frechet_new(x, 20, y, 18, dim, &frechet, NULL), SELORA_OK);
        assert_int_equal(slr_frechet_part(frechet, rows, 15, NULL, 0, &d2, NULL), SELORA_OK);
        assert_near(d2, distance(some, 15, y, 18, dim), 1e-12);
        slr_frechet_free(frechet);
        free(x);
        free(y);
        free(some);
    }
}

/* d2 of one distribution falls like 1/N: extrapolated, next to nothing is left. */
static void test_infinity(void **state)
{
    (void)state;
    double *x = metric_normal(7, 400, 16, 0, 1), *y = metric_normal(8, 400, 16, 0, 1), one, two;
    slr_frechet *frechet;
    slr_frechet_inf inf, again;
    assert_int_equal(slr_frechet_new(x, 400, y, 400, 16, &frechet, NULL), SELORA_OK);
    assert_int_equal(slr_frechet_infinity(frechet, 1, 0, 1, &inf, NULL), SELORA_OK);
    assert_int_equal(slr_frechet_infinity(frechet, 1, 0, 3, &again, NULL), SELORA_OK);
    assert_memory_equal(&inf, &again, sizeof inf);
    assert_int_equal(slr_frechet_part(frechet, NULL, 0, NULL, 0, &one, NULL), SELORA_OK);
    assert_true(inf.reliable && inf.slope > 0 && fabs(inf.value) < 0.25 * one);
    assert_int_equal(slr_frechet_infinity(frechet, 2, 0, 1, &again, NULL), SELORA_OK);
    two = again.value;
    assert_true(two != inf.value);
    slr_frechet_free(frechet);
    free(x);
    free(y);
}

static void test_refused(void **state)
{
    (void)state;
    double x[4] = {1, 2, 3, 4}, huge[4] = {1e200, -1e200, 3e200, 1}, d2;
    slr_error err = {0};
    assert_int_equal(slr_frechet_distance(x, 1, x, 2, 2, &d2, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "at least 2"));
    assert_int_equal(slr_frechet_distance(huge, 2, x, 2, 2, &d2, &err), SELORA_NUMERIC);
}

static void test_speed(void **state)
{
    (void)state;
    double *x = metric_normal(9, 250, 2048, 0, 1), *y = metric_normal(10, 250, 2048, 0, 1);
    double start = slr_clock_seconds();
    assert_true(distance(x, 250, y, 250, 2048) > 0);
    double once = slr_clock_seconds() - start;
    assert_true(once < 5); /* 0.1 s; sanitizers and a busy machine are slower */
    free(x);
    free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),  cmocka_unit_test(test_mixed_shapes), cmocka_unit_test(test_properties),
        cmocka_unit_test(test_fit),      cmocka_unit_test(test_jackknife),    cmocka_unit_test(test_parts),
        cmocka_unit_test(test_infinity), cmocka_unit_test(test_refused),      cmocka_unit_test(test_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
