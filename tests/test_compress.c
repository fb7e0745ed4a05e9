/* SPDX-License-Identifier: MIT
 * Truncated adapters against matrices whose singular values are known because they were made from them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "adapters/compress.h"
#include "adapters/pair_svd.h"
#include "core/rng.h"

enum { MOST = 64 };

/* `count` orthonormal rows of `length` numbers, by Gram-Schmidt, twice. */
static void orthonormal(double *rows, int count, int length, uint32_t item)
{
    slr_rng rng = slr_rng_at(3, SLR_STREAM_TEST, 0, item);
    for (int i = 0; i < count; i++) {
        double *row = rows + i * length, square = 0;
        for (int k = 0; k < length; k++)
            row[k] = slr_rng_normal(&rng);
        for (int pass = 0; pass < 2; pass++)
            for (int j = 0; j < i; j++) {
                double sum = 0;
                for (int k = 0; k < length; k++)
                    sum += row[k] * rows[j * length + k];
                for (int k = 0; k < length; k++)
                    row[k] -= sum * rows[j * length + k];
            }
        for (int k = 0; k < length; k++)
            square += row[k] * row[k];
        for (int k = 0; k < length; k++)
            row[k] /= sqrt(square);
    }
}

typedef struct known {
    int in, out, true_rank, rank; /* rank above true_rank: the factors hold less than they could */
    double values[MOST], *left, *right;
} known;

/* B A = sum of values[i] left[i] right[i]^T, its factors mixed by two turns Q: B = (left values Q), A = (Q^T right). */
static void add_known(slr_pairs *pairs, const char *path, known *k, double scale, uint32_t item)
{
    slr_pair *pair;
    double *turns = calloc((size_t)k->rank * (size_t)k->rank, sizeof *turns);
    k->left = calloc((size_t)(k->true_rank * k->out), sizeof *k->left);
    k->right = calloc((size_t)(k->true_rank * k->in), sizeof *k->right);
    orthonormal(k->left, k->true_rank, k->out, 3 * item);
    orthonormal(k->right, k->true_rank, k->in, 3 * item + 1);
    orthonormal(turns, k->rank, k->rank, 3 * item + 2);
    assert_int_equal(slr_pairs_add(pairs, path, k->in, k->out, k->rank, &pair, NULL), SELORA_OK);
    pair->scale = scale;
    for (int r = 0; r < k->rank; r++) {
        for (int i = 0; i < k->in; i++) {
            double sum = 0;
            for (int c = 0; c < k->true_rank; c++)
                sum += turns[c * k->rank + r] * k->right[c * k->in + i];
            pair->a[r * k->in + i] = (slr_real)sum;
        }
        for (int o = 0; o < k->out; o++) {
            double sum = 0;
            for (int c = 0; c < k->true_rank; c++)
                sum += k->left[c * k->out + o] * k->values[c] * turns[c * k->rank + r];
            pair->b[o * k->rank + r] = (slr_real)sum;
        }
    }
    free(turns);
}

static void known_free(known *k)
{
    free(k->left);
    free(k->right);
}

/* || scale B A - scale sum of the first `keep` components || / || that sum ||. */
static double distance(const slr_pair *pair, const known *k, int keep)
{
    double error = 0, norm = 0;
    for (int o = 0; o < k->out; o++)
        for (int i = 0; i < k->in; i++) {
            double best = 0, found = 0;
            for (int c = 0; c < keep; c++)
                best += k->values[c] * k->left[c * k->out + o] * k->right[c * k->in + i];
            for (int r = 0; r < pair->rank; r++)
                found += (double)pair->b[o * pair->rank + r] * (double)pair->a[r * k->in + i];
            error += (found - best) * (found - best);
            norm += best * best;
        }
    return sqrt(error / norm);
}

/* 1, 1/2, 1/4 ... of the first. */
static known halving(int in, int out, int true_rank, int rank, double first)
{
    known k = {.in = in, .out = out, .true_rank = true_rank, .rank = rank};
    for (int i = 0; i < true_rank; i++)
        k.values[i] = ldexp(first, -i);
    return k;
}

static void singular_values_are_those_it_was_made_of(void **state)
{
    (void)state;
    static const int shapes[][4] = {{28, 40, 12, 12}, {40, 28, 12, 12}, {7, 40, 7, 9}, {40, 7, 7, 9}, {1, 5, 1, 1},
                                    {50, 60, 5, 17}, {64, 64, 20, 64}};
    for (uint32_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        slr_pairs pairs = {0};
        known k = halving(shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3], 3);
        /* f32 factors: what is zero in the plan is rounding in them */
        add_known(&pairs, "unet.x", &k, 8, s);
        slr_pair_svd svd;
        assert_int_equal(slr_pair_svd_of(&pairs.items[0], &svd, NULL), SELORA_OK);
        assert_true(svd.count >= k.true_rank);
        for (int i = 0; i < svd.count; i++)
            assert_true(fabs(svd.values[i] - (i < k.true_rank ? k.values[i] : 0)) < 1e-6);
        for (int i = 0; i < k.true_rank && i < 10; i++) {
            double sum = 0, largest = 0;
            for (int j = 0; j < k.in; j++) {
                sum += svd.right[i * k.in + j] * k.right[i * k.in + j];
                if (fabs(svd.right[i * k.in + j]) > fabs(largest))
                    largest = svd.right[i * k.in + j];
            }
            assert_true(fabs(fabs(sum) - 1) < 1e-6);
            assert_true(largest > 0);
        }
        slr_pair_svd_free(&svd);
        slr_pairs_free(&pairs);
        known_free(&k);
    }
}

