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
#include "eval/logistic.h"
#include "eval/utility.h"

enum { ROWS = 30, DIM = 4 };

static void make_problem(double x[ROWS][DIM], uint8_t y[ROWS])
{
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < DIM; j++)
            x[i][j] = sin(0.7 * i + 1.3 * j + 0.11 * i * j);
        y[i] = x[i][0] - 0.5 * x[i][1] + 0.8 * sin(2.9 * i) > 0;
    }
}

/* Newton's method in numpy, gradient 1e-17. */
static void weights_are_those_of_newton(void **state)
{
    (void)state;
    static const struct {
        double lambda, weights[DIM + 1];
    } cases[] = {
        {0.01, {3.24371148948, -1.81802307616, -0.456593547765, 0.597052933526, 0.975931301931}},
        {1.0, {0.250834560734, -0.191218392317, 0.00640779520236, 0.0700684695579, 0.396661342493}},
    };
    double x[ROWS][DIM];
    uint8_t y[ROWS];
    make_problem(x, y);
    for (size_t c = 0; c < 2; c++) {
        slr_logistic model = {0};
        assert_int_equal(slr_logistic_fit(x[0], y, ROWS, DIM, cases[c].lambda, &model, NULL), SELORA_OK);
        for (int j = 0; j <= DIM; j++)
            assert_true(fabs(model.weights[j] - cases[c].weights[j]) < 2e-6);
        assert_true(model.iterations < 100);
        double p = slr_sigmoid(slr_logistic_score(&model, x[0]));
        assert_true(fabs(log(p / (1 - p)) - slr_logistic_score(&model, x[0])) < 1e-12);
        slr_logistic_free(&model);
    }
}

static void one_class_is_refused(void **state)
{
    (void)state;
    double x[ROWS][DIM];
    uint8_t y[ROWS];
    slr_logistic model = {0};
    slr_error err = {0};
    make_problem(x, y);
    memset(y, 1, sizeof y);
    assert_int_equal(slr_logistic_fit(x[0], y, ROWS, DIM, 0.1, &model, &err), SELORA_USAGE);
    assert_non_null(strstr(err.message, "with and without its label"));
}

/* Noise wants a strong penalty, a clear rule a weak one. */
static void penalty_follows_the_data(void **state)
{
    (void)state;
    enum { N = 120, WIDE = 40 };
    double *x = slr_alloc(N * WIDE, sizeof *x), clear, noise;
    uint8_t rule[N], coin[N];
    int32_t groups[N];
    assert_non_null(x);
    for (int i = 0; i < N; i++) {
        slr_rng rng = slr_rng_at(2, SLR_STREAM_TEST, 1, (uint32_t)i);
        for (int j = 0; j < WIDE; j++)
            x[i * WIDE + j] = slr_rng_normal(&rng);
        rule[i] = x[i * WIDE] + 0.1 * x[i * WIDE + 1] > 0;
        coin[i] = slr_rng_uniform(&rng) < 0.5;
        groups[i] = i / 2;
    }
    assert_int_equal(slr_logistic_choose(x, rule, groups, N, WIDE, 1, 1, &clear, NULL), SELORA_OK);
    assert_int_equal(slr_logistic_choose(x, coin, groups, N, WIDE, 1, 2, &noise, NULL), SELORA_OK);
    print_message("penalty: rule %g, coin %g\n", clear, noise);
    assert_true(clear < 0.1 && noise >= 1 && noise > clear);
    free(x);
}

/* ---- arms ---- */

enum { FEATURES = 12, LABELS = 2, REAL = 24, TEST = 200, SYNTHETIC = 300 };

typedef struct side {
    double x[SYNTHETIC][FEATURES];
    uint8_t labels[SYNTHETIC][LABELS];
    int32_t groups[SYNTHETIC];
} side;

/* Label l lifts features l and l + 2. `honest` false: labels are drawn by lot. */
static slr_utility_rows make_side(side *s, size_t count, uint32_t stream, bool honest)
{
    for (uint32_t i = 0; i < count; i++) {
        slr_rng rng = slr_rng_at(4, SLR_STREAM_TEST, stream, i);
        for (int l = 0; l < LABELS; l++)
            s->labels[i][l] = slr_rng_uniform(&rng) < 0.4;
        for (int j = 0; j < FEATURES; j++)
            s->x[i][j] = slr_rng_normal(&rng) + (s->labels[i][j % LABELS] && j < 4 ? 0.9 : 0);
        for (int l = 0; l < LABELS && !honest; l++)
            s->labels[i][l] = slr_rng_uniform(&rng) < 0.4;
        s->groups[i] = (int32_t)(i / 2);
    }
    return (slr_utility_rows){count, s->x[0], s->labels[0], s->groups};
}

