/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/rng.h"
#include "data/phantom.h"
#include "eval/picture_space.h"
#include "eval/roc.h"

static void near(double found, double expected, double relative)
{
    if (!(fabs(found - expected) <= relative * fmax(fabs(expected), 1e-300)))
        fail_msg("found %.12g, expected %.12g", found, expected);
}

/* ---- the vectors of the specification ---- */

enum { DIM = 3, TRAIN = 12, HELD_OUT = 6, SYNTHETIC = 10 };

static void small_matrices(double t[TRAIN][DIM], double h[HELD_OUT][DIM], double s[SYNTHETIC][DIM])
{
    for (int j = 0; j < DIM; j++) {
        for (int i = 0; i < TRAIN; i++)
            t[i][j] = sin(0.7 * i + 1.3 * j + 0.11 * i * j);
        for (int i = 0; i < HELD_OUT; i++)
            h[i][j] = sin(0.9 * i + 1.1 * j + 0.3);
        for (int i = 0; i < SYNTHETIC; i++)
            s[i][j] = 0.9 * cos(0.5 * i + 0.8 * j + 0.07 * i * j) + 0.15;
    }
}

static slr_memorisation judged(const slr_picture_space *space, int threads)
{
    slr_memorisation m;
    slr_error err = {0};
    if (slr_memorisation_judge(space, threads, NULL, &m, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return m;
}

static void audit_of_small_matrices(void **state)
{
    (void)state;
    double t[TRAIN][DIM], h[HELD_OUT][DIM], s[SYNTHETIC][DIM];
    small_matrices(t, h, s);
    slr_feature_space features = {.dim = DIM,
                                  .kind = SLR_DISTANCE_EUCLIDEAN,
                                  .count = {TRAIN, HELD_OUT, SYNTHETIC},
                                  .side = {t[0], h[0], s[0]}};
    slr_picture_space space = slr_feature_picture_space(&features);
    slr_memorisation m = judged(&space, 2);
    near(m.tau, 0.3075125943, 1e-9);
    near(m.copy_rate, 0.3, 1e-12);
    near(m.tail, 0.0115035574, 1e-8);
    near(m.copy_interval.low, 0.1077892875, 1e-9);
    near(m.copy_interval.high, 0.6032267800, 1e-9);
    near(m.median_ratio, 1.51982987, 1e-8);
    near(m.authenticity, 0.2, 1e-12);
    near(m.u, 33, 1e-12);
    near(m.z, 0.3253956867, 1e-9);
    assert_int_equal(m.verdict, SLR_COPYING_UNKNOWN); /* six held-out pictures are no calibration */
    slr_memorisation_free(&m);
}

/* The local ratio of s_0 among its next 3: all but its four nearest training rows are moved far away. */
static void local_ratio(void **state)
{
    (void)state;
    double t[TRAIN][DIM], h[HELD_OUT][DIM], s[SYNTHETIC][DIM], near_rows[4][DIM], far = 0;
    bool taken[TRAIN] = {false};
    small_matrices(t, h, s);
    for (int n = 0; n < 4; n++) {
        int best = -1;
        double least = INFINITY;
        for (int i = 0; i < TRAIN; i++) {
            double d = 0;
            for (int j = 0; j < DIM; j++)
                d += (t[i][j] - s[0][j]) * (t[i][j] - s[0][j]);
            if (!taken[i] && d < least)
                least = d, best = i;
        }
        assert_true(least >= far);
        far = least;
        taken[best] = true;
        memcpy(near_rows[n], t[best], sizeof t[best]);
    }
    slr_feature_space features = {.dim = DIM,
                                  .kind = SLR_DISTANCE_EUCLIDEAN,
                                  .count = {4, 0, 1},
                                  .side = {near_rows[0], h[0], s[0]}};
    slr_picture_space space = slr_feature_picture_space(&features);
    slr_memorisation m = judged(&space, 1);
    near(m.nearest[0].local_ratio, 0.5459619906, 1e-9);
    assert_true(isnan(m.tau) && isnan(m.z) && m.verdict == SLR_COPYING_UNKNOWN);
    slr_memorisation_free(&m);
}

static void correlation(void **state)
{
    (void)state;
    double a[16], b[16], flat[16] = {0};
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 4; x++) {
            a[y * 4 + x] = (7 * y + 3 * x) % 11;
            b[y * 4 + x] = (5 * y + 2 * x + 1) % 9;
        }
    near(slr_ncc(a, b, 16), 0.6593684414, 1e-9);
    near(slr_ncc(a, a, 16), 1, 1e-12);
    assert_true(slr_ncc(a, flat, 16) == 0);
}

static void binomial_and_wilson(void **state)
{
    (void)state;
    assert_true(slr_binomial_tail(0, 10, 0.05) == 1);
    near(slr_binomial_tail(1, 10, 0.05), 1 - pow(0.95, 10), 1e-12);
    near(slr_binomial_tail(10, 10, 0.05), pow(0.05, 10), 1e-12);
    near(slr_binomial_tail(500, 1000, 0.5), 0.5126125090891802, 1e-10); /* 1/2 + C(1000, 500) / 2^1001 */
    near(slr_binomial_tail(200, 1000, 0.5) + slr_binomial_tail(801, 1000, 0.5), 1, 1e-12); /* symmetric */
    assert_true(slr_binomial_tail(11, 10, 0.05) == 0);
    slr_interval none = slr_wilson(0, 0, slr_z95), zero = slr_wilson(0, 20, slr_z95);
    assert_true(none.low == 0 && none.high == 1 && zero.low == 0);
    near(zero.high, slr_z95 * slr_z95 / (20 + slr_z95 * slr_z95), 1e-12);
}

static void roc_vectors(void **state)
{
    (void)state;
    double members[8], others[10], tpr;
    slr_roc roc;
    for (int i = 0; i < 8; i++)
        members[i] = sin(1.7 * i) + 0.6;
    for (int i = 0; i < 10; i++)
        others[i] = sin(2.3 * i);
    assert_int_equal(slr_roc_of(members, 8, others, 10, &roc, NULL), SELORA_OK);
    near(roc.auc, 0.6875, 1e-12);
    near(roc.se, 0.1336862888, 1e-9);
    assert_int_equal(slr_tpr_at(members, 8, others, 10, 0.1, &tpr, NULL), SELORA_OK);
    near(tpr, 0.375, 1e-12);
    assert_int_equal(slr_tpr_at(members, 8, others, 10, 0.2, &tpr, NULL), SELORA_OK);
    near(tpr, 0.375, 1e-12);
    assert_int_equal(slr_tpr_at(members, 8, others, 10, 0.01, &tpr, NULL), SELORA_OK);
    assert_true(isnan(tpr)); /* ten others cannot show 1 % */
    const double a[] = {.9, .8, .8, .3}, b[] = {.8, .5, .3, .1, .1};
    assert_int_equal(slr_roc_of(a, 4, b, 5, &roc, NULL), SELORA_OK);
    near(roc.auc, 0.825, 1e-12);
    assert_int_equal(slr_roc_of(a, 0, b, 5, &roc, NULL), SELORA_USAGE);
    others[3] = NAN;
    assert_int_equal(slr_roc_of(members, 8, others, 10, &roc, NULL), SELORA_NUMERIC);
}

/* ---- planted copies ---- */

enum { PIXELS = SLR_PIXEL_SIDE * SLR_PIXEL_SIDE };

static void phantom(uint64_t seed, uint32_t i, float *grey)
{
    slr_phantom_set set = slr_phantom_set_default(seed);
    assert_int_equal(slr_phantom_draw(seed, i, slr_phantom_set_item(&set, i), SLR_PIXEL_SIDE, grey, NULL,
                                      NULL),
                     SELORA_OK);
}

typedef enum defect { EXACT, NOISE, SHIFT, FLIP, BRIGHTNESS, INNOCENT, DEFECTS } defect;

/* What somebody may do to a copy. */
static void spoil(float *grey, defect kind, uint32_t i)
{
    float before[PIXELS];
    slr_rng rng = slr_rng_at(3, SLR_STREAM_TEST, (uint32_t)kind, i);
    memcpy(before, grey, sizeof before);
    for (int y = 0; y < SLR_PIXEL_SIDE; y++)
        for (int x = 0; x < SLR_PIXEL_SIDE; x++) {
            float *at = &grey[y * SLR_PIXEL_SIDE + x];
            if (kind == NOISE)
                *at += 0.03f * (float)slr_rng_normal(&rng);
            else if (kind == SHIFT) {
                int dx = 1 - (int)(i % 4), dy = (int)(i % 5) - 2; /* within +-2 */
                int sx = x + dx < 0    ? 0
                         : x + dx > 63 ? 63
                                       : x + dx,
                    sy = y + dy < 0    ? 0
                         : y + dy > 63 ? 63
                                       : y + dy;
                *at = before[sy * SLR_PIXEL_SIDE + sx];
            } else if (kind == FLIP)
                *at = before[y * SLR_PIXEL_SIDE + 63 - x];
            else if (kind == BRIGHTNESS)
                *at = 0.15f + 0.7f * *at;
        }
}

/* `copied` of 40 synthetic pictures are spoilt copies, the others innocent. */
static slr_memorisation audit_phantoms(defect kind, int copied, size_t train, int threads)
{
    float grey[PIXELS];
    size_t counts[3] = {train, 60, 40};
    slr_pixel_space *pixels;
    assert_int_equal(slr_pixel_space_new(counts, &pixels, NULL), SELORA_OK);
    for (uint32_t i = 0; i < counts[0]; i++) {
        phantom(1, i, grey);
        slr_pixel_space_put(pixels, SLR_AUDIT_TRAIN, i, grey);
    }
    for (uint32_t i = 0; i < counts[1]; i++) {
        phantom(2, i, grey);
        slr_pixel_space_put(pixels, SLR_AUDIT_HELD_OUT, i, grey);
    }
    for (uint32_t i = 0; i < counts[2]; i++) {
        bool copy = (int)i < copied;
        phantom(copy ? 1 : 4, copy ? 3 * i % (uint32_t)train : i, grey);
        if (copy)
            spoil(grey, kind, i);
        slr_pixel_space_put(pixels, SLR_AUDIT_SYNTHETIC, i, grey);
    }
    slr_picture_space space = slr_pixel_picture_space(pixels);
    slr_memorisation m = judged(&space, threads);
    slr_pixel_space_free(pixels);
    return m;
}

static void planted_copies_are_found(void **state)
{
    (void)state;
    for (defect kind = EXACT; kind < INNOCENT; kind++) {
        slr_memorisation m = audit_phantoms(kind, 40, 150, 2);
        int right = 0;
        for (uint32_t i = 0; i < m.synthetic; i++)
            right += m.nearest[i].index == 3 * i % 150;
        print_message("defect %d: rate %.2f, z %.1f, ratio %.3f, %d of 40 sources right\n", (int)kind,
                      m.copy_rate, m.z, m.median_ratio, right);
        assert_true(right >= 39 && m.copy_rate >= 0.95 && m.z > 6 && m.median_ratio < 0.5);
        assert_true(m.memorised_count >= 38 && m.verdict == SLR_COPYING_CLEAR);
        if (kind == EXACT)
            assert_true(m.nearest[7].distance < 1e-5 && m.authenticity == 0);
        slr_memorisation_free(&m);
    }
    slr_memorisation some = audit_phantoms(NOISE, 10, 150, 2); /* a quarter */
    assert_true(some.copies >= 10 && some.verdict == SLR_COPYING_CLEAR);
    slr_memorisation_free(&some);
    slr_memorisation one = audit_phantoms(SHIFT, 1, 150, 2); /* one moves no rate, but is too near to be innocent */
    assert_true(one.copy_interval.low < 0.10 && one.near_copies == 1 && one.verdict == SLR_COPYING_CLEAR);
    slr_memorisation_free(&one);
}

static void innocents_are_not_accused(void **state)
{
    (void)state;
    slr_memorisation m = audit_phantoms(INNOCENT, 0, 150, 2);
    print_message("innocent: rate %.3f, z %.2f, ratio %.3f\n", m.copy_rate, m.z, m.median_ratio);
    assert_true(m.copy_rate <= 0.15 && fabs(m.z) < 3 && m.median_ratio > 0.8 &&
                m.verdict == SLR_COPYING_NONE && m.near_copies == 0);
    slr_memorisation_free(&m);
}

/* Over many draws from one distribution the rate is the 5 % that the calibration promises. */
static void innocent_rate_is_near_five_percent(void **state)
{
    (void)state;
    enum { DRAWS = 60, N = 100, WIDE = 8 };
    double *values = slr_alloc((size_t)3 * N * WIDE, sizeof *values), sum = 0;
    int clear = 0;
    assert_non_null(values);
    for (uint32_t draw = 0; draw < DRAWS; draw++) {
        slr_rng rng = slr_rng_at(9, SLR_STREAM_TEST, draw, 0);
        for (int i = 0; i < 3 * N * WIDE; i++)
            values[i] = slr_rng_normal(&rng);
        slr_feature_space features = {.dim = WIDE,
                                      .kind = SLR_DISTANCE_RMS,
                                      .count = {N, N, N},
                                      .side = {values, values + N * WIDE, values + 2 * N * WIDE}};
        slr_picture_space space = slr_feature_picture_space(&features);
        slr_memorisation m = judged(&space, 1);
        sum += m.copy_rate;
        clear += m.verdict == SLR_COPYING_CLEAR;
        slr_memorisation_free(&m);
    }
    print_message("mean rate %.4f, %d of %d called clear\n", sum / DRAWS, clear, DRAWS);
    assert_true(fabs(sum / DRAWS - 0.05) < 0.015 && clear <= 1);
    free(values);
}

/* The fast way over panels is the plain one, and threads change nothing. */
static void panels_agree_with_pairs(void **state)
{
    (void)state;
    float a[PIXELS], b[PIXELS];
    slr_memorisation one = audit_phantoms(SHIFT, 20, 13, 1), three = audit_phantoms(SHIFT, 20, 13, 3);
    for (uint32_t i = 0; i < one.synthetic; i++) {
        double least = INFINITY;
        bool copy = i < 20;
        phantom(copy ? 1 : 4, copy ? 3 * i % 13 : i, a);
        if (copy)
            spoil(a, SHIFT, i);
        for (uint32_t j = 0; j < 13; j++) {
            phantom(1, j, b);
            least = fmin(least, slr_pixel_pair(a, b));
        }
        assert_true(fabs(least - one.nearest[i].distance) < 1e-6);
    }
    assert_memory_equal(one.nearest, three.nearest, one.synthetic * sizeof *one.nearest);
    assert_memory_equal(one.calibration, three.calibration, one.held_out * sizeof *one.calibration);
    assert_true(one.z == three.z && one.authenticity == three.authenticity);
    slr_memorisation_free(&one);
    slr_memorisation_free(&three);
    float flat[PIXELS];
    for (int p = 0; p < PIXELS; p++)
        flat[p] = 0.25f;
    assert_true(slr_pixel_pair(flat, b) == 1 && slr_pixel_pair(b, flat) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(audit_of_small_matrices),
        cmocka_unit_test(local_ratio),
        cmocka_unit_test(correlation),
        cmocka_unit_test(binomial_and_wilson),
        cmocka_unit_test(roc_vectors),
        cmocka_unit_test(planted_copies_are_found),
        cmocka_unit_test(innocents_are_not_accused),
        cmocka_unit_test(innocent_rate_is_near_five_percent),
        cmocka_unit_test(panels_agree_with_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