static void ranks_are_cut_to_the_nearest_matrix(void **state)
{
    (void)state;
    for (int keep = 1; keep <= 8; keep++) {
        slr_pairs pairs = {0};
        slr_compress_report report;
        known k = halving(30, 44, 12, 12, 2);
        add_known(&pairs, "unet.x", &k, -0.5, 1);
        slr_compression goal = {.kind = SLR_COMPRESS_RANK, .rank = keep, .threads = 1};
        assert_int_equal(slr_pairs_compress(&pairs, &goal, &report, NULL), SELORA_OK);
        assert_int_equal(pairs.items[0].rank, keep);
        assert_true(pairs.items[0].scale == -0.5);
        assert_true(distance(&pairs.items[0], &k, keep) < 1e-6);
        double all = 0, lost = 0;
        for (int i = 0; i < 12; i++) {
            all += k.values[i] * k.values[i];
            lost += i < keep ? 0 : k.values[i] * k.values[i];
        }
        assert_true(fabs(report.layers[0].error - sqrt(lost / all)) < 1e-6);
        assert_true(fabs(report.norm - 0.5 * sqrt(all)) < 1e-6);
        assert_true(report.parameters_before == 12 * 74 && report.parameters == keep * 74);
        slr_compress_report_free(&report);
        slr_pairs_free(&pairs);
        known_free(&k);
    }
}

static void energy_is_kept_in_every_layer(void **state)
{
    (void)state;
    static const struct {
        double share;
        int keep;
    } cases[] = {{0, 1}, {0.7499, 1}, {0.76, 2}, {0.94, 2}, {0.95, 3}, {0.98, 3}, {1, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slr_pairs pairs = {0};
        slr_compress_report report;
        known k = halving(30, 44, 4, 4, 2); /* energies 64, 16, 4, 1 of 85 */
        add_known(&pairs, "unet.x", &k, 8, 1);
        slr_compression goal = {.kind = SLR_COMPRESS_ENERGY, .energy = cases[i].share, .threads = 2};
        assert_int_equal(slr_pairs_compress(&pairs, &goal, &report, NULL), SELORA_OK);
        assert_int_equal(pairs.items[0].rank, cases[i].keep);
        assert_true(report.error * report.error <= 1 - cases[i].share + 1e-9);
        slr_compress_report_free(&report);
        slr_pairs_free(&pairs);
        known_free(&k);
    }
}

static void untouched_layers_keep_their_bits(void **state)
{
    (void)state;
    slr_pairs pairs = {0};
    slr_compress_report report;
    known small = halving(16, 24, 3, 3, 1), large = halving(16, 24, 9, 9, 1);
    add_known(&pairs, "unet.a", &small, 8, 1);
    add_known(&pairs, "unet.b", &large, 8, 2);
    slr_real a[48], b[72];
    memcpy(a, pairs.items[0].a, sizeof a);
    memcpy(b, pairs.items[0].b, sizeof b);
    slr_compression goal = {.kind = SLR_COMPRESS_RANK, .rank = 4, .threads = 1};
    assert_int_equal(slr_pairs_compress(&pairs, &goal, &report, NULL), SELORA_OK);
    assert_memory_equal(a, pairs.items[0].a, sizeof a);
    assert_memory_equal(b, pairs.items[0].b, sizeof b);
    assert_true(report.layers[0].error == 0 && report.layers[1].error > 0);
    slr_compress_report_free(&report);
    slr_pairs_free(&pairs);
    known_free(&small);
    known_free(&large);
}

/* All choices of three layers within the budget, by trying them. */
static double best_within(const known *layers, int64_t budget)
{
    double most = 0;
    for (int x = 0; x <= layers[0].true_rank; x++)
        for (int y = 0; y <= layers[1].true_rank; y++)
            for (int z = 0; z <= layers[2].true_rank; z++) {
                int keep[] = {x, y, z};
                double sum = 0;
                int64_t used = 0;
                for (int l = 0; l < 3; l++) {
                    used += keep[l] * (layers[l].in + layers[l].out);
                    for (int i = 0; i < keep[l]; i++)
                        sum += layers[l].values[i] * layers[l].values[i];
                }
                if (used <= budget && sum > most)
                    most = sum;
            }
    return most;
}

static void one_budget_goes_where_it_holds_most(void **state)
{
    (void)state;
    static const int64_t budgets[] = {100, 160, 300, 555, 700, 900, 4000};
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        slr_pairs pairs = {0};
        slr_compress_report report;
        known layers[] = {halving(30, 44, 6, 6, 2), halving(60, 44, 6, 6, 4), halving(20, 20, 6, 6, 0.25)};
        add_known(&pairs, "unet.a", &layers[0], 8, 1);
        add_known(&pairs, "unet.b", &layers[1], 8, 2);
        add_known(&pairs, "unet.c", &layers[2], 8, 3);
        slr_compression goal = {.kind = SLR_COMPRESS_PARAMETERS, .parameters = budgets[i], .threads = 2};
        assert_int_equal(slr_pairs_compress(&pairs, &goal, &report, NULL), SELORA_OK);
        assert_true(report.parameters <= budgets[i] && report.parameters > 0);
        double kept = report.norm * report.norm * (1 - report.error * report.error) / 64;
        double most = best_within(layers, budgets[i]), step = 0;
        for (int l = 0; l < 3; l++) /* the greedy choice misses less than one component of the best */
            step = fmax(step, report.layers[l].rank < 6 ? pow(layers[l].values[report.layers[l].rank], 2) : 0);
        assert_true(kept <= most * (1 + 1e-6) && kept >= most - step - 1e-6);
        assert_int_equal(pairs.count, 3 - report.left_out);
        for (size_t p = 0; p < pairs.count; p++) {
            const slr_pair *pair = &pairs.items[p];
            assert_true(distance(pair, &layers[pair->path[5] - 'a'], pair->rank) < 1e-6);
        }
        slr_compress_report_free(&report);
        slr_pairs_free(&pairs);
        for (int l = 0; l < 3; l++)
            known_free(&layers[l]);
    }
}

