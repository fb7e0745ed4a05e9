/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "eval/bootstrap.h"
#include "eval/ms_ssim.h"
#include "eval/standardise.h"
#include "eval/text_scores.h"
#include "support/metric_vectors.h"

enum { SIDE = 176 };

static void make_pictures(double *a, double *b)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            a[y * SIDE + x] = 0.5 + 0.3 * sin(0.13 * x) * cos(0.09 * y) + 0.1 * sin(0.011 * x * y);
            b[y * SIDE + x] = 0.48 + 0.27 * sin(0.13 * x + 0.4) * cos(0.09 * y) + 0.1 * sin(0.011 * x * y + 0.2);
        }
}

static void test_ms_ssim(void **state)
{
    (void)state;
    size_t cells = SIDE * SIDE;
    double *a = malloc(cells * 8), *b = malloc(cells * 8), *c = malloc(cells * 8), cs;
    double *scratch = malloc(slr_ms_ssim_scratch(SIDE, SIDE) * sizeof *scratch);
    make_pictures(a, b);
    assert_near(slr_ssim(a, b, SIDE, SIDE, &cs, scratch), 0.9597380718, 1e-10);
    assert_near(cs, 0.9676765824, 1e-10);
    assert_near(slr_ms_ssim(a, b, SIDE, SIDE, scratch), 0.9252650372, 1e-10);
    assert_near(slr_ms_ssim(b, a, SIDE, SIDE, scratch), 0.9252650372, 1e-10);
    assert_near(slr_ms_ssim(a, a, SIDE, SIDE, scratch), 1, 1e-12);
    for (size_t i = 0; i < cells; i++)
        c[i] = 1 - a[i];
    assert_true(slr_ms_ssim(a, c, SIDE, SIDE, scratch) == 0);
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++)
            c[y * SIDE + x] = a[x * SIDE + y];
    assert_near(slr_ms_ssim(a, c, SIDE, SIDE, scratch), 0.1182392750, 1e-10);
    free(a);
    free(b);
    free(c);
    free(scratch);
}

static void test_pairs(void **state)
{
    (void)state;
    int32_t groups[9] = {0, 0, 1, 1, 2, 2, 0, 1, 2}, single[3] = {0, 0, 1};
    slr_picture_pair *pairs;
    size_t count;
    assert_true(slr_groups_paired(groups, 9) && !slr_groups_paired(single, 3));
    assert_int_equal(slr_draw_pairs(groups, 9, SLR_PAIRS_SAME_PROMPT, 1000, 1, 0, &pairs, &count, NULL), SELORA_OK);
    assert_int_equal(count, 9);
    for (size_t i = 0; i < count; i++)
        assert_true(groups[pairs[i].first] == groups[pairs[i].second] && pairs[i].first != pairs[i].second);
    free(pairs);
    int seen[9] = {0};
    for (uint64_t seed = 0; seed < 50; seed++) {
        assert_int_equal(slr_draw_pairs(groups, 9, SLR_PAIRS_ANY, 10, seed, 0, &pairs, &count, NULL), SELORA_OK);
        assert_int_equal(count, 10);
        for (size_t i = 0; i < count; i++) {
            assert_true(pairs[i].first < pairs[i].second);
            assert_true(i == 0 || pairs[i].first != pairs[i - 1].first || pairs[i].second != pairs[i - 1].second);
            seen[pairs[i].first]++;
            seen[pairs[i].second]++;
        }
        free(pairs);
    }
    for (int i = 0; i < 9; i++)
        assert_in_range(seen[i], 70, 155); /* 111 expected */
}

static void test_text_scores(void **state)
{
    (void)state;
    double a[4] = {0.3, -0.2, 0.5, 0.1}, b[4] = {0.1, 0.4, 0.35, -0.2}, cosine = slr_cosine(a, b, 4);
    assert_near(cosine, 0.2915823090, 1e-10);
    double images[8], texts[8];
    int32_t prompts[2] = {0, 1};
    slr_text_scores s;
    for (int i = 0; i < 8; i++) {
        images[i] = a[i % 4];
        texts[i] = b[i % 4];
    }
    assert_int_equal(slr_text_judge(images, texts, prompts, 2, 4, 1, 0, &s, NULL), SELORA_OK);
    assert_near(s.clip100, 29.15823090, 1e-9);
    assert_near(s.clip25, 0.7289557725, 1e-10);
    assert_true(!s.sees_prompts && s.choices == 2);
    assert_near(s.recall1, 0.5, 1e-12); /* both prompts score the same */
    /* 60 prompts that the encoder sees: pictures are their texts and noise */
    enum { N = 60, D = 16 };
    double *text = metric_normal(1, N, D, 0, 1), *noise = metric_normal(2, N, D, 0, 0.7);
    int32_t own[N];
    for (int i = 0; i < N; i++)
        own[i] = i;
    for (int i = 0; i < N * D; i++)
        noise[i] += text[i];
    assert_int_equal(slr_text_judge(noise, text, own, N, D, 1, 0, &s, NULL), SELORA_OK);
    assert_true(s.sees_prompts && s.clip100 > 50 && s.shuffled100 < 20 && s.recall1 > 0.8 && s.choices == 50);
    double *blind = metric_normal(3, N, D, 0, 1);
    assert_int_equal(slr_text_judge(blind, text, own, N, D, 1, 0, &s, NULL), SELORA_OK);
    assert_true(!s.sees_prompts && s.recall1 < 0.15 && s.recall5 < 0.3);
    free(text);
    free(noise);
    free(blind);
}

