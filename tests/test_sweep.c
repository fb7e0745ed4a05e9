/* SPDX-License-Identifier: MIT
 * Sweeps: which runs a file and options make, what is refused, and the comparison of rows. Whole sweeps: cli/sweep.sh. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/sweep_plan.h"
#include "io/csv.h"
#include "report/sweep_table.h"
#include "support/scratch.h"

typedef struct made {
    selora_context *context;
    slr_sweep_plan plan;
    slr_error err;
    selora_status status;
} made;

static made make(const char *file, selora_sweep_options options)
{
    made m = {0};
    assert_int_equal(selora_context_new(NULL, &m.context), SELORA_OK);
    if (file) {
        scratch_write("sweep.json", file, strlen(file));
        options.file = scratch_path("sweep.json");
    }
    m.status = slr_sweep_plan_make(&m.plan, m.context, &options, &m.err);
    if (m.status != SELORA_OK && !m.err.message[0]) /* the context's own */
        snprintf(m.err.message, sizeof m.err.message, "%s", selora_error(m.context));
    return m;
}

static void end(made *m)
{
    slr_sweep_plan_free(&m->plan);
    selora_context_free(m->context);
}

static const slr_sweep_run *named(const made *m, const char *name)
{
    for (size_t i = 0; i < m->plan.count; i++)
        if (strcmp(m->plan.runs[i].name, name) == 0)
            return &m->plan.runs[i];
    fail_msg("no run %s; the first is %s", name, m->plan.count ? m->plan.runs[0].name : "none");
    return NULL;
}

static void test_every_combination_once(void **state)
{
    (void)state;
    made m = make("{\"model\": \"m\", \"data\": \"d\", \"steps\": 10, \"method\": [\"selora\", \"lora\"], \"lambda\": [1.05, 1.10],"
                  " \"interval\": [20, 40], \"seeds\": [1, 2], \"lr\": 1e-3, \"out\": \"o\"}", (selora_sweep_options){0});
    assert_int_equal(m.status, SELORA_OK);
    /* selora: 2 x 2 x 2; plain LoRA has neither lambda nor interval: 2 */
    assert_int_equal(m.plan.count, 10);
    assert_string_equal(m.plan.runs[0].name, "method-selora_lambda-1.05_probe-every-20_seed-1");
    for (size_t i = 0; i < 5; i++) /* all arms at the first seed come first */
        assert_int_equal(m.plan.runs[i].options.seed, 1);
    const slr_sweep_run *run = named(&m, "method-selora_lambda-1.1_probe-every-40_seed-2");
    assert_string_equal(run->arm, "method-selora_lambda-1.1_probe-every-40");
    assert_string_equal(run->folder, "o/method-selora_lambda-1.1_probe-every-40_seed-2");
    assert_string_equal(run->options.out, run->folder);
    assert_float_equal(run->options.lambda, 1.1, 0);
    assert_int_equal(run->options.probe_every, 40);
    assert_float_equal(run->options.lr, 1e-3, 0);
    assert_float_equal(named(&m, "method-lora_seed-1")->options.lambda, selora_train_defaults().lambda, 0);
    end(&m);
}

static void test_options_say_the_same_as_a_file(void **state)
{
    (void)state;
    made m = make(NULL, (selora_sweep_options){.out = "o", .model = "m", .data = "d,e", .steps = "10", .lambda = "1.0,1.10",
                                               .seeds = "7", .set = "batch-size=2\nsize=64,96", .controls = "static,random"});
    assert_int_equal(m.status, SELORA_OK);
    assert_int_equal(m.plan.count, 12); /* 2 x 2, each with two controls */
    const slr_sweep_run *run = named(&m, "lambda-1_size-96"), *control = named(&m, "lambda-1_size-96_random");
    assert_string_equal(run->options.data, "d,e");
    assert_string_equal(run->options.size, "96");
    assert_int_equal(run->options.batch_size, 2);
    assert_int_equal(run->options.seed, 7);
    assert_true(&m.plan.runs[control->parent] == run && control > run);
    assert_int_equal(control->control, SLR_CONTROL_RANDOM);
    assert_string_equal(control->options.method, "lora");
    assert_string_equal(control->options.rank_pattern, "o/patterns/lambda-1_size-96_random.json");
    assert_int_equal(control->options.seed, 7);
    assert_float_equal(control->options.scale, run->options.scale, 0);
    end(&m);
    /* options count instead of the file; a run.json is a file, too */
    m = make("{\"format\": \"selora-run/1\", \"steps\": 9, \"options\": {\"model\": \"m\", \"data\": \"d\", \"steps\": 9, \"out\": \"x\","
             " \"lambda\": 1.2, \"dry-run\": false}}", (selora_sweep_options){.out = "o", .lambda = "1.5"});
    assert_int_equal(m.status, SELORA_OK);
    assert_int_equal(m.plan.count, 1);
    assert_string_equal(m.plan.runs[0].name, "run");
    assert_float_equal(m.plan.runs[0].options.lambda, 1.5, 0);
    assert_int_equal(m.plan.runs[0].options.steps, 9);
    end(&m);
}

static void test_long_and_strange_names(void **state)
{
    (void)state;
    char long_a[400] = "", long_b[400] = "", file[1200];
    memset(long_a, 'a', 300);
    memset(long_b, 'a', 300);
    long_b[299] = 'b';
    snprintf(file, sizeof file, "{\"model\": \"m\", \"data\": [\"%s\", \"%s\", \"../\\u00e4 x\"], \"out\": \"o\"}", long_a, long_b);
    made m = make(file, (selora_sweep_options){0});
    assert_int_equal(m.status, SELORA_OK);
    assert_int_equal(m.plan.count, 3); /* told apart, although only their ends differ */
    for (size_t i = 0; i < 3; i++) {
        assert_true(strlen(m.plan.runs[i].name) <= 200);
        assert_null(strpbrk(m.plan.runs[i].name, "/ \xc3"));
    }
    end(&m);
}

