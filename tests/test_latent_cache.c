/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/latent_cache.h"
#include "support/scratch.h"
#include "support/tiny_folder.h"

enum { SIDE = 16, PICTURES = 4 };

typedef struct fixture {
    slr_model *model;
    slr_latent_encoder *encoder;
    slr_dataset *data;
    char folder[600];
} fixture;

static const char list[] = "file_name,text\nSecret_Name_0.png,a\nSecret_Name_1.png,b\nSecret_Name_2.png,c\n"
                           "Secret_Name_3.png,d\n";

static void begin(fixture *f)
{
    slr_error err = {0};
    assert_int_equal(mkdir(scratch_path("data"), 0755), 0);
    for (int i = 0; i < PICTURES; i++) {
        char name[64];
        slr_image image = {0};
        assert_int_equal(slr_image_new(24, 20, 1, &image, NULL), SELORA_OK);
        for (int p = 0; p < 24 * 20; p++)
            image.pixels[p] = (float)((p * (7 + i) + p / 24 * i) % 97) / 97.0f;
        snprintf(name, sizeof name, "data/Secret_Name_%d.png", i);
        assert_int_equal(slr_png_write(scratch_path(name), &image, 8, NULL, 0, NULL), SELORA_OK);
        slr_image_free(&image);
    }
    scratch_write("data/metadata.csv", list, strlen(list));
    if (slr_dataset_open(scratch_path("data"), NULL, &f->data, &err) != SELORA_OK ||
        slr_dataset_check_pictures(f->data, NULL, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    f->model = tiny_model(3);
    assert_int_equal(slr_latent_encoder_new(f->model, SIDE, SIDE, slr_backend_cpu(), 1, &f->encoder, &err), SELORA_OK);
    snprintf(f->folder, sizeof f->folder, "%s", scratch_path("cache"));
}

static void end(fixture *f)
{
    slr_latent_encoder_free(f->encoder);
    slr_dataset_free(f->data);
    slr_model_free(f->model);
}

/* A filled cache; `expected`: how many pictures had to be encoded. */
static slr_latent_cache *filled(fixture *f, const slr_latent_cache_options *options, uint32_t epoch, size_t expected)
{
    static const uint32_t items[PICTURES] = {2, 0, 3, 1};
    slr_latent_cache *cache;
    slr_error err = {0};
    assert_int_equal(slr_latent_cache_new(options, f->encoder, f->data, items, PICTURES, &cache, &err), SELORA_OK);
    if (slr_latent_cache_fill(cache, epoch, NULL, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    assert_int_equal(slr_latent_cache_encoded(cache), expected);
    return cache;
}

static bool same_moments(const slr_latent_cache *a, const slr_latent_cache *b)
{
    return memcmp(slr_latent_cache_moments(a, 0), slr_latent_cache_moments(b, 0), slr_latent_cache_bytes(a)) == 0;
}

static slr_latent_cache_options plain_options(const fixture *f)
{
    return (slr_latent_cache_options){.folder = f->folder, .model_sha256 = "abc", .seed = 5,
                                      .prepare = slr_prepare_options_default(SIDE, SIDE)};
}

static void moments_are_those_of_the_encoder(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    slr_latent_cache_options options = plain_options(&f);
    slr_latent_cache *cache = filled(&f, &options, 0, PICTURES);
    slr_image image = {0};
    float pixels[SIDE * SIDE * 3], moments[SIDE / 2 * SIDE / 2 * 8];
    assert_int_equal(slr_latent_encoder_count(f.encoder), SIDE / 2 * SIDE / 2 * 8);
    assert_int_equal(slr_image_read(scratch_path("data/Secret_Name_3.png"), NULL, &image, NULL), SELORA_OK);
    assert_int_equal(slr_image_prepare(&image, &options.prepare, 0, 0, 0, pixels, NULL), SELORA_OK);
    assert_int_equal(slr_latent_encoder_allocate(f.encoder, NULL), SELORA_OK);
    assert_int_equal(slr_latent_encoder_run(f.encoder, pixels, moments, NULL), SELORA_OK);
    assert_memory_equal(moments, slr_latent_cache_moments(cache, 2), sizeof moments);
    assert_memory_not_equal(moments, slr_latent_cache_moments(cache, 1), sizeof moments);
    slr_image_free(&image);
    slr_latent_cache_free(cache);
    end(&f);
}

/* The second start encodes nothing; the files are private and say nothing of names. */
static void files_serve_the_next_start(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    slr_latent_cache_options options = plain_options(&f);
    slr_latent_cache *first = filled(&f, &options, 0, PICTURES), *second = filled(&f, &options, 0, 0);
    assert_true(same_moments(first, second));
    slr_latent_cache_free(second);
    struct stat info;
    assert_int_equal(stat(f.folder, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    DIR *listing = opendir(f.folder);
    int files = 0;
    for (struct dirent *entry; (entry = readdir(listing));) {
        char name[300];
        if (entry->d_name[0] == '.')
            continue;
        files++;
        snprintf(name, sizeof name, "cache/%s", entry->d_name);
        assert_int_equal(stat(scratch_path(name), &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
        size_t size;
        char *data = scratch_read(name, &size);
        assert_null(strstr(entry->d_name, "Secret"));
        assert_null(memmem(data, size, "Secret", 6));
        free(data);
    }
    closedir(listing);
    assert_int_equal(files, PICTURES);
    /* Other weights or another preparation: other files. */
    options.model_sha256 = "abd";
    slr_latent_cache_free(filled(&f, &options, 0, PICTURES));
    options.prepare.filter = SLR_RESIZE_LANCZOS;
    slr_latent_cache_free(filled(&f, &options, 0, PICTURES));
    assert_int_equal(scratch_count("cache"), 3 * PICTURES);
    slr_latent_cache_free(first);
    end(&f);
}

/* One flipped bit, a cut file, an empty one, another program's file: encoded again, the same bits. */
static void damaged_files_are_replaced(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    slr_latent_cache_options options = plain_options(&f);
    slr_latent_cache *first = filled(&f, &options, 0, PICTURES);
    DIR *listing = opendir(f.folder);
    int turn = 0;
    for (struct dirent *entry; (entry = readdir(listing));) {
        char name[300];
        size_t size;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "cache/%s", entry->d_name);
        char *data = scratch_read(name, &size);
        switch (turn++) {
        case 0: data[size / 2] ^= 4; break;
        case 1: size -= 1; break;
        case 2: size = 0; break;
        default: memset(data, 'x', size); break;
        }
        scratch_write(name, data, size);
        free(data);
    }
    closedir(listing);
    slr_latent_cache *second = filled(&f, &options, 0, PICTURES), *third = filled(&f, &options, 0, 0);
    assert_true(same_moments(first, second) && same_moments(first, third));
    slr_latent_cache_free(first);
    slr_latent_cache_free(second);
    slr_latent_cache_free(third);
    end(&f);
}

/* Random crops: as many ways as SLR_LATENT_VARIANTS, the same for the same epoch, in memory and in files. */
static void random_crops_come_in_variants(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    slr_latent_cache_options options = plain_options(&f);
    options.prepare.random_crop = true;
    options.prepare.random_flip = true;
    slr_latent_cache *cache = filled(&f, &options, 0, PICTURES), *other = filled(&f, &options, 1, PICTURES);
    assert_false(same_moments(cache, other));
    assert_int_equal(slr_latent_cache_fill(cache, 1, NULL, NULL), SELORA_OK);
    assert_int_equal(slr_latent_cache_encoded(cache), 0);
    assert_true(same_moments(cache, other));
    assert_int_equal(slr_latent_cache_fill(other, SLR_LATENT_VARIANTS + 1, NULL, NULL), SELORA_OK);
    assert_true(same_moments(cache, other));
    options.folder = NULL; /* memory only */
    slr_latent_cache *bare = filled(&f, &options, 1, PICTURES);
    assert_true(same_moments(cache, bare));
    options.seed = 6;
    slr_latent_cache *seeded = filled(&f, &options, 1, PICTURES);
    assert_false(same_moments(cache, seeded));
    slr_latent_cache_free(cache);
    slr_latent_cache_free(other);
    slr_latent_cache_free(bare);
    slr_latent_cache_free(seeded);
    end(&f);
}

static int after_two(void *user)
{
    int *polls = user;
    return ++*polls > 2;
}

static void interruption_keeps_what_is_done(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    slr_latent_cache_options options = plain_options(&f);
    static const uint32_t items[PICTURES] = {0, 1, 2, 3};
    slr_latent_cache *cache;
    int polls = 0;
    slr_hooks hooks = {.user = &polls, .interrupted = after_two};
    slr_error err = {0};
    assert_int_equal(slr_latent_cache_new(&options, f.encoder, f.data, items, PICTURES, &cache, &err), SELORA_OK);
    assert_int_equal(slr_latent_cache_fill(cache, 0, &hooks, &err), SELORA_INTERRUPTED);
    assert_int_equal(scratch_count("cache"), 2);
    assert_int_equal(slr_latent_cache_fill(cache, 0, NULL, &err), SELORA_OK);
    assert_int_equal(slr_latent_cache_encoded(cache), 2);
    slr_latent_cache_free(cache);
    end(&f);
}

/* Samples of the posterior have its mean and variance, times the scaling factor. */
static void samples_follow_the_posterior(void **state)
{
    (void)state;
    enum { DRAWS = 4000 };
    const float moments[4] = {1.5f, -2.0f, logf(0.25f), logf(4.0f)}; /* one place, two channels */
    double sum[2] = {0}, squares[2] = {0};
    slr_real latent[2];
    slr_latent_sample(moments, 1, 2, 0.5, NULL, latent);
    assert_true(latent[0] == (slr_real)0.75 && latent[1] == (slr_real)-1);
    for (uint32_t i = 0; i < DRAWS; i++) {
        slr_rng rng = slr_rng_at(1, SLR_STREAM_TEST, 2, i);
        slr_latent_sample(moments, 1, 2, 0.5, &rng, latent);
        for (int c = 0; c < 2; c++) {
            sum[c] += (double)latent[c];
            squares[c] += (double)latent[c] * (double)latent[c];
        }
    }
    const double mean[2] = {0.75, -1}, deviation[2] = {0.25, 1};
    for (int c = 0; c < 2; c++) {
        double m = sum[c] / DRAWS, s = sqrt(squares[c] / DRAWS - m * m);
        assert_true(fabs(m - mean[c]) < 4 * deviation[c] / sqrt(DRAWS));
        assert_true(fabs(s / deviation[c] - 1) < 4 / sqrt(2.0 * DRAWS));
    }
}

#define SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH(moments_are_those_of_the_encoder), SCRATCH(files_serve_the_next_start),
        SCRATCH(damaged_files_are_replaced),       SCRATCH(random_crops_come_in_variants),
        SCRATCH(interruption_keeps_what_is_done),  cmocka_unit_test(samples_follow_the_posterior),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
