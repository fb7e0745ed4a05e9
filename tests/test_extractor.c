/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "data/latent_encoder.h"
#include "eval/extractor.h"
#include "io/image.h"
#include "support/scratch.h"
#include "support/tiny_folder.h"

/* Pictures 0 .. count - 1 of the scratch folder; number `constant` has one grey. */
static slr_image_set *make_set(int count, int side, int constant)
{
    char name[32];
    slr_error err = {0};
    for (int k = 0; k < count; k++) {
        slr_image image;
        assert_int_equal(slr_image_new(side, side, 1, &image, &err), SELORA_OK);
        for (int i = 0; i < side * side; i++) {
            int y = i / side, x = i % side;
            image.pixels[i] = k == constant ? 0.5f : (float)(((7 + k) * y + 13 * x + 3 * x * y) % 32) / 31.0f;
        }
        snprintf(name, sizeof name, "%02d.png", k);
        assert_int_equal(slr_png_write(scratch_path(name), &image, 16, NULL, 0, &err), SELORA_OK);
        slr_image_free(&image);
    }
    slr_image_set *set;
    if (slr_image_set_open(scratch_path(""), NULL, NULL, &set, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return set;
}

static void extract(const char *name, int threads, const slr_image_set *set, slr_extractor *x,
                    slr_feature_set *out)
{
    slr_error err = {0};
    slr_extractor_context context = {.threads = threads, .size = 32};
    if (slr_extractor_open(name, &context, x, &err) != SELORA_OK ||
        slr_extract(x, set, NULL, out, &err) != SELORA_OK)
        fail_msg("%s", err.message);
}

static void test_pixels(void **state)
{
    (void)state;
    slr_image_set *set = make_set(37, 32, -1);
    slr_extractor x;
    slr_feature_set out;
    extract("pixels", 1, set, &x, &out);
    assert_int_equal(out.count, 37);
    assert_int_equal(out.dim, 1024);
    assert_string_equal(out.extractor, "pixels");
    assert_string_equal(out.weights_sha256, "");
    assert_string_equal(out.preproc, "grey 32, cover, centre, bicubic");
    assert_string_equal(out.data_sha256, slr_image_set_sha256(set));
    for (int k = 0; k < 37; k++)
        for (int i = 0; i < 1024; i++) {
            double expected = ((7 + k) * (i / 32) + 13 * (i % 32) + 3 * (i % 32) * (i / 32)) % 32 / 31.0;
            assert_true(fabs(out.values[1024 * k + i] - expected) < 1e-5);
        }
    assert_int_equal(out.rows[36], 37);
    assert_int_equal(out.groups[36], 36);
    slr_feature_set_free(&out);
    slr_image_set_round_to_8(set);
    assert_int_equal(slr_extract(&x, set, NULL, &out, NULL), SELORA_OK);
    assert_string_equal(out.preproc, "grey 32, cover, centre, bicubic, 8 bits");
    slr_feature_set_free(&out);
    slr_extractor_close(&x);
    slr_image_set_free(set);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {{"nothing", "there are radiomics, vae"},
                                           {"", "there are radiomics, vae"},
                                           {"pixel", "not known"},
                                           {"pixels:file", "has no weights"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        slr_extractor x;
        slr_error err = {0};
        assert_int_equal(slr_extractor_open(wrong[i][0], &(slr_extractor_context){0}, &x, &err),
                         SELORA_USAGE);
        assert_non_null(strstr(err.message, wrong[i][1]));
        slr_extractor_close(&x);
    }
}

/* A constant picture is left out and counted; the others are the same bits for any number of threads. */
static void test_radiomics(void **state)
{
    (void)state;
    enum { COUNT = 11, CONSTANT = 4 };
    slr_image_set *set = make_set(COUNT, 40, CONSTANT);
    slr_extractor x;
    slr_feature_set one, more;
    extract("radiomics", 1, set, &x, &one);
    assert_int_equal(x.rejected, 1);
    assert_int_equal(one.count, COUNT - 1);
    assert_int_equal(one.dim, 380);
    assert_string_equal(one.preproc, "selora-radiomics-1, grey 32, cover, centre, bicubic");
    for (size_t i = 0; i < one.count; i++) {
        assert_int_equal(one.rows[i], i < CONSTANT ? i + 1 : i + 2);
        assert_int_equal(one.groups[i], i);
    }
    slr_extractor_close(&x);
    for (int threads = 2; threads <= 3; threads++) {
        extract("radiomics", threads, set, &x, &more);
        assert_int_equal(more.count, one.count);
        assert_memory_equal(more.values, one.values, one.count * one.dim * sizeof *one.values);
        slr_feature_set_free(&more);
        slr_extractor_close(&x);
    }
    slr_feature_set_free(&one);
    slr_image_set_free(set);
}

static void test_failures(void **state)
{
    (void)state;
    slr_image_set *set = make_set(1, 40, 0);
    slr_extractor x;
    slr_feature_set out;
    slr_error err = {0};
    slr_extractor_context context = {.threads = 2, .size = 32};
    assert_int_equal(slr_extractor_open("radiomics", &context, &x, &err), SELORA_OK);
    assert_int_equal(slr_extract(&x, set, NULL, &out, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "constant"));
    assert_int_equal(x.rejected, 1);
    slr_image_set_free(set);
    err = (slr_error){0};
    set = make_set(6, 40, -1);
    scratch_write("02.png", "gone", 4); /* changed since the set was opened */
    assert_int_equal(slr_extract(&x, set, NULL, &out, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "row 3"));
    slr_extractor_close(&x);
    slr_image_set_free(set);
    context.size = 33;
    assert_int_equal(slr_extractor_open("radiomics", &context, &x, &err), SELORA_USAGE);
}

/* Against the encoder run by hand; a latent side of 20 gives cells of 3 latents, next ones sharing one or
 * none. */
static void test_vae(void **state)
{
    (void)state;
    enum { SIZE = 40, LATENT = 20 };
    slr_image_set *set = make_set(3, SIZE, 1);
    slr_model *model = tiny_model(3);
    int channels = (int)model->vae.latent_channels;
    slr_extractor x;
    slr_feature_set out, again;
    slr_error err = {0};
    slr_extractor_context context = {.threads = 1, .size = SIZE, .backend = slr_backend_ref()};
    assert_int_equal(slr_extractor_open("vae", &context, &x, &err), SELORA_USAGE);
    context.model = model;
    if (slr_extractor_open("vae", &context, &x, &err) != SELORA_OK ||
        slr_extract(&x, set, NULL, &out, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    assert_int_equal(out.count, 3);
    assert_int_equal(out.dim, 64 * channels);
    assert_string_equal(out.weights_sha256, "random");
    slr_latent_encoder *encoder;
    assert_int_equal(slr_latent_encoder_new(model, SIZE, SIZE, slr_backend_ref(), 1, &encoder, &err),
                     SELORA_OK);
    assert_int_equal(slr_latent_encoder_count(encoder), LATENT * LATENT * 2 * channels);
    assert_int_equal(slr_latent_encoder_allocate(encoder, &err), SELORA_OK);
    float rgb[SIZE * SIZE * 3], *moments = calloc((size_t)slr_latent_encoder_count(encoder), sizeof *moments);
    assert_int_equal(slr_image_set_rgb(set, 2, SIZE, rgb, &err), SELORA_OK);
    for (int i = 0; i < SIZE * SIZE * 3; i++)
        rgb[i] = 2 * rgb[i] - 1;
    assert_int_equal(slr_latent_encoder_run(encoder, rgb, moments, &err), SELORA_OK);
    static const int first[8] = {0, 2, 5, 7, 10, 12, 15, 17}; /* floor(i 20 / 8), each 3 long */
    for (int c = 0; c < channels; c++)
        for (int y = 0; y < 8; y++)
            for (int k = 0; k < 8; k++) {
                double sum = 0;
                for (int v = first[y]; v < first[y] + 3; v++)
                    for (int u = first[k]; u < first[k] + 3; u++)
                        sum += (double)moments[(v * LATENT + u) * 2 * channels + c];
                double expected = model->vae.scaling_factor * sum / 9;
                assert_true(fabs(out.values[2 * out.dim + (size_t)(c * 64 + y * 8 + k)] - expected) < 1e-6);
            }
    assert_int_equal(slr_extract(&x, set, NULL, &again, &err), SELORA_OK);
    assert_memory_equal(out.values, again.values, out.count * out.dim * sizeof *out.values);
    free(moments);
    slr_latent_encoder_free(encoder);
    slr_feature_set_free(&out);
    slr_feature_set_free(&again);
    slr_extractor_close(&x);
    slr_image_set_free(set);
    context.size = 41;
    assert_int_equal(slr_extractor_open("vae", &context, &x, &err), SELORA_USAGE);
    slr_model_free(model);
}

int main(void)
{
#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {SCRATCH_TEST(test_pixels), SCRATCH_TEST(test_names),
                                       SCRATCH_TEST(test_radiomics), SCRATCH_TEST(test_failures),
                                       SCRATCH_TEST(test_vae)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
