/* SPDX-License-Identifier: MIT
 * Folders of phantoms through the public function: what is written, that it repeats, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/image.h"
#include "support/scratch.h"

static selora_status write_folder(const char *name, int64_t count, uint64_t seed, const char *classes,
                                  const char *region, char message[256])
{
    selora_context *context;
    assert_int_equal(selora_context_new(NULL, &context), SELORA_OK);
    selora_phantom_options options = selora_phantom_defaults();
    options.out = scratch_path(name);
    options.count = count;
    options.seed = seed;
    options.classes = classes;
    options.region = region;
    selora_status status = selora_phantom_folder(context, &options);
    snprintf(message, 256, "%s", selora_error(context));
    selora_context_free(context);
    return status;
}

static void assert_same_file(const char *a, const char *b, bool same)
{
    size_t size_a, size_b;
    char *data_a = scratch_read(a, &size_a), *data_b = scratch_read(b, &size_b);
    assert_non_null(data_a);
    assert_non_null(data_b);
    assert_int_equal(size_a == size_b && memcmp(data_a, data_b, size_a) == 0, same);
    free(data_a);
    free(data_b);
}

static void test_folder(void **state)
{
    (void)state;
    char message[256];
    assert_int_equal(write_folder("a", 12, 7, "seen", NULL, message), SELORA_OK);
    assert_int_equal(scratch_count("a"), 13);
    size_t size;
    char *table = scratch_read("a/metadata.csv", &size);
    assert_non_null(table);
    const char *header = "file_name,text,region,finding,place,x,y,radius\n000000.png,\"";
    assert_memory_equal(table, header, strlen(header));
    int lines = 0;
    for (char *at = table; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 13);
    assert_null(strstr(table, "breast"));
    assert_null(strstr(table, "plate"));
    free(table);

    slr_image image = {0};
    assert_int_equal(slr_image_read(scratch_path("a/000011.png"), NULL, &image, NULL), SELORA_OK);
    assert_int_equal(image.width, 64);
    assert_int_equal(image.height, 64);
    assert_int_equal(image.channels, 1);
    slr_image_free(&image);
}

static void test_repeats(void **state)
{
    (void)state;
    char message[256];
    assert_int_equal(write_folder("a", 3, 7, "all", NULL, message), SELORA_OK);
    assert_int_equal(write_folder("b", 5, 7, "all", NULL, message), SELORA_OK);
    assert_same_file("a/000002.png", "b/000002.png", true);
    assert_int_equal(write_folder("c", 3, 8, "all", NULL, message), SELORA_OK);
    assert_same_file("a/000002.png", "c/000002.png", false);
    /* over its own folder, with fewer pictures: no old one is left */
    assert_int_equal(write_folder("b", 3, 8, "all", NULL, message), SELORA_OK);
    assert_int_equal(scratch_count("b"), 4);
    assert_same_file("b/metadata.csv", "c/metadata.csv", true);
    assert_same_file("b/000002.png", "c/000002.png", true);
}

static void test_foreign_folders(void **state)
{
    (void)state;
    char message[256];
    assert_int_equal(write_folder("mine", 2, 1, "seen", NULL, message), SELORA_OK);
    scratch_write("mine/notes.txt", "keep", 4);
    assert_int_equal(write_folder("mine", 1, 1, "seen", NULL, message), SELORA_USAGE);
    assert_non_null(strstr(message, "notes.txt"));
    assert_true(scratch_exists("mine/notes.txt"));

    assert_int_equal(write_folder("other", 2, 1, "seen", NULL, message), SELORA_OK);
    scratch_write("other/metadata.csv", "file_name,text\n", 15);
    assert_int_equal(write_folder("other", 1, 1, "seen", NULL, message), SELORA_USAGE);
    assert_true(scratch_exists("other/000001.png"));

    scratch_write("file", "x", 1);
    assert_int_equal(write_folder("file", 1, 1, "seen", NULL, message), SELORA_BAD_INPUT);
}

static void test_classes(void **state)
{
    (void)state;
    char message[256];
    assert_int_equal(write_folder("h", 4, 1, "held-out", "breast", message), SELORA_OK);
    size_t size;
    char *table = scratch_read("h/metadata.csv", &size);
    assert_non_null(strstr(table, ",breast,"));
    assert_null(strstr(table, ",chest,"));
    free(table);

    selora_context *context;
    assert_int_equal(selora_context_new(NULL, &context), SELORA_OK);
    selora_phantom_options options = selora_phantom_defaults();
    options.out = scratch_path("x");
    options.finding = "normal";
    options.place = "centre"; /* a normal picture has no place */
    assert_int_equal(selora_phantom_folder(context, &options), SELORA_USAGE);
    assert_non_null(strstr(selora_error(context), "nothing to draw"));
    selora_context_free(context);
    assert_int_equal(write_folder("x", 4, 1, "some", NULL, message), SELORA_USAGE);
    assert_int_equal(write_folder("x", 4, 1, "all", "tooth", message), SELORA_USAGE);
    assert_int_equal(write_folder("x", 0, 1, "all", NULL, message), SELORA_USAGE);
    assert_false(scratch_exists("x"));
}

static int stop_at_once(void *user)
{
    (void)user;
    return 1;
}

/* A killed job leaves temporaries, a stopped one nothing; the same command then works again. */
static void test_stopped_and_killed(void **state)
{
    (void)state;
    char message[256];
    selora_context *context;
    selora_settings settings = {.threads = 1, .hooks = {.interrupted = stop_at_once}};
    assert_int_equal(selora_context_new(&settings, &context), SELORA_OK);
    selora_phantom_options options = selora_phantom_defaults();
    options.out = scratch_path("s");
    assert_int_equal(selora_phantom_folder(context, &options), SELORA_INTERRUPTED);
    selora_context_free(context);
    assert_int_equal(scratch_count("s"), 0);
    scratch_write("s/metadata.csv.12-0.tmp", "file_na", 7);
    assert_int_equal(write_folder("s", 2, 1, "all", NULL, message), SELORA_OK);
    scratch_write("s/000001.png.12-1.tmp", "", 0);
    assert_int_equal(write_folder("s", 2, 1, "all", NULL, message), SELORA_OK);
    assert_int_equal(scratch_count("s"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_folder, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_repeats, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_foreign_folders, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_classes, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_stopped_and_killed, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
