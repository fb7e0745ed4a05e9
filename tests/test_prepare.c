/* SPDX-License-Identifier: MIT
 * Whole jobs of `selora prepare` over folders of made-up files: what is written, that it repeats, what a
 * second run adds, what is refused, what a killed run leaves. */
#include <fcntl.h>
#include <omp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/dataset.h"
#include "data/split.h"
#include "io/csv.h"
#include "io/image.h"
#include "io/json.h"
#include "support/prepare_run.h"
#include "support/scratch.h"

/* ---- tests ---- */

static void test_folder(void **state)
{
    (void)state;
    prepare_write_source("in", 10, 1);
    assert_int_equal(prepare_plain("in", "out"), SELORA_OK);
    slr_table *table = prepare_table("out", "metadata.csv"), *split = prepare_table("out", "split.csv");
    assert_int_equal(slr_table_rows(table), 20);
    assert_int_equal(slr_table_rows(split), 20);
    assert_string_equal(slr_table_cell(table, 0, 0), "images/000001.png");
    assert_string_equal(slr_table_cell(table, 3, slr_table_column(table, "text")), "picture 3, of in");
    assert_string_equal(slr_table_cell(table, 3, slr_table_column(table, "kind")), "PNG");
    slr_table_free(table);
    slr_table_free(split);

    slr_image image;
    assert_int_equal(slr_image_read(scratch_path("out/images/000020.png"), NULL, &image, NULL), SELORA_OK);
    assert_int_equal(image.bits, 16);
    assert_int_equal(image.channels, 1);
    assert_int_equal(image.width, 41);
    slr_image original;
    assert_int_equal(slr_image_read(scratch_path("in/p9_1.png"), NULL, &original, NULL), SELORA_OK);
    for (int i = 0; i < 41 * 36; i++) /* eight bits are exact in sixteen */
        assert_true(image.pixels[i] == original.pixels[i]);
    slr_image_free(&image);
    slr_image_free(&original);
    assert_int_equal(slr_image_read(scratch_path("out/contact_sheet.png"), NULL, &image, NULL), SELORA_OK);
    assert_int_equal(image.width, 8 * 128);
    slr_image_free(&image);

    json_t *root = prepare_manifest("out");
    assert_int_equal(prepare_number(root, "pictures", "rows"), 20);
    assert_int_equal(prepare_number(root, "files", "bad"), 0);
    assert_int_equal(prepare_number(root, "split", "patients_on_two_sides"), 0);
    assert_true(json_array_size(json_object_get(root, "traps")) > 10);
    json_decref(root);
}