static void nothing_left_is_an_error(void **state)
{
    (void)state;
    slr_pairs pairs = {0};
    slr_compress_report report;
    slr_error err = {0};
    known k = halving(30, 44, 4, 4, 2);
    add_known(&pairs, "unet.x", &k, 8, 1);
    slr_compression goal = {.kind = SLR_COMPRESS_PARAMETERS, .parameters = 73, .threads = 1};
    assert_int_equal(slr_pairs_compress(&pairs, &goal, &report, &err), SELORA_USAGE);
    assert_int_equal(pairs.count, 1);
    assert_int_equal(pairs.items[0].rank, 4);
    memset(pairs.items[0].b, 0, 4 * 44 * sizeof *pairs.items[0].b);
    goal = (slr_compression){.kind = SLR_COMPRESS_RANK, .rank = 2, .threads = 1};
    assert_int_equal(slr_pairs_compress(&pairs, &goal, &report, &err), SELORA_BAD_INPUT);
    known_free(&k);

    /* beside another layer it is left out, and rows of zeros do not count */
    known other = halving(30, 44, 4, 4, 2);
    add_known(&pairs, "unet.y", &other, 8, 1);
    slr_pair *pair = &pairs.items[1];
    for (int o = 0; o < 44; o++)
        pair->b[o * 4 + 2] = 0;
    goal = (slr_compression){.kind = SLR_COMPRESS_ENERGY, .energy = 1, .threads = 1};
    assert_int_equal(slr_pairs_compress(&pairs, &goal, &report, &err), SELORA_OK);
    assert_int_equal(pairs.count, 1);
    assert_string_equal(pairs.items[0].path, "unet.y");
    assert_int_equal(pairs.items[0].rank, 3);
    assert_true(report.left_out == 1 && report.error < 1e-12);
    slr_compress_report_free(&report);
    slr_pairs_free(&pairs);
    known_free(&other);
}

static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    slr_pairs kept[3] = {{0}};
    for (int t = 0; t < 3; t++) {
        slr_compress_report report;
        for (uint32_t i = 0; i < 7; i++) {
            char path[] = "unet.0";
            known k = halving(30 + (int)i, 44 - (int)i, 6, 8, 1 + i);
            path[5] = (char)('0' + i);
            add_known(&kept[t], path, &k, 8, i);
            known_free(&k);
        }
        slr_compression goal = {.kind = SLR_COMPRESS_PARAMETERS, .parameters = 1500, .threads = t + 1};
        assert_int_equal(slr_pairs_compress(&kept[t], &goal, &report, NULL), SELORA_OK);
        slr_compress_report_free(&report);
        assert_int_equal(kept[t].count, kept[0].count);
        for (size_t i = 0; i < kept[t].count; i++) {
            const slr_pair *x = &kept[0].items[i], *y = &kept[t].items[i];
            assert_int_equal(x->rank, y->rank);
            assert_memory_equal(x->a, y->a, (size_t)(x->rank * x->in) * sizeof *x->a);
            assert_memory_equal(x->b, y->b, (size_t)(x->rank * x->out) * sizeof *x->b);
        }
    }
    for (int t = 0; t < 3; t++)
        slr_pairs_free(&kept[t]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(singular_values_are_those_it_was_made_of),
        cmocka_unit_test(ranks_are_cut_to_the_nearest_matrix),
        cmocka_unit_test(energy_is_kept_in_every_layer),
        cmocka_unit_test(untouched_layers_keep_their_bits),
        cmocka_unit_test(one_budget_goes_where_it_holds_most),
        cmocka_unit_test(nothing_left_is_an_error),
        cmocka_unit_test(bits_do_not_depend_on_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
