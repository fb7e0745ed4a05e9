/* SPDX-License-Identifier: MIT
 * Networks that make features: the committed cases of transformers, torchvision, timm and pytorch-fid, and files that
 * are not what they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/safetensors.h"
#include "models/feature_net.h"
#include "selora.h"
#include "support/scratch.h"

#define CASES TEST_SOURCE_DIR "/tests/cases/"

static const char *const folders[] = {"clip",     "clip-gelu", "raddino",     "dinov2-blocks",
                                      "resnet50", "xrv",       "densenet121", "inception"};
enum { FOLDERS = sizeof folders / sizeof *folders };

static void take_worst(void *user, const selora_verify_row *row)
{
    double *worst = user;
    *worst = row->relative > *worst ? row->relative : *worst;
}

static selora_status verify(const selora_settings *settings, const char *path, double *worst, char *message)
{
    selora_context *context;
    *worst = 0;
    assert_int_equal(selora_context_new(settings, &context), SELORA_OK);
    selora_status status = selora_verify(context, NULL, NULL, path, 0, take_worst, worst);
    snprintf(message, 4096, "%s", selora_error(context));
    selora_context_free(context);
    return status;
}

static void check_all(const selora_settings *settings)
{
    for (int i = 0; i < FOLDERS; i++) {
        char path[512], message[4096];
        double worst;
        snprintf(path, sizeof path, CASES "features/%s/case.safetensors", folders[i]);
        if (verify(settings, path, &worst, message) != SELORA_OK)
            fail_msg("%s", message);
        print_message("%s: relative error %.1e\n", folders[i], worst);
        assert_true(worst > 0 && worst < 5e-6); /* a tenth of a tenth of what is allowed: no wrong constant hides */
    }
}

static void test_cases(void **state)
{
    (void)state;
    check_all(&(selora_settings){.threads = 2});
}

static void test_naive_kernels(void **state)
{
    (void)state;
    check_all(&(selora_settings){.backend = "ref"});
}

static void test_other_kinds_need_a_model(void **state)
{
    (void)state;
    char message[4096];
    double worst;
    assert_int_equal(verify(NULL, CASES "two-levels/unet.safetensors", &worst, message), SELORA_USAGE);
    assert_non_null(strstr(message, "--model"));
}

/* ---- files that are changed ---- */

static void copy(const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, CASES "features/%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    static char data[1 << 20];
    size_t size = fread(data, 1, sizeof data, file);
    assert_true(size > 0 && size < sizeof data);
    fclose(file);
    scratch_write(name, data, size);
}

/* The weights of a case under names that begin with `prefix`, without `left_out` and with `added`. */
static void rewrite(const char *folder, const char *prefix, const char *left_out, const char *added)
{
    static const float one = 1;
    char path[512];
    slr_safetensors *file;
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    snprintf(path, sizeof path, CASES "features/%s/weights.safetensors", folder);
    assert_int_equal(slr_safetensors_open(path, &file, NULL), SELORA_OK);
    for (size_t i = 0; i < slr_safetensors_count(file); i++) {
        const slr_stored_tensor *t = slr_safetensors_at(file, i);
        char name[512];
        snprintf(name, sizeof name, "%s%s", prefix, t->name);
        if (!left_out || strcmp(t->name, left_out) != 0)
            assert_int_equal(slr_safetensors_writer_tensor(writer, name, t->dtype, t->dims, t->shape, t->data, NULL),
                             SELORA_OK);
    }
    if (added)
        assert_int_equal(slr_safetensors_writer_tensor(writer, added, SLR_DTYPE_F32, 1, (int64_t[]){1},
                                                       &one, NULL),
                         SELORA_OK);
    assert_int_equal(slr_safetensors_writer_save(writer, scratch_path("weights.safetensors"), NULL), SELORA_OK);
    slr_safetensors_writer_free(writer);
    slr_safetensors_close(file);
}

static selora_status open_scratch(const char *network, int side, slr_error *err)
{
    slr_feature_net *net;
    *err = (slr_error){0};
    selora_status status = slr_feature_net_open(network, scratch_path("weights.safetensors"), side, &net, err);
    slr_feature_net_close(net);
    return status;
}

static void test_prefixes(void **state)
{
    (void)state;
    static const char *const prefixes[] = {"model.", "backbone.", "net.encoder."};
    slr_error err;
    for (int i = 0; i < FOLDERS; i++) {
        char network[32];
        snprintf(network, sizeof network, "%.*s", (int)strcspn(folders[i], "-"), folders[i]);
        copy(folders[i], "weights.safetensors");
        if (i < 4) /* transformers' heads */
            copy(folders[i], "config.json");
        rewrite(folders[i], prefixes[i % 3], NULL, NULL);
        if (open_scratch(network, strcmp(network, "raddino") == 0 || strcmp(network, "dinov2") == 0 ? 20 : 0, &err) !=
            SELORA_OK)
            fail_msg("%s", err.message);
    }
}