static void test_refusals(void **state)
{
    (void)state;
    const struct {
        const char *file, *says;
    } table[] = {
        {"{\"model\": \"m\", \"data\": \"d\"}", "--out DIR is missing"},
        {"{\"data\": \"d\", \"out\": \"o\"}", "--model"},
        {"{\"lambada\": 1, \"out\": \"o\"}", "lambada: no option"},
        {"{\"lambda\": [], \"out\": \"o\"}", "the list is empty"},
        {"{\"lambda\": [1.1, 1.10], \"out\": \"o\"}", "stands there twice"},
        {"{\"lambda\": [[1.1]], \"out\": \"o\"}", "expected a value or a list"},
        {"{\"resume\": true, \"out\": \"o\"}", "a sweep does that by itself"},
        {"{\"prepare\": true, \"out\": \"o\"}", "a sweep does that by itself"},
        {"{\"lambda\": 0.5, \"model\": \"m\", \"data\": \"d\", \"out\": \"o\"}", "--lambda"},
        {"{\"method\": \"magic\", \"model\": \"m\", \"data\": \"d\", \"out\": \"o\"}", "--method"},
        {"{\"controls\": \"placebo\", \"model\": \"m\", \"data\": \"d\", \"out\": \"o\"}", "placebo"},
        {"{\"controls\": [1], \"out\": \"o\"}", "expected a list of names"},
        {"{\"controls\": [\"static\"], \"init-adapter\": \"a\", \"model\": \"m\", \"data\": \"d\", \"out\": \"o\"}", "init-adapter"},
        {"[1]", "expected an object"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        made m = make(table[i].file, (selora_sweep_options){0});
        assert_true(m.status == SELORA_USAGE || m.status == SELORA_BAD_INPUT);
        if (!strstr(m.err.message, table[i].says))
            fail_msg("'%s' is not in: %s", table[i].says, m.err.message);
        assert_int_equal(m.plan.count, 0);
        end(&m);
    }
    made m = make(NULL, (selora_sweep_options){.out = "o", .set = "lambda"});
    assert_int_equal(m.status, SELORA_USAGE);
    end(&m);
}

static void add_row(json_t *rows, const char *arm, const char *other, int seed, double loss)
{
    json_t *row = json_pack("{s:s, s:s, s:s, s:i, s:o, s:{s:i}}", "run", arm, "arm", arm, "compared_with", other, "seed", seed,
                            "best_validation_loss", isnan(loss) ? json_null() : json_real(loss), "ranks", "a", 1);
    json_array_append_new(rows, row);
}

static const json_t *pair_of(const json_t *comparison, const char *arm)
{
    size_t index;
    json_t *pair;
    json_array_foreach(json_object_get(comparison, "pairs"), index, pair)
        if (strcmp(json_string_value(json_object_get(pair, "arm")), arm) == 0)
            return pair;
    fail_msg("no pair of %s", arm);
    return NULL;
}

static double real(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* The seeds' own spread, 10 and more, cancels in the pairs. */
static void test_differences_are_paired_by_seed(void **state)
{
    (void)state;
    json_t *rows = json_array();
    for (int seed = 1; seed <= 3; seed++) {
        add_row(rows, "a", "", seed, 10 * seed);
        add_row(rows, "b", "a", seed, 10 * seed + 0.1 * seed);
    }
    add_row(rows, "c", "a", 1, 9);
    add_row(rows, "c", "a", 2, NAN); /* has diverged before its first validation */
    add_row(rows, "d", "a", 9, 9);   /* at a seed of its own */
    json_t *comparison = slr_sweep_comparison(rows);
    const json_t *b = pair_of(comparison, "b"), *c = pair_of(comparison, "c"), *d = pair_of(comparison, "d");
    assert_int_equal(real(b, "seeds"), 3);
    assert_float_equal(real(b, "mean_difference"), 0.2, 1e-12);
    assert_float_equal(real(b, "high"), 0.2 + 4.302652729911275 * 0.1 / sqrt(3), 1e-9);
    assert_int_equal(real(c, "seeds"), 1);
    assert_string_equal(json_string_value(json_object_get(c, "note")), "one run");
    assert_true(json_is_null(json_object_get(c, "low")));
    assert_int_equal(real(d, "seeds"), 0);
    assert_int_equal(json_array_size(json_object_get(comparison, "pairs")), 3);
    assert_int_equal(json_array_size(json_object_get(comparison, "arms")), 4);
    assert_float_equal(real(json_array_get(json_object_get(comparison, "arms"), 0), "best_validation_loss"), 20, 1e-12);
    json_decref(comparison);

    assert_int_equal(slr_sweep_table_write(rows, scratch_path("sweep.csv"), NULL), SELORA_OK);
    slr_table *table;
    assert_int_equal(slr_table_read_csv(scratch_path("sweep.csv"), &table, NULL), SELORA_OK);
    assert_int_equal(slr_table_rows(table), 9);
    assert_int_equal(slr_table_columns(table), 5); /* objects are left out */
    assert_string_equal(slr_table_cell(table, 1, slr_table_column(table, "best_validation_loss")), "10.1");
    assert_string_equal(slr_table_cell(table, 7, slr_table_column(table, "best_validation_loss")), "");
    slr_table_free(table);
    json_decref(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_combination_once, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_options_say_the_same_as_a_file, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_long_and_strange_names, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_refusals, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_differences_are_paired_by_seed, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
