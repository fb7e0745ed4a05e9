/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdbool.h>
#include "eval/kid.h"
#include "eval/prdc.h"
#include "support/metric_vectors.h"

static slr_kid kid_of(const double *x, size_t n, const double *y, size_t m, size_t dim, slr_kid_options options, int modulus)
{
    slr_kid kid;
    slr_folds fx = {0}, fy = {0};
    slr_error err = {0};
    int32_t *groups = malloc((n + m) * sizeof *groups);
    for (size_t i = 0; i < n + m; i++)
        groups[i] = (int32_t)i % (modulus ? modulus : 1);
    assert_int_equal(slr_folds_new(groups, n, &fx, NULL), SELORA_OK);
    assert_int_equal(slr_folds_new(groups, m, &fy, NULL), SELORA_OK);
    options.threads = options.threads ? options.threads : 1;
    if (slr_kid_judge(x, n, y, m, dim, modulus ? &fx : NULL, modulus ? &fy : NULL, &options, &kid, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    slr_folds_free(&fx);
    slr_folds_free(&fy);
    free(groups);
    return kid;
}

static void test_kid_vectors(void **state)
{
    (void)state;
    double *x = metric_vectors(VECTOR_REAL, 12, 3), *y = metric_vectors(VECTOR_SYNTHETIC, 10, 3), even[18], odd[18];
    slr_kid kid = kid_of(x, 12, y, 10, 3, (slr_kid_options){0}, 4);
    assert_near(kid.xx, 1.180465915, 1e-9);
    assert_near(kid.yy, 1.100519634, 1e-9);
    assert_near(kid.xy, 1.203228838, 1e-9);
    assert_near(kid.value, -0.1254721259, 1e-10);
    assert_near(kid.biased, 0.2192898627, 1e-10);
    assert_near(kid.se, 0.065140622326, 1e-11); /* numpy agrees to 12 digits */
    assert_true(isnan(kid.p_value) && isnan(kid.subset_mean));
    for (size_t i = 0; i < 12; i++)
        memcpy((i % 2 ? odd : even) + i / 2 * 3, x + i * 3, 3 * sizeof *x);
    assert_near(kid_of(even, 6, odd, 6, 3, (slr_kid_options){0}, 0).value, -0.7054884649, 1e-10);
    assert_near(kid_of(y, 10, x, 12, 3, (slr_kid_options){0}, 0).value, -0.1254721259, 1e-10);
    free(x);
    free(y);
}

/* By plain loops over all pairs, on sides of several blocks; subsets by their own rows. */
static void test_kid_blocks(void **state)
{
    (void)state;
    enum { N = 150, M = 171, D = 9 };
    double *x = metric_normal(1, N, D, 0, 1), *y = metric_normal(2, M, D, 0.3, 1.1), sums[3] = {0};
    for (size_t i = 0; i < N + M; i++)
        for (size_t j = 0; j < N + M; j++) {
            const double *a = i < N ? x + i * D : y + (i - N) * D, *b = j < N ? x + j * D : y + (j - N) * D;
            double dot = 0;
            for (int d = 0; d < D; d++)
                dot += a[d] * b[d];
            if (i != j)
                sums[(i >= N) + (j >= N)] += pow(dot / D + 1, 3);
        }
    slr_kid_options options = {.permutations = 99, .subsets = 100, .seed = 7, .threads = 1};
    slr_kid kid = kid_of(x, N, y, M, D, options, 20);
    assert_near(kid.value, sums[0] / (N * (N - 1)) + sums[2] / (M * (M - 1)) - sums[1] / (N * M), 1e-11);
    assert_int_equal(kid.subset_size, 75);
    assert_true(fabs(kid.subset_mean - kid.value) < kid.subset_sd && kid.subset_sd > 0);
    assert_near(kid.p_value, 0.01, 1e-12);
    options.threads = 3;
    slr_kid again = kid_of(x, N, y, M, D, options, 20);
    assert_memory_equal(&kid, &again, sizeof kid);
    free(x);
    free(y);
}

/* Under one distribution p is spread evenly: not small for most of 20 pairs of sides. */
static void test_permutations(void **state)
{
    (void)state;
    int small = 0;
    for (unsigned seed = 0; seed < 20; seed++) {
        double *x = metric_normal(100 + seed, 30, 4, 0, 1), *y = metric_normal(200 + seed, 40, 4, 0, 1);
        slr_kid kid = kid_of(x, 30, y, 40, 4, (slr_kid_options){.permutations = 199, .seed = seed}, 0);
        assert_true(kid.p_value > 0 && kid.p_value <= 1);
        small += kid.p_value < 0.25;
        free(x);
        free(y);
    }
    assert_in_range(small, 1, 11); /* 5 expected, sd 1.9 */
}

static slr_prdc prdc_of(const double *x, size_t n, const double *y, size_t m, size_t dim, int k, bool closed, int modulus,
                        int threads)
{
    slr_prdc prdc;
    slr_folds fx = {0}, fy = {0};
    slr_error err = {0};
    int32_t *groups = malloc((n + m) * sizeof *groups);
    slr_prdc_variant variant = {.k = k, .closed = closed};
    for (size_t i = 0; i < n + m; i++)
        groups[i] = (int32_t)i % (modulus ? modulus : 1);
    assert_int_equal(slr_folds_new(groups, n, &fx, NULL), SELORA_OK);
    assert_int_equal(slr_folds_new(groups, m, &fy, NULL), SELORA_OK);
    if (slr_prdc_judge(x, n, y, m, dim, modulus ? &fx : NULL, modulus ? &fy : NULL, &variant, 1, threads, &prdc, &err) !=
        SELORA_OK)
        fail_msg("%s", err.message);
    slr_folds_free(&fx);
    slr_folds_free(&fy);
    free(groups);
    return prdc;
}

static void assert_prdc(const slr_prdc *found, double p, double r, double d, double c)
{
    assert_near(found->value[SLR_PRECISION], p, 1e-9);
    assert_near(found->value[SLR_RECALL], r, 1e-9);
    assert_near(found->value[SLR_DENSITY], d, 1e-9);
    assert_near(found->value[SLR_COVERAGE], c, 1e-9);
}

static void test_prdc_vectors(void **state)
{
    (void)state;
    double *x = metric_vectors(VECTOR_REAL, 12, 3), *y = metric_vectors(VECTOR_SYNTHETIC, 10, 3);
    slr_prdc one = prdc_of(x, 12, y, 10, 3, 1, false, 0, 1), three = prdc_of(x, 12, y, 10, 3, 3, false, 0, 1);
    slr_prdc five = prdc_of(x, 12, y, 10, 3, 5, false, 0, 1);
    assert_prdc(&one, 0.9, 0.5833333333, 1.3, 0.6666666667);
    assert_prdc(&three, 1, 0.9166666667, 1.066666667, 0.8333333333);
    assert_prdc(&five, 1, 1, 1.1, 1);
    assert_true(isnan(five.se[0]) && five.twins[0] == 0 && five.points[1] == 0);
    free(x);
    free(y);
}

/* Values by plain loops: all rows, directly. */
static void plain_prdc(const double *x, size_t n, const double *y, size_t m, size_t dim, size_t k, double *values)
{
    double *rx = malloc(n * 8), *ry = malloc(m * 8), found[4] = {0};
    for (int side = 0; side < 2; side++) {
        const double *rows = side ? y : x;
        size_t count = side ? m : n;
        for (size_t i = 0; i < count; i++) {
            double *all = malloc(count * 8);
            size_t used = 0;
            for (size_t j = 0; j < count; j++) {
                double d = 0;
                for (size_t c = 0; c < dim; c++)
                    d += pow(rows[i * dim + c] - rows[j * dim + c], 2);
                if (i != j)
                    all[used++] = d;
            }
            for (size_t a = 0; a <= k; a++)
                for (size_t b = a + 1; b < used; b++)
                    if (all[b] < all[a]) {
                        double held = all[a];
                        all[a] = all[b];
                        all[b] = held;
                    }
            (side ? ry : rx)[i] = all[k - 1];
            free(all);
        }
    }
    bool *precise = calloc(m, 1), *covered = calloc(n, 1), *recalled = calloc(n, 1);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++) {
            double d = 0;
            for (size_t c = 0; c < dim; c++)
                d += pow(x[i * dim + c] - y[j * dim + c], 2);
            precise[j] |= d < rx[i];
            covered[i] |= d < rx[i];
            recalled[i] |= d < ry[j];
            found[SLR_DENSITY] += d < rx[i];
        }
    for (size_t j = 0; j < m; j++)
        found[SLR_PRECISION] += precise[j];
    for (size_t i = 0; i < n; i++) {
        found[SLR_RECALL] += recalled[i];
        found[SLR_COVERAGE] += covered[i];
    }
    values[0] = found[0] / (double)m;
    values[1] = found[1] / (double)n;
    values[2] = found[2] / (double)(k * m);
    values[3] = found[3] / (double)n;
    free(rx);
    free(ry);
    free(precise);
    free(covered);
    free(recalled);
}

/* Rows of `all` whose number modulo `modulus` is not g. */
static double *without(const double *all, size_t count, size_t dim, size_t modulus, size_t g, size_t *kept)
{
    double *some = malloc(count * dim * sizeof *some);
    *kept = 0;
    for (size_t i = 0; i < count; i++)
        if (i % modulus != g)
            memcpy(some + (*kept)++ * dim, all + i * dim, dim * sizeof *all);
    return some;
}

/* Several blocks, and a jackknife that equals leaving rows out for real. */
static void test_prdc_blocks(void **state)
{
    (void)state;
    enum { N = 300, M = 270, D = 5, K = 5, G = 7 };
    double *x = metric_normal(1, N, D, 0, 1), *y = metric_normal(2, M, D, 0.4, 0.8), plain[4], theta[2 * G][4];
    slr_prdc found = prdc_of(x, N, y, M, D, K, false, G, 1), again = prdc_of(x, N, y, M, D, K, false, G, 3);
    assert_memory_equal(&found, &again, sizeof found);
    plain_prdc(x, N, y, M, D, K, plain);
    assert_prdc(&found, plain[0], plain[1], plain[2], plain[3]);
    for (size_t g = 0; g < G; g++) {
        size_t kept;
        double *some = without(x, N, D, G, g, &kept);
        plain_prdc(some, kept, y, M, D, K, theta[g]);
        free(some);
        some = without(y, M, D, G, g, &kept);
        plain_prdc(x, N, some, kept, D, K, theta[G + g]);
        free(some);
    }
    for (int o = 0; o < 4; o++)
        assert_near(found.se[o], sqrt(slr_jackknife_part(&theta[0][o], G, 4) + slr_jackknife_part(&theta[G][o], G, 4)), 1e-12);
    free(x);
    free(y);
}

static void test_prdc_copies(void **state)
{
    (void)state;
    enum { N = 80, D = 300 };
    double *x = metric_normal(3, N, D, 50, 0.1), *y = metric_normal(4, N, D, 50, 0.1);
    slr_prdc same = prdc_of(x, N, x, N, D, 5, false, 0, 1);
    assert_true(same.value[SLR_PRECISION] == 1 && same.value[SLR_RECALL] == 1 && same.value[SLR_COVERAGE] == 1);
    /* a ball holds its centre and k - 1 others: the k-th lies on the edge, and ties are ties */
    assert_true(same.value[SLR_DENSITY] == 1);
    assert_true(prdc_of(x, N, x, N, D, 5, true, 0, 1).value[SLR_DENSITY] == 1.2);
    for (size_t i = 1; i < 6; i++) /* six equal rows */
        memcpy(x + i * D, x, D * sizeof *x);
    slr_prdc found = prdc_of(x, N, y, N, D, 5, false, 0, 1);
    assert_int_equal(found.twins[0], 6);
    assert_int_equal(found.points[0], 6);
    assert_int_equal(found.twins[1], 0);
    free(x);
    free(y);
}

static void test_refused(void **state)
{
    (void)state;
    double *x = metric_vectors(VECTOR_REAL, 12, 3);
    slr_prdc_variant variant = {.k = 5};
    slr_prdc prdc;
    slr_error err = {0};
    assert_int_equal(slr_prdc_judge(x, 12, x, 5, 3, NULL, NULL, &variant, 1, 1, &prdc, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "k = 5"));
    assert_int_equal(slr_prdc_judge(x, 12, x, 6, 3, NULL, NULL, &variant, 1, 1, &prdc, &err), SELORA_OK);
    slr_kid kid;
    slr_kid_options options = {.threads = 1};
    assert_int_equal(slr_kid_judge(x, 1, x, 6, 3, NULL, NULL, &options, &kid, &err), SELORA_BAD_INPUT);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kid_vectors),  cmocka_unit_test(test_kid_blocks),  cmocka_unit_test(test_permutations),
        cmocka_unit_test(test_prdc_vectors), cmocka_unit_test(test_prdc_blocks), cmocka_unit_test(test_prdc_copies),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