static void test_derangement(void **state)
{
    (void)state;
    int32_t prompts[12] = {0, 1, 0, 1, 2, 2, 0, 3, 0, 1, 0, 0};
    uint32_t partner[12];
    slr_error err = {0};
    for (uint64_t seed = 0; seed < 100; seed++) {
        int used[12] = {0};
        assert_int_equal(slr_derangement(prompts, 12, seed, 0, partner, &err), SELORA_OK);
        for (int i = 0; i < 12; i++) {
            assert_true(prompts[partner[i]] != prompts[i]);
            used[partner[i]]++;
        }
        for (int i = 0; i < 12; i++)
            assert_int_equal(used[i], 1);
    }
    prompts[1] = 0;
    assert_int_equal(slr_derangement(prompts, 12, 0, 0, partner, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "7 of 12"));
}

/* The interval of a mean of independent values is mean +- 1.96 sd / sqrt(n); with groups of equal values it is wider. */
static void test_bootstrap(void **state)
{
    (void)state;
    enum { N = 400 };
    double *values = metric_normal(5, N, 1, 3, 2), mean = 0, square = 0;
    int32_t groups[N];
    slr_bootstrap b, again;
    for (int i = 0; i < N; i++) {
        mean += values[i] / N;
        groups[i] = i / 4;
    }
    for (int i = 0; i < N; i++)
        square += (values[i] - mean) * (values[i] - mean) / (N - 1);
    double se = sqrt(square / N);
    assert_int_equal(slr_bootstrap_mean(values, NULL, N, 9, 0, &b, NULL), SELORA_OK);
    assert_near(b.value, mean, 1e-12);
    assert_near(b.se, se, 0.08 * se);
    assert_near(b.low, mean - 1.96 * se, 0.25 * se);
    assert_near(b.high, mean + 1.96 * se, 0.25 * se);
    assert_int_equal(slr_bootstrap_mean(values, NULL, N, 9, 0, &again, NULL), SELORA_OK);
    assert_memory_equal(&b, &again, sizeof b);
    for (int i = 0; i < N; i++)
        values[i] = values[i / 4 * 4];
    slr_bootstrap plain, grouped;
    assert_int_equal(slr_bootstrap_mean(values, NULL, N, 9, 0, &plain, NULL), SELORA_OK);
    assert_int_equal(slr_bootstrap_mean(values, groups, N, 9, 0, &grouped, NULL), SELORA_OK);
    assert_true(grouped.se > 1.7 * plain.se && grouped.se < 2.3 * plain.se);
    int32_t one[2] = {0, 0};
    assert_int_equal(slr_bootstrap_mean(values, one, 2, 9, 0, &b, NULL), SELORA_OK);
    assert_true(isnan(b.se) && isnan(b.low));
    free(values);
}

static void test_standardise(void **state)
{
    (void)state;
    double real[12] = {1, 5, 10, 2, 5, 30, 3, 5, 20, 2, 5, 20}, other[6] = {4, 9, 20, 4, 1, 20}, out[4], means[2];
    size_t places[2];
    slr_scaling s;
    slr_error err = {0};
    assert_int_equal(slr_scaling_fit(real, 4, 3, false, &s, NULL), SELORA_OK);
    assert_true(s.kept == 2 && s.columns[0] == 0 && s.columns[1] == 2);
    slr_scaling_apply(&s, other, 2, out);
    assert_near(out[0], 2 / sqrt(0.5), 1e-12);
    assert_near(out[1], 0, 1e-12);
    assert_int_equal(slr_scaling_farthest(&s, out, 2, 2, places, means), 2);
    assert_true(places[0] == 0 && places[1] == 1);
    assert_int_equal(slr_scaling_farthest(&s, out, 2, 1, places, means), 1);
    assert_true(places[0] == 0);
    slr_scaling_free(&s);
    double flat[4] = {1, 2, 1, 2};
    assert_int_equal(slr_scaling_fit(flat, 2, 2, false, &s, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "the same for every real picture"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ms_ssim),     cmocka_unit_test(test_pairs),     cmocka_unit_test(test_text_scores),
        cmocka_unit_test(test_derangement), cmocka_unit_test(test_bootstrap), cmocka_unit_test(test_standardise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
