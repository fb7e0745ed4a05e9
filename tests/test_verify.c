/* SPDX-License-Identifier: MIT
 * The committed reference cases: what diffusers and transformers computed, computed again. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/backend.h"
#include "selora.h"

#define CASES TEST_SOURCE_DIR "/tests/cases/"

typedef struct tally {
    int rows, failed;
    double worst; /* largest error in units of its tolerance */
} tally;

static void count_row(void *user, const selora_verify_row *row)
{
    tally *t = user;
    double used = row->relative / (row->tolerance > 0 ? row->tolerance : 1);
    t->rows++;
    t->worst = used > t->worst ? used : t->worst;
    if (!row->passed) {
        t->failed++;
        print_error("%s: %s: max %g, relative %g, allowed %g\n", row->file, row->tensor,
                    row->max_abs, row->relative, row->tolerance);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The case files of one folder whose names do not begin with `but`, sorted; returns how many. */
static int list_cases(const char *folder, const char *but, char *names[], int most)
{
    int count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        const char *end = strstr(entry->d_name, ".safetensors");
        if (end && strncmp(entry->d_name, "model", 5) != 0 &&
            strncmp(entry->d_name, but, strlen(but)) != 0 && count < most)
            names[count++] = strdup(entry->d_name);
    }
    closedir(dir);
    qsort(names, (size_t)count, sizeof *names, by_name);
    return count;
}

static void check_folder(const char *name, const char *model_file, const char *but,
                         const selora_settings *settings)
{
    char path[512], folder[512], config[512], *names[64];
    selora_context *context;
    selora_model *model;
    snprintf(folder, sizeof folder, CASES "%s", name);
    snprintf(path, sizeof path, "%s/%s", folder, model_file);
    snprintf(config, sizeof config, "%s/model", folder);
    assert_int_equal(selora_context_new(settings, &context), SELORA_OK);
    if (selora_model_load(context, path, &(selora_model_options){.config = config, .weights = "keep"}, &model) !=
        SELORA_OK)
        fail_msg("%s", selora_error(context));
    int count = list_cases(folder, but, names, 64);
    assert_true(count >= 11);
    tally all = {0};
    for (int i = 0; i < count; i++) {
        tally one = {0};
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        selora_status status = selora_verify(context, model, NULL, path, 0, count_row, &one);
        if (status != SELORA_OK)
            fail_msg("%s", selora_error(context));
        assert_true(one.rows > 0);
        all.rows += one.rows;
        all.worst = one.worst > all.worst ? one.worst : all.worst;
        free(names[i]);
    }
    print_message("%s, %s: %d cases, %d tensors, largest error %.3f of what is allowed\n", name,
                  settings->backend ? settings->backend : settings->compute ? settings->compute : "cpu", count, all.rows, all.worst);
    assert_true(all.worst < 0.5); /* not only just */
    selora_model_free(model);
    selora_context_free(context);
}

static void test_three_levels(void **state)
{
    (void)state;
    check_folder("three-levels", "model", "model", &(selora_settings){.threads = 2});
}

static void test_four_levels(void **state)
{
    (void)state;
    check_folder("four-levels", "model", "model", &(selora_settings){.threads = 1});
}

static void test_two_levels(void **state)
{
    (void)state;
    check_folder("two-levels", "model", "model", &(selora_settings){.threads = 2});
}

static void test_single_file(void **state)
{
    (void)state;
    check_folder("two-levels", "model.safetensors", "model", &(selora_settings){.threads = 1});
}

static void test_naive_kernels(void **state)
{
    (void)state;
    check_folder("three-levels", "model", "sample", &(selora_settings){.backend = "ref"});
    check_folder("four-levels", "model", "sample", &(selora_settings){.backend = "ref"});
    check_folder("two-levels", "model", "sample", &(selora_settings){.backend = "ref"});
}

/* The same cases in bf16, where the processor has it. */
static void test_bf16(void **state)
{
    (void)state;
    if (!slr_backend_cpu_compute(SLR_COMPUTE_BF16))
        skip();
    check_folder("three-levels", "model", "model", &(selora_settings){.threads = 2, .compute = "bf16"});
    check_folder("four-levels", "model", "model", &(selora_settings){.threads = 1, .compute = "bf16"});
    check_folder("two-levels", "model", "model", &(selora_settings){.threads = 2, .backend = "avx512bf16", .compute = "bf16"});
}

/* Weights of another seed must not pass: the comparison can fail. */
static void test_another_model_fails(void **state)
{
    (void)state;
    selora_context *context;
    selora_model *model;
    tally t = {0};
    assert_int_equal(selora_context_new(NULL, &context), SELORA_OK);
    assert_int_equal(selora_model_load(context, CASES "two-levels/model", &(selora_model_options){.weights = "keep"}, &model), SELORA_OK);
    assert_int_equal(selora_verify(context, model, NULL, CASES "three-levels/schedule_pndm.safetensors",
                                   0, NULL, NULL),
                     SELORA_CHECK_FAILED); /* linspace here, leading there */
    assert_int_equal(
        selora_verify(context, model, NULL, CASES "two-levels/unet.safetensors", 1e-12, NULL, &t),
        SELORA_CHECK_FAILED);
    assert_int_equal(
        selora_verify(context, model, NULL, CASES "three-levels/unet.safetensors", 0, NULL, NULL),
        SELORA_BAD_INPUT); /* another width of text states */
    selora_model_free(model);
    selora_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_levels),  cmocka_unit_test(test_four_levels),
        cmocka_unit_test(test_two_levels),    cmocka_unit_test(test_single_file),
        cmocka_unit_test(test_naive_kernels), cmocka_unit_test(test_another_model_fails),
        cmocka_unit_test(test_bf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