static void assert_opens(const char *folder, slr_side_source by, size_t count)
{
    slr_dataset *data;
    slr_split split;
    slr_error err = {0};
    if (slr_dataset_open(scratch_path(folder), NULL, &data, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    assert_int_equal(slr_dataset_side_source(data), by);
    assert_int_equal(slr_split_dataset(data, 1, &split, NULL), SELORA_OK);
    assert_int_equal(split.train_count + split.validation_count + split.test_count, count);
    slr_split_free(&split);
    slr_dataset_free(data);
}

/* What was prepared opens for training: with patients, without any, with some. */
static void test_opens(void **state)
{
    (void)state;
    prepare_write_source("in", 10, 1);
    selora_prepare_options o = prepare_options("patients");
    const char *source = "in";
    o.patient_col = "who";
    assert_int_equal(prepare_run(&o, &source, 1, NULL, NULL), SELORA_OK);
    assert_opens("patients", SLR_SIDES_BY_PATIENT, 20);
    assert_int_equal(prepare_plain("in", "pictures"), SELORA_OK);
    assert_opens("pictures", SLR_SIDES_BY_PICTURE, 20);
    o = prepare_options("some");
    o.patient_regex = "^(p[0-4])_"; /* of the others nobody is known */
    assert_int_equal(prepare_run(&o, &source, 1, NULL, NULL), SELORA_OK);
    assert_opens("some", SLR_SIDES_BY_PATIENT, 20);
}

/* Everything is the owner's alone. */
static void test_modes(void **state)
{
    (void)state;
    static const char *const names[] = {"out",
                                        "out/.selora",
                                        "out/images",
                                        "out/metadata.csv",
                                        "out/split.csv",
                                        "out/manifest.json",
                                        "out/contact_sheet.png",
                                        "out/.selora/salt",
                                        "out/.selora/rows.csv",
                                        "out/images/000001.png"};
    umask(022);
    prepare_write_source("in", 2, 1);
    assert_int_equal(prepare_plain("in", "out"), SELORA_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct stat info;
        assert_int_equal(stat(scratch_path(names[i]), &info), 0);
        if (info.st_mode & 077)
            fail_msg("%s: others may read it", names[i]);
    }
}

/* Two folders differ in nothing but the salt and what it keys; with the same salt in nothing. Workers change
 * nothing. */
static void test_repeats(void **state)
{
    (void)state;
    prepare_write_source("in", 8, 1);
    selora_prepare_options o = prepare_options("a");
    const char *source = "in";
    o.columns = "patient=who";
    o.size = "32";
    assert_int_equal(prepare_run(&o, &source, 1, NULL, NULL), SELORA_OK);
    prepare_share_salt("a", "b");
    o.out = "b";
    o.jobs = 0;
    assert_int_equal(prepare_run(&o, &source, 1, NULL, NULL), SELORA_OK);
    static const char *const same[] = {"metadata.csv", "split.csv", "contact_sheet.png", ".selora/rows.csv",
                                       "images/000001.png", "images/000016.png"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        prepare_assert_same("a", "b", same[i]);
    o.out = "c";
    assert_int_equal(prepare_run(&o, &source, 1, NULL, NULL), SELORA_OK);
    slr_table *a = prepare_table("a", "split.csv"), *c = prepare_table("c", "split.csv");
    for (size_t r = 0; r < 16; r++) {
        assert_string_equal(slr_table_cell(a, r, 1), slr_table_cell(c, r, 1));
        assert_string_not_equal(slr_table_cell(a, r, 2), slr_table_cell(c, r, 2));
    }
    slr_table_free(a);
    slr_table_free(c);
}

static void assert_prefix(const char *folder, const char *name, const char *before)
{
    char *after = prepare_read(folder, name);
    if (strncmp(after, before, strlen(before)) != 0)
        fail_msg("%s has lost or changed earlier rows", name);
    free(after);
}

static void test_second_run(void **state)
{
    (void)state;
    prepare_heard h = {0};
    prepare_write_source("in", 8, 1);
    prepare_write_source("more", 5, 100);
    selora_prepare_options o = prepare_options("out");
    const char *const sources[] = {"more", "in"};
    o.columns = "patient=who";
    assert_int_equal(prepare_run(&o, sources + 1, 1, NULL, NULL), SELORA_OK);
    char *table = prepare_read("out", "metadata.csv"), *split = prepare_read("out", "split.csv");
    size_t size;
    char *first = scratch_read("out/images/000001.png", &size);

    assert_int_equal(prepare_run(&o, sources + 1, 1, NULL, NULL), SELORA_OK); /* nothing new */
    char *again = prepare_read("out", "metadata.csv");
    assert_string_equal(again, table);
    free(again);

    assert_int_equal(prepare_run(&o, sources, 2, &h, NULL),
                     SELORA_OK); /* the new ones stand before the old in the sources */
    assert_prefix("out", "metadata.csv", table);
    assert_prefix("out", "split.csv", split);
    char *now = scratch_read("out/images/000001.png", &size);
    assert_memory_equal(now, first, size);
    assert_int_equal(scratch_count("out/images"), 26);
    json_t *root = prepare_manifest("out");
    assert_int_equal(prepare_number(root, "pictures", "added"), 10);
    assert_int_equal(prepare_number(root, "pictures", "there_before"), 16);
    assert_int_equal(prepare_number(root, "split", "patients_on_two_sides"), 0);
    json_decref(root);
    free(table);
    free(split);
    free(first);
    free(now);
}

/* What was corrected by hand stays; a patient that is known keeps its side with new pictures. */
static void test_corrections(void **state)
{
    (void)state;
    prepare_heard h = {0};
    prepare_write_source("in", 6, 1);
    selora_prepare_options o = prepare_options("out");
    const char *source = "in";
    o.columns = "patient=who";
    assert_int_equal(prepare_run(&o, &source, 1, NULL, NULL), SELORA_OK);
    char *table = prepare_read("out", "metadata.csv");
    char *place = strstr(table, "picture 3, of in");
    assert_non_null(place);
    memcpy(place, "PICTURE 3, OF IN", 16);
    scratch_write("out/metadata.csv", table, strlen(table));
    prepare_write_picture("in/p0_2.png", 50, 50, 16, 77);
    FILE *list = fopen(scratch_path("in/metadata.csv"), "a");
    fputs("p0_2.png,one more,W0,ill\n", list);
    fclose(list);
    assert_int_equal(prepare_run(&o, &source, 1, &h, NULL), SELORA_OK);
    assert_prefix("out", "metadata.csv", table);
    assert_non_null(strstr(h.warnings, "1 rows have another text than their reports"));
    slr_table *split = prepare_table("out", "split.csv");
    assert_int_equal(slr_table_rows(split), 13);
    assert_string_equal(slr_table_cell(split, 12, 1), slr_table_cell(split, 0, 1));
    assert_string_equal(slr_table_cell(split, 12, 2), slr_table_cell(split, 0, 2));
    slr_table_free(split);
    free(table);
}

/* A side that was moved in split.csv stays moved; without the file all sides are drawn anew. */
static void test_split_file(void **state)
{
    (void)state;
    prepare_write_source("in", 10, 1);
    assert_int_equal(prepare_plain("in", "out"), SELORA_OK);
    char *drawn = prepare_read("out", "split.csv"), *moved = strdup(drawn);
    char *place = strstr(moved, "train");
    assert_non_null(place);
    memmove(place + 4, place + 5, strlen(place + 5) + 1);
    memcpy(place, "test", 4);
    scratch_write("out/split.csv", moved, strlen(moved));
    assert_int_equal(prepare_plain("in", "out"), SELORA_OK);
    char *kept = prepare_read("out", "split.csv");
    assert_string_equal(kept, moved);
    scratch_write("out/split.csv", "row,side,picture\n", 17); /* shorter: what is missing keeps its side */
    assert_int_equal(prepare_plain("in", "out"), SELORA_OK);
    free(kept);
    kept = prepare_read("out", "split.csv");
    assert_string_equal(kept, moved);
    assert_int_equal(unlink(scratch_path("out/split.csv")), 0);
    assert_int_equal(prepare_plain("in", "out"), SELORA_OK);
    slr_table *table = prepare_table("out", "split.csv");
    assert_int_equal(slr_table_rows(table), 20);
    slr_table_free(table);
    free(drawn);
    free(moved);
    free(kept);
}

static void test_bad_files(void **state)
{
    (void)state;
    prepare_heard h = {0};
    char error[4096];
    prepare_write_source("in", 3, 1);
    scratch_write("in/zz_empty.png", "", 0);
    scratch_write("in/zz_text.png", "no picture at all", 17);
    scratch_write("in/zz_notes.md", "words", 5);
    size_t size;
    char *whole = scratch_read("in/p0_0.png", &size);
    scratch_write("in/p1_0.png", whole, size / 2);
    free(whole);
    selora_prepare_options o = prepare_options("out");
    const char *source = "in";
    assert_int_equal(prepare_run(&o, &source, 1, &h, error), SELORA_BAD_INPUT);
    assert_non_null(strstr(error, "3 files"));
    assert_non_null(strstr(error, "--max-bad 3"));
    assert_non_null(strstr(h.warnings, "file "));
    assert_null(strstr(h.warnings, "p1_0")); /* names only when asked for */
    slr_table *table = prepare_table("out", "metadata.csv"); /* all others are there */
    assert_int_equal(slr_table_rows(table), 5);
    assert_string_equal(slr_table_cell(table, 2, slr_table_column(table, "text")), "picture 3, of in");
    slr_table_free(table);
    o.max_bad = 3;
    o.show_paths = 1;
    memset(&h, 0, sizeof h);
    assert_int_equal(prepare_run(&o, &source, 1, &h, NULL), SELORA_OK);
    assert_non_null(strstr(h.warnings, "in/p1_0.png"));
    json_t *root = prepare_manifest("out");
    assert_int_equal(prepare_number(root, "files", "bad"), 3);
    char *text = slr_json_text(root, 0);
    assert_null(strstr(text, "p1_0"));
    assert_non_null(strstr(text, "missing-files"));
    free(text);
    json_decref(root);
}

/* A folder that cannot be listed (here: too deep) costs what it holds, not the job; a data set below a source
 * is no source. */
static void test_odd_folders(void **state)
{
    (void)state;
    char error[4096], deep[400] = "in/secret";
    prepare_heard h = {0};
    prepare_write_source("in", 3, 1);
    for (size_t used = strlen(deep); used < 300; used += 2) {
        assert_int_equal(mkdir(scratch_path(deep), 0755), 0);
        snprintf(deep + used, sizeof deep - used, "/d");
    }
    selora_prepare_options o = prepare_options("in/first");
    const char *source = "in";
    assert_int_equal(prepare_run(&o, &source, 1, &h, error), SELORA_BAD_INPUT);
    assert_non_null(strstr(h.warnings, "a folder that cannot be listed"));
    assert_null(strstr(h.warnings, "secret"));
    assert_int_equal(symlink(".", scratch_path("in/again")), 0);
    o = prepare_options("second");
    o.max_bad = 1;
    assert_int_equal(prepare_run(&o, &source, 1, NULL, NULL), SELORA_OK);
    json_t *root = prepare_manifest("second");
    assert_int_equal(prepare_number(root, "pictures", "rows"), 6);
    assert_int_equal(prepare_number(root, "files", "bad"), 1);
    assert_int_equal(prepare_number(root, "files", "left_out"), 2); /* the first set, the link */
    json_decref(root);
    for (char *end; (end = strrchr(deep, '/')) && end > deep + 2; rmdir(scratch_path(deep)))
        *end = 0;
}

/* Nothing to take: the reasons are said, and that a table was not read. */
static void test_nothing_found(void **state)
{
    (void)state;
    char error[4096];
    const char *source = "in";
    assert_int_equal(mkdir(scratch_path("in"), 0755), 0);
    scratch_write("in/a.png", "no picture", 10);
    scratch_write("in/b.dcm", "", 0);
    selora_prepare_options o = prepare_options("out");
    assert_int_equal(prepare_run(&o, &source, 1, NULL, error), SELORA_BAD_INPUT);
    assert_non_null(strstr(error, "none of 2 files gave a picture: 1 no picture format, 1 cannot be read"));
    prepare_write_picture("in/a.png", 20, 20, 8, 1);
    scratch_write("in/texts.csv", "file_name,text\na.png,lung\n", 26);
    assert_int_equal(prepare_run(&o, &source, 1, NULL, error), SELORA_BAD_INPUT);
    assert_non_null(strstr(error, "1 tables in the folders were not"));
}

static void test_refusals(void **state)
{
    (void)state;
    char error[4096];
    prepare_write_source("in", 3, 1);
    selora_prepare_options o = prepare_options("out");
    const char *source = "in", *nothing = "nothing", *empty = "empty";
    assert_int_equal(prepare_run(&o, &nothing, 1, NULL, error), SELORA_BAD_INPUT);
    assert_int_equal(mkdir(scratch_path("empty"), 0755), 0);
    assert_int_equal(prepare_run(&o, &empty, 1, NULL, error), SELORA_BAD_INPUT);
    assert_non_null(strstr(error, "no file that may be a picture"));
    o.slice = "some";
    assert_int_equal(prepare_run(&o, &source, 1, NULL, error), SELORA_USAGE);
    o = prepare_options("out");
    o.fit = "squeeze";
    assert_int_equal(prepare_run(&o, &source, 1, NULL, error), SELORA_USAGE);
    assert_non_null(strstr(error, "--fit"));
    o = prepare_options("out");
    o.truncate = "sentence";
    assert_int_equal(prepare_run(&o, &source, 1, NULL, error), SELORA_USAGE);
    o = prepare_options("in"); /* a folder of something else */
    assert_int_equal(prepare_run(&o, &source, 1, NULL, error), SELORA_USAGE);
    assert_non_null(strstr(error, "not of a prepared data set"));
    assert_false(scratch_exists("in/.selora"));

    assert_int_equal(prepare_plain("in", "out"), SELORA_OK);
    o = prepare_options("out");
    o.size = "32";
    assert_int_equal(prepare_run(&o, &source, 1, NULL, error), SELORA_USAGE);
    assert_non_null(strstr(error, "--size"));
    assert_int_equal(unlink(scratch_path("in/metadata.csv")), 0);
    o = prepare_options("other");
    assert_int_equal(prepare_run(&o, &source, 1, NULL, error), SELORA_BAD_INPUT);
    assert_non_null(strstr(error, "--reports"));
    o.no_text = "keep";
    assert_int_equal(prepare_run(&o, &source, 1, NULL, NULL), SELORA_OK);
}

/* Sources are read and nothing else: not their bytes, not their times. */
static void test_source_untouched(void **state)
{
    (void)state;
    struct stat before, after;
    prepare_write_source("in", 2, 1);
    size_t entries = scratch_count("in"), size[2];
    char *bytes[2] = {scratch_read("in/p0_0.png", &size[0]), NULL};
    assert_int_equal(stat(scratch_path("in"), &before), 0);
    assert_int_equal(prepare_plain("in", "out"), SELORA_OK);
    assert_int_equal(stat(scratch_path("in"), &after), 0);
    bytes[1] = scratch_read("in/p0_0.png", &size[1]);
    assert_int_equal(scratch_count("in"), entries);
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(bytes[0], bytes[1], size[0]);
    assert_true(before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
                before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
    free(bytes[0]);
    free(bytes[1]);
}

/* Stopped between any two items, and killed at any moment: the same command ends in what one run would have
 * given. */
static void test_interrupted(void **state)
{
    (void)state;
    char error[4096];
    prepare_write_source("in", 8, 1);
    assert_int_equal(prepare_plain("in", "whole"), SELORA_OK);
    prepare_share_salt("whole", "out");
    selora_prepare_options o = prepare_options("out");
    const char *source = "in";
    o.jobs = 0;
    for (int at = 1; at <= 29; at += 7) {
        prepare_heard h = {.stop_at = at};
        assert_int_equal(prepare_run(&o, &source, 1, &h, error), SELORA_INTERRUPTED);
        assert_false(scratch_exists("out/metadata.csv"));
    }
    assert_int_equal(prepare_run(&o, &source, 1, NULL, NULL), SELORA_OK);
    prepare_assert_same("whole", "out", "metadata.csv");
    prepare_assert_same("whole", "out", "images/000016.png");
}

static void test_killed(void **state)
{
    (void)state;
    prepare_write_source("in", 12, 1);
    assert_int_equal(prepare_plain("in", "whole"), SELORA_OK);
    prepare_share_salt("whole", "out");
    for (int k = 0; k < 12; k++) {
        pid_t child = fork();
        if (child == 0) {
            freopen("/dev/null", "w", stdout);
            _exit(prepare_plain("in", "out") == SELORA_OK ? 0 : 1);
        }
        usleep((useconds_t)(k * 6000));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    assert_int_equal(prepare_plain("in", "out"), SELORA_OK);
    prepare_assert_same("whole", "out", "metadata.csv");
    prepare_assert_same("whole", "out", "images/000024.png");
    assert_int_equal(scratch_count("out/images"), 24);
    assert_false(scratch_exists("out/.selora/new"));
    slr_table *a = prepare_table("whole", "split.csv"), *b = prepare_table("out", "split.csv");
    for (size_t r = 0; r < 24; r++)
        assert_string_equal(slr_table_cell(a, r, 1), slr_table_cell(b, r, 1));
    slr_table_free(a);
    slr_table_free(b);
}

static void restore(const char *name, const char *text)
{
    scratch_write(name, text, strlen(text));
}

/* Killed after the split, before the rows: the list does not train, and the next run gives the same. */
static void test_killed_between(void **state)
{
    (void)state;
    prepare_write_source("in", 8, 1);
    prepare_write_source("more", 5, 100);
    assert_int_equal(prepare_plain("in", "out"), SELORA_OK);
    char *rows = prepare_read("out", ".selora/rows.csv"), *list = prepare_read("out", "metadata.csv");
    assert_int_equal(prepare_plain("more", "out"), SELORA_OK);
    char *split = prepare_read("out", "split.csv"), *whole = prepare_read("out", "metadata.csv");
    restore("out/.selora/rows.csv", rows);
    restore("out/metadata.csv", list);
    slr_dataset *data;
    assert_int_equal(slr_dataset_open(scratch_path("out"), NULL, &data, NULL), SELORA_BAD_INPUT);
    assert_int_equal(prepare_plain("more", "out"), SELORA_OK);
    char *again = prepare_read("out", "split.csv"), *after = prepare_read("out", "metadata.csv");
    assert_string_equal(again, split);
    assert_string_equal(after, whole);
    assert_opens("out", SLR_SIDES_BY_PICTURE, 26);

    again[strlen(again) - 2] = again[strlen(again) - 2] == 'a' ? 'b' : 'a'; /* the last key */
    restore("out/split.csv", again);
    char error[4096];
    selora_prepare_options o = prepare_options("out");
    const char *source = "in";
    assert_int_equal(prepare_run(&o, &source, 1, NULL, error), SELORA_BAD_INPUT);
    assert_non_null(strstr(error, "split.csv: row 26"));
    char *const texts[] = {rows, list, split, whole, again, after};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
}

/* A disk without room, for the pictures or for what comes after them: a clear message, and the next run
 * completes it all. */
static void run_without_room(rlim_t bytes, const char *expected)
{
    pid_t child = fork();
    if (child == 0) {
        char error[4096];
        selora_prepare_options o = prepare_options("out");
        const char *source = "in";
        signal(SIGXFSZ, SIG_IGN);
#ifdef __clang__ /* its OpenMP runtime makes a file of its own in every process that begins to use it */
        o.jobs = 0;
        omp_get_max_threads();
#endif
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){bytes, bytes});
        selora_status status = prepare_run(&o, &source, 1, NULL, error);
        _exit(status == SELORA_NO_RESOURCE && strstr(error, expected) && !strstr(error, "p0_0") ? 7 : 1);
    }
    int code = 0;
    waitpid(child, &code, 0);
    assert_true(WIFEXITED(code));
    assert_int_equal(WEXITSTATUS(code), 7);
}

static void test_full_disk(void **state)
{
    (void)state;
    prepare_write_source("in", 3, 1);
    assert_int_equal(prepare_plain("in", "whole"), SELORA_OK);
    prepare_share_salt("whole", "out");
    run_without_room(300, "nothing was added");
    assert_false(scratch_exists("out/metadata.csv"));
    run_without_room(1500, "cannot write");
    assert_int_equal(prepare_plain("in", "out"), SELORA_OK);
    prepare_assert_same("whole", "out", "metadata.csv");
    prepare_assert_same("whole", "out", "contact_sheet.png");
}

static void test_purge(void **state)
{
    (void)state;
    selora_context *context;
    char out[4096], error[4096];
    prepare_write_source("in", 3, 1);
    assert_int_equal(prepare_plain("in", "out"), SELORA_OK);
    snprintf(out, sizeof out, "%s", scratch_path("out"));
    assert_int_equal(selora_context_new(NULL, &context), SELORA_OK);
    assert_int_equal(selora_purge(context, scratch_path("in"), 1), SELORA_BAD_INPUT); /* not ours */
    assert_true(scratch_exists("in/p0_0.png"));
    assert_int_equal(selora_purge(context, out, 0), SELORA_OK);
    assert_false(scratch_exists("out/.selora"));
    assert_true(scratch_exists("out/images/000001.png"));
    selora_prepare_options o = prepare_options("out");
    const char *source = "in";
    assert_int_equal(prepare_run(&o, &source, 1, NULL, error), SELORA_USAGE);
    assert_non_null(strstr(error, "purged"));
    scratch_write("out/own.txt", "mine", 4);
    assert_int_equal(selora_purge(context, out, 1), SELORA_OK);
    assert_int_equal(scratch_count("out"), 1);
    assert_true(scratch_exists("out/own.txt"));
    selora_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_folder, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_opens, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_modes, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_repeats, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_second_run, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_corrections, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_split_file, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_bad_files, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_odd_folders, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_nothing_found, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_refusals, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_source_untouched, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_interrupted, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_killed, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_killed_between, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_purge, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