static void test_missing_and_extra(void **state)
{
    (void)state;
    slr_error err;
    rewrite("resnet50", "", "layer1.0.bn2.running_var", "layer1.0.se.weight");
    assert_int_equal(open_scratch("resnet50", 0, &err), SELORA_BAD_INPUT);
    if (!strstr(err.message, "2 problems"))
        fail_msg("%s", err.message);
    assert_non_null(strstr(err.message, "layer1.0.bn2.running_var: missing"));
    assert_non_null(strstr(err.message, "layer1.0.se.weight: not a tensor of this network"));
    rewrite("resnet50", "", "layer2.0.conv3.weight", NULL); /* its channels are what the next sum needs */
    assert_int_equal(open_scratch("resnet50", 0, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "layer2.0.conv3.weight: missing"));
    rewrite("inception", "", "Mixed_7c.branch_pool.bn.weight", NULL);
    assert_int_equal(open_scratch("inception", 0, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "Mixed_7c.branch_pool.bn.weight: missing"));
    assert_null(strstr(err.message, "problems"));
    rewrite("xrv", "", NULL, NULL);
    assert_int_equal(open_scratch("densenet121", 0, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "channels"));
    assert_int_equal(open_scratch("resnet50", 0, &err), SELORA_BAD_INPUT);
    assert_int_equal(open_scratch("clip", 0, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "class_embedding"));
    assert_int_equal(open_scratch("vgg", 0, &err), SELORA_USAGE);
}

/* What config.json says is heeded. */
static void test_activation(void **state)
{
    (void)state;
    char message[4096];
    double worst;
    copy("clip", "weights.safetensors");
    copy("clip", "case.safetensors");
    copy("clip", "config.json");
    assert_int_equal(verify(NULL, scratch_path("case.safetensors"), &worst, message), SELORA_OK);
    size_t size;
    char *config = scratch_read("config.json", &size), *at = config;
    while ((at = strstr(at, "quick_gelu")))
        memcpy(at, "gelu\"      ", 11);
    scratch_write("config.json", config, size);
    assert_int_equal(verify(NULL, scratch_path("case.safetensors"), &worst, message), SELORA_CHECK_FAILED);
    free(config);
}

/* Alone, in a batch, with any number of threads: the same bits. */
static void test_batches_and_threads(void **state)
{
    (void)state;
    enum { SIDE = 40, PICTURE = SIDE * SIDE * 3 };
    static float pictures[3 * PICTURE];
    static slr_real alone[3 * 4096], batch[3 * 4096];
    for (int i = 0; i < 3 * PICTURE; i++)
        pictures[i] = (float)(i * 7919 % 1000) / 1000.0f;
    static const char *const names[] = {"resnet50", "densenet121", "inception", "dinov2"};
    for (int n = 0; n < 4; n++) {
        slr_feature_net *net;
        char path[512];
        slr_error err = {0};
        snprintf(path, sizeof path, CASES "features/%s/weights.safetensors", n == 3 ? "dinov2-blocks" : names[n]);
        if (slr_feature_net_open(names[n], path, n == 2 ? 0 : SIDE, &net, &err) != SELORA_OK)
            fail_msg("%s", err.message);
        size_t dim = (size_t)slr_feature_net_info(net)->dim;
        assert_true(3 * dim <= sizeof batch / sizeof *batch);
        assert_int_equal(slr_feature_net_plan(net, slr_backend_cpu(), 1, 1, SIDE, NULL), SELORA_OK);
        for (size_t i = 0; i < 3; i++)
            slr_feature_net_run(net, pictures + i * PICTURE, alone + i * dim);
        for (int threads = 1; threads <= 3; threads++) {
            assert_int_equal(slr_feature_net_plan(net, slr_backend_cpu(), threads, 3, SIDE, NULL), SELORA_OK);
            slr_feature_net_run(net, pictures, batch);
            assert_memory_equal(batch, alone, 3 * dim * sizeof *batch);
        }
        slr_feature_net_close(net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_naive_kernels),
        cmocka_unit_test(test_other_kinds_need_a_model),
        cmocka_unit_test_setup_teardown(test_prefixes, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_missing_and_extra, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_activation, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_batches_and_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