static slr_utility *run(bool honest, int threads, const uint8_t *member)
{
    static const double shares[] = {0.5, 2, 100};
    side *train = slr_alloc(1, sizeof *train), *validation = slr_alloc(1, sizeof *train),
         *test = slr_alloc(1, sizeof *train), *synthetic = slr_alloc(1, sizeof *train),
         *more = slr_alloc(1, sizeof *train);
    assert_true(train && validation && test && synthetic && more);
    slr_utility_subgroup subgroups[] = {{"half", member}, {"few", member + TEST}};
    slr_utility_data data = {.dim = FEATURES,
                             .label_count = LABELS,
                             .train = make_side(train, REAL, 1, true),
                             .validation = make_side(validation, 40, 2, true),
                             .test = make_side(test, TEST, 3, true),
                             .synthetic = make_side(synthetic, SYNTHETIC, 4, honest),
                             .more = make_side(more, 250, 5, true),
                             .shares = shares,
                             .share_count = 3,
                             .subgroups = subgroups,
                             .subgroup_count = 2};
    slr_utility *u;
    slr_error err = {0};
    if (slr_utility_run(&data, 3, threads, NULL, &u, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    free(train);
    free(validation);
    free(test);
    free(synthetic);
    free(more);
    return u;
}

static const slr_utility_arm *arm(const slr_utility *u, const char *name)
{
    for (size_t a = 0; a < u->arm_count; a++)
        if (strcmp(u->arms[a].name, name) == 0)
            return &u->arms[a];
    fail_msg("no arm %s", name);
    return NULL;
}

static void honest_pictures_help_and_others_do_not(void **state)
{
    (void)state;
    uint8_t member[2 * TEST] = {0};
    for (int i = 0; i < TEST; i++) {
        member[i] = i < TEST / 2;      /* 50 patients */
        member[TEST + i] = i % 20 < 2; /* 10 patients */
    }
    slr_utility *good = run(true, 2, member), *bad = run(false, 2, member);
    for (size_t a = 0; a < good->arm_count; a++)
        print_message("%-12s %3zu + %3zu: %.3f +- %.3f, %+.3f (%.3f..%.3f), balanced %.3f, Brier %.3f; "
                      "shuffled labels %.3f\n",
                      good->arms[a].name, good->arms[a].real, good->arms[a].synthetic, good->arms[a].mean,
                      good->arms[a].sd, good->arms[a].difference, good->arms[a].low, good->arms[a].high,
                      good->arms[a].balanced_accuracy, good->arms[a].brier, bad->arms[a].mean);
    assert_string_equal(good->arms[0].name, "R");
    assert_true(good->arms[0].difference == 0 && good->arms[0].low == 0 && good->arms[0].high == 0);
    assert_true(arm(good, "S")->mean > 0.75 && arm(good, "R+R'")->mean > arm(good, "R")->mean);
    assert_true(arm(good, "R+2xS")->low > 0);  /* 24 real pictures alone are few */
    assert_int_equal(good->skipped_shares, 1); /* a hundred times */
    assert_true(fabs(arm(bad, "S")->mean - 0.5) < 0.1 && arm(bad, "S")->difference < -0.05);
    for (int l = 0; l < LABELS; l++) {
        print_message("consistency %.3f, of shuffled labels %.3f\n", good->consistency[l].auc,
                      bad->consistency[l].auc);
        assert_true(good->consistency[l].low > 0.5 && fabs(bad->consistency[l].auc - 0.5) < 0.1);
    }
    assert_true(arm(good, "R+R'")->brier < arm(bad, "S")->brier && arm(good, "S")->balanced_accuracy > 0.65);
    assert_int_equal(good->subgroup_patients[0], 50);
    assert_true(isfinite(arm(good, "R")->subgroup[0]) && isnan(arm(good, "R")->subgroup[1]));
    slr_utility *one = run(true, 1, member);
    assert_memory_equal(one->arms, good->arms, sizeof one->arms);
    slr_utility_free(good);
    slr_utility_free(bad);
    slr_utility_free(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_those_of_newton),
        cmocka_unit_test(one_class_is_refused),
        cmocka_unit_test(penalty_follows_the_data),
        cmocka_unit_test(honest_pictures_help_and_others_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
