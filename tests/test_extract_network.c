/* SPDX-License-Identifier: MIT
 * Extractors with networks, from a folder of pictures with prompts to features of both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eval/extractor.h"
#include "io/image.h"
#include "models/feature_net.h"
#include "support/scratch.h"

#define CASES TEST_SOURCE_DIR "/tests/cases/"

/* Pictures that differ, the prompts "a" and, every third, a long one. */
static slr_image_set *make_set(int count, int width, int height)
{
    char rows[8192] = "file_name,text\n";
    slr_error err = {0};
    for (int k = 0; k < count; k++) {
        slr_image image;
        char name[32];
        assert_int_equal(slr_image_new(width, height, 1, &image, &err), SELORA_OK);
        for (int i = 0; i < width * height; i++) {
            int y = i / width, x = i % width;
            image.pixels[i] = (float)(((7 + k) * y + 13 * x + 3 * x * y) % 32) / 31.0f;
        }
        snprintf(name, sizeof name, "%02d.png", k);
        assert_int_equal(slr_png_write(scratch_path(name), &image, 8, NULL, 0, &err), SELORA_OK);
        slr_image_free(&image);
        snprintf(rows + strlen(rows), sizeof rows - strlen(rows), "%s,%s\n", name,
                 k % 3 ? "a" : "a report of many words that is longer than the tower takes");
    }
    scratch_write("metadata.csv", rows, strlen(rows));
    slr_image_set *set;
    if (slr_image_set_open(scratch_path(""), NULL, NULL, &set, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return set;
}

static void extract(const char *name, int threads, const slr_model *model, const slr_image_set *set, slr_extractor *x,
                    slr_feature_set *out)
{
    char text[512];
    slr_error err = {0};
    slr_extractor_context context = {.threads = threads, .backend = slr_backend_cpu(), .model = model};
    snprintf(text, sizeof text, "%s:" CASES "features/%s/weights.safetensors", name, name);
    if (slr_extractor_open(text, &context, x, &err) != SELORA_OK || slr_extract(x, set, NULL, out, &err) != SELORA_OK)
        fail_msg("%s", err.message);
}

/* Features are those of the network for the grey picture in each channel, whatever the batch and the threads. */
static void check_features(const char *name, int width, int height, const char *preproc)
{
    slr_image_set *set = make_set(11, width, height);
    slr_extractor x;
    slr_feature_set one, three;
    extract(name, 1, NULL, set, &x, &one);
    assert_int_equal(one.count, 11);
    assert_string_equal(one.extractor, name);
    assert_string_equal(one.preproc, preproc);
    assert_int_equal(strlen(one.weights_sha256), 64);
    slr_extractor_close(&x);
    extract(name, 3, NULL, set, &x, &three);
    assert_memory_equal(one.values, three.values, one.count * one.dim * sizeof *one.values);
    slr_extractor_close(&x);

    slr_feature_net *net;
    char path[512];
    snprintf(path, sizeof path, CASES "features/%s/weights.safetensors", name);
    assert_int_equal(slr_feature_net_open(name, path, 0, &net, NULL), SELORA_OK);
    const slr_feature_info *info = slr_feature_net_info(net);
    int side = info->any_side ? (width < height ? width : height) : info->side;
    float *grey = malloc((size_t)(side * side) * sizeof *grey), *all = malloc((size_t)(side * side) * 3 * sizeof *all);
    slr_real features[4096];
    assert_true(info->dim <= 4096);
    assert_int_equal(slr_image_set_grey(set, 9, side, grey, NULL), SELORA_OK);
    for (int i = 0; i < side * side * info->channels; i++)
        all[i] = grey[i / info->channels];
    assert_int_equal(slr_feature_net_plan(net, slr_backend_cpu(), 1, 1, side, NULL), SELORA_OK);
    slr_feature_net_run(net, all, features);
    for (int64_t i = 0; i < info->dim; i++)
        assert_true(one.values[9 * info->dim + i] == (double)features[i]);
    free(grey);
    free(all);
    slr_feature_net_close(net);
    slr_feature_set_free(&one);
    slr_feature_set_free(&three);
    slr_image_set_free(set);
}

static void test_resnet(void **state)
{
    (void)state;
    check_features("resnet50", 40, 32, "grey, cover, centre, bicubic 224, imagenet mean, sd, 8 bits");
}

static void test_xrv(void **state)
{
    (void)state;
    check_features("xrv", 32, 32, "grey, cover, centre, bicubic 224, (2 y - 1) 1024, 8 bits");
}

static void test_inception(void **state)
{
    (void)state;
    check_features("inception", 50, 40, "grey 299, bilinear as tensorflow 1, 2 y - 1, 8 bits");
}

static void test_clip(void **state)
{
    (void)state;
    check_features("clip", 40, 48, "grey, cover, centre, bicubic 32, clip mean, sd, quick GELU, 8 bits");
}

static void test_texts(void **state)
{
    (void)state;
    slr_image_set *set = make_set(7, 40, 32);
    slr_extractor x;
    slr_feature_set without, with;
    slr_model model = {.tokenizer_path = (char[]){CASES "two-levels/model/tokenizer"}};
    extract("clip", 1, NULL, set, &x, &without);
    assert_null(without.texts); /* no tokenizer beside the weights */
    assert_non_null(x.without_texts);
    slr_extractor_close(&x);
    extract("clip", 2, &model, set, &x, &with);
    assert_non_null(with.texts);
    assert_int_equal(x.texts_cut, 1);
    assert_memory_equal(with.values, without.values, with.count * with.dim * sizeof *with.values);
    slr_extractor_close(&x);

    slr_tokenizer *tokenizer;
    slr_feature_net *net;
    int64_t ids[77], tokens;
    slr_real features[64];
    assert_int_equal(slr_tokenizer_open(model.tokenizer_path, 12, &tokenizer, NULL), SELORA_OK);
    assert_int_equal(slr_tokenizer_encode(tokenizer, "a", 1, ids, &tokens, NULL), SELORA_OK);
    assert_int_equal(slr_feature_net_open("clip", CASES "features/clip/weights.safetensors", 0, &net, NULL), SELORA_OK);
    assert_int_equal(slr_feature_net_text_ids(net, slr_backend_cpu(), 1, ids, 1, slr_tokenizer_length(tokenizer), features, NULL),
                     SELORA_OK);
    for (size_t row = 0; row < with.count; row++)
        for (size_t i = 0; i < with.dim; i++)
            assert_true((with.texts[row * with.dim + i] == (double)features[i]) == (row % 3 != 0));
    slr_feature_net_close(net);
    slr_tokenizer_free(tokenizer);
    slr_feature_set_free(&with);
    slr_feature_set_free(&without);
    slr_image_set_free(set);
}

static void test_refusals(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_extractor x;
    slr_extractor_context context = {.backend = slr_backend_cpu()};
    assert_int_equal(slr_extractor_open("clip", &context, &x, &err), SELORA_USAGE);
    assert_non_null(strstr(err.message, "NAME:FILE"));
    assert_int_equal(slr_extractor_open("clip:missing.safetensors", &context, &x, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_extractor_open("resnet50:weights.pth", &context, &x, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "pickled"));
    assert_int_equal(slr_extractor_open("xrv:" CASES "features/clip/weights.safetensors", &context, &x, &err),
                     SELORA_BAD_INPUT);
    assert_null(x.state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_resnet, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_xrv, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_inception, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_clip, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_texts, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
