/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "data/dataset.h"
#include "data/split.h"
#include "io/atomic_file.h"
#include "io/image.h"
#include "support/scratch.h"

/* ---- making folders ---- */

static void put(const char *name, const char *text)
{
    char folder[256];
    snprintf(folder, sizeof folder, "%s", name);
    char *slash = strrchr(folder, '/');
    if (slash) {
        *slash = 0;
        assert_int_equal(slr_make_folders(scratch_path(folder), 0755, NULL), SELORA_OK);
    }
    scratch_write(name, text, strlen(text));
}

/* A small picture whose bytes depend on `grey`. */
static void put_picture(const char *name, float grey)
{
    slr_image image;
    put(name, "");
    assert_int_equal(slr_image_new(4, 3, 1, &image, NULL), SELORA_OK);
    for (int i = 0; i < 12; i++)
        image.pixels[i] = grey;
    assert_int_equal(slr_png_write(scratch_path(name), &image, 8, NULL, 0, NULL), SELORA_OK);
    slr_image_free(&image);
}

static void put_pictures(const char *const *names)
{
    for (float grey = 0; *names; names++, grey += 0.02f)
        put_picture(*names, grey);
}

static slr_dataset *open_with(const slr_dataset_options *options)
{
    slr_dataset *data;
    slr_error err = {0};
    if (slr_dataset_open(scratch_path("d"), options, &data, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return data;
}

static slr_dataset *open_checked(void)
{
    slr_dataset *data = open_with(NULL);
    slr_error err = {0};
    if (slr_dataset_check_pictures(data, NULL, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return data;
}

/* Refused with all of the texts (NULL ends them) in the message. */
static void assert_refused(const slr_dataset_options *options, const char *const *texts)
{
    slr_dataset *data = (slr_dataset *)(uintptr_t)1;
    slr_error err = {0};
    assert_int_equal(slr_dataset_open(scratch_path("d"), options, &data, &err), SELORA_BAD_INPUT);
    assert_null(data);
    for (; *texts; texts++)
        if (!strstr(err.message, *texts))
            fail_msg("'%s' lacks '%s'", err.message, *texts);
}

#define REFUSED(options, ...) assert_refused(options, (const char *const[]){__VA_ARGS__, NULL})
#define PICTURES(...) put_pictures((const char *const[]){__VA_ARGS__, NULL})

static void assert_item(const slr_dataset *data, size_t index, const char *name,
                        const char *caption, size_t row, slr_side side)
{
    const slr_data_item *item = slr_dataset_item(data, index);
    assert_string_equal(item->path, scratch_path(name));
    assert_string_equal(item->caption, caption);
    assert_int_equal(item->row, row);
    assert_int_equal(item->side, side);
}

/* ---- layouts ---- */

static void test_csv(void **state)
{
    (void)state;
    PICTURES("d/a.png", "d/in/b.png", "d/c.png");
    put("d/metadata.csv", "file_name,text,patient_id,age\n./in//b.png,\"lung, left\",p1,70\n"
                          "a.png,,p2,\nc.png,heart,p1,9\n");
    put("d/.hidden.png", "no picture");
    put("d/notes.txt", "no caption");
    slr_dataset_options options = {.group_column = "patient_id"};
    slr_dataset *data = open_with(&options);
    assert_int_equal(slr_dataset_count(data), 3);
    assert_item(data, 0, "d/in/b.png", "lung, left", 1, SLR_SIDE_NONE);
    assert_item(data, 1, "d/a.png", "", 2, SLR_SIDE_NONE);
    assert_item(data, 2, "d/c.png", "heart", 3, SLR_SIDE_NONE);
    assert_string_equal(slr_dataset_item(data, 2)->group, "p1");
    assert_string_equal(slr_dataset_cell(data, 0, "age"), "70");
    assert_string_equal(slr_dataset_cell(data, 1, "age"), "");
    assert_string_equal(slr_dataset_cell(data, 1, "sex"), "");
    assert_true(slr_dataset_has_column(data, "age"));
    assert_false(slr_dataset_has_column(data, "sex"));
    slr_dataset_counts counts = slr_dataset_get_counts(data);
    assert_int_equal(counts.empty_captions, 1);
    assert_int_equal(counts.unlisted, 0);
    slr_dataset_free(data);
}

static void test_jsonl_and_columns(void **state)
{
    (void)state;
    PICTURES("d/a.png", "d/b.png", "d/extra.jpg");
    put("d/metadata.jsonl",
        "{\"image_file_name\": \"a.png\", \"report\": \"one\", \"n\": 3, \"x\": [1]}\n"
        "{\"image_file_name\": \"b.png\", \"report\": \"two\"}\n");
    slr_dataset_options options = {.caption_column = "report"};
    slr_dataset *data = open_with(&options);
    assert_item(data, 0, "d/a.png", "one", 1, SLR_SIDE_NONE);
    assert_item(data, 1, "d/b.png", "two", 2, SLR_SIDE_NONE);
    assert_string_equal(slr_dataset_cell(data, 0, "n"), "3");
    assert_int_equal(slr_dataset_get_counts(data).unlisted, 1);
    slr_dataset_free(data);
    options.image_column = "image_file_name";
    slr_dataset_free(open_with(&options));
    REFUSED(NULL, "no column text", "image_file_name, report, n, x", "--caption-column");
    options.caption_column = "x";
    REFUSED(&options, "column x holds lists");
    options.image_column = "picture";
    REFUSED(&options, "no column picture");
    slr_dataset_options grouped = {.caption_column = "report", .group_column = "patient"};
    REFUSED(&grouped, "no column patient", "--group-column");
    put("d/metadata.jsonl",
        "{\"left_file_name\": \"a.png\", \"right_file_name\": \"b.png\", \"text\": 1}\n");
    REFUSED(NULL, "no column file_name");
}

static void test_sidecars(void **state)
{
    (void)state;
    PICTURES("d/b.png", "d/a.png", "d/c.JPG", "d/in.side/d.png", "d/e.png");
    put("d/a.txt", "\xef\xbb\xbf  first\nsecond \r\n");
    put("d/b.caption", "from caption");
    put("d/c.txt", "");
    put("d/in.side/d.txt", "deep");
    put("d/e.txt", "same\n");
    put("d/e.caption", "same");
    slr_dataset *data = open_checked();
    assert_int_equal(slr_dataset_count(data), 5);
    assert_item(data, 0, "d/a.png", "first\nsecond", 1, SLR_SIDE_NONE);
    assert_item(data, 1, "d/b.png", "from caption", 2, SLR_SIDE_NONE);
    assert_item(data, 2, "d/c.JPG", "", 3, SLR_SIDE_NONE);
    assert_item(data, 3, "d/e.png", "same", 4, SLR_SIDE_NONE);
    assert_item(data, 4, "d/in.side/d.png", "deep", 5, SLR_SIDE_NONE);
    assert_int_equal(slr_dataset_get_counts(data).empty_captions, 1);
    assert_string_equal(slr_dataset_cell(data, 0, "text"), "");
    assert_false(slr_dataset_has_column(data, "text"));
    slr_dataset_free(data);
}

static void test_sidecar_problems(void **state)
{
    (void)state;
    PICTURES("d/a.png", "d/b.png", "d/c.png", "d/d.webp", "d/e\x1b[31m.png", "d/ok.png");
    put("d/a.txt", "one");
    put("d/a.caption", "another");
    put("d/c.txt", "\xff\xfe");
    put("d/e\x1b[31m.txt", "x");
    put("d/ok.txt", "x");
    REFUSED(NULL, "5 problems", "a.caption: differs from the .txt", "b.png: no caption beside it",
            "c.txt: not UTF-8", "d.webp: PNG and JPEG are read", "picture 5: its name");
    slr_dataset_options grouped = {.group_column = "patient"};
    REFUSED(&grouped, "6 problems", "could hold column patient");
}

static void test_split_folders(void **state)
{
    (void)state;
    PICTURES("d/train/a.png", "d/train/b.png", "d/val/c.png", "d/test/e.png");
    put("d/train/metadata.csv", "file_name,text,who\nb.png,B,1\na.png,A,2\n");
    put("d/val/c.txt", "C");
    put("d/test/metadata.jsonl", "{\"file_name\": \"e.png\", \"text\": \"E\"}\n");
    slr_dataset *data = open_with(NULL);
    assert_int_equal(slr_dataset_count(data), 4);
    assert_item(data, 0, "d/train/b.png", "B", 1, SLR_SIDE_TRAIN);
    assert_item(data, 1, "d/train/a.png", "A", 2, SLR_SIDE_TRAIN);
    assert_item(data, 2, "d/val/c.png", "C", 1, SLR_SIDE_VALIDATION);
    assert_item(data, 3, "d/test/e.png", "E", 1, SLR_SIDE_TEST);
    assert_string_equal(slr_dataset_cell(data, 1, "who"), "2");
    assert_string_equal(slr_dataset_cell(data, 2, "who"), "");
    slr_split split;
    assert_int_equal(slr_split_dataset(data, 1, &split, NULL), SELORA_OK);
    assert_int_equal(split.train_count, 2);
    assert_int_equal(split.validation[0], 2);
    assert_int_equal(split.test[0], 3);
    slr_split_free(&split);
    slr_dataset_free(data);
    put("d/train/metadata.csv", "file_name,text\nb.png,B\nnone.png,A\n");
    put("d/test/metadata.jsonl", "{\"file_name\": \"gone.png\", \"text\": \"E\"}\n");
    REFUSED(NULL, "2 problems", "train/metadata.csv row 2 (line 3): none.png: no such file",
            "test/metadata.jsonl row 1 (line 1): gone.png");
    put("d/validation/x.txt", "");
    REFUSED(NULL, "a second folder for validation");
    put("d/metadata.csv", "file_name,text\n");
    REFUSED(NULL, "both in the folder and in train");
}

static void test_sides_from_names(void **state)
{
    (void)state;
    PICTURES("d/train/a.png", "d/validation/b.png", "d/testing/c.png");
    put("d/metadata.csv", "file_name,text\nvalidation/b.png,B\ntrain/a.png,A\n");
    slr_dataset *data = open_with(NULL);
    assert_item(data, 0, "d/validation/b.png", "B", 1, SLR_SIDE_VALIDATION);
    assert_item(data, 1, "d/train/a.png", "A", 2, SLR_SIDE_TRAIN);
    assert_int_equal(slr_dataset_get_counts(data).unlisted, 1);
    slr_dataset_free(data);
    put("d/metadata.csv", "file_name,text\nvalidation/b.png,B\ntrain/a.png,A\ntesting/c.png,C\n");
    REFUSED(NULL, "2 rows lie in folders train, validation or test, 1 do not");
}

/* ---- what is wrong ---- */

static void test_hostile_names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"/etc/passwd", "absolute path"},
        {"\\\\server\\x.png", "absolute path"},
        {"C:\\x.png", "absolute path"},
        {"c:/x.png", "absolute path"},
        {"../x.png", "leads out"},
        {"in/../../x.png", "leads out"},
        {"in\\..\\..\\x.png", "leads out"},
        {"in/..", "leads out"},
        {"..", "leads out"},
        {"http://x/y.png", "address"},
        {"file:///etc/passwd", "address"},
        {"", "name of the picture is empty"},
        {"a\x1b[2Jb.png", "control characters"},
        {"a\nb.png", "control characters"},
        {"in\\a.png", "no such file; write / between folders"},
        {"in", "is not a plain file"},
        {".", "is not a plain file"},
        {"a.png/b.png", "Not a directory"},
    };
    PICTURES("d/a.png", "d/in/a.png", "d/a..b.png", "d/..c.png", "x.png");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FILE *file = fopen(scratch_path("d/metadata.csv"), "wb");
        fprintf(file, "file_name,text\na.png,x\n\"%s\",y\n", cases[i][0]);
        fclose(file);
        REFUSED(NULL, "metadata.csv row 2 (line 3)", cases[i][1]);
    }
    put("d/metadata.csv",
        "file_name,text\na..b.png,x\n..c.png,y\n"); /* dots inside a name are fine */
    slr_dataset_free(open_with(NULL));
}

static void test_all_problems_at_once(void **state)
{
    (void)state;
    PICTURES("d/a.png", "d/b.png");
    put("d/metadata.csv",
        "file_name,text,p\na.png,x,1\nnone.png,x,1\n../b.png,x,1\n./a.png,x,1\nb.png,x,\n"
        ",x,1\n");
    slr_dataset_options options = {.group_column = "p"};
    REFUSED(&options, "5 problems", "row 2 (line 3): none.png: no such file", "row 3 (line 4)",
            "row 4 (line 5): a.png: listed already in row 1", "row 5 (line 6): the group is empty",
            "row 6 (line 7): the name of the picture is empty");
}

static void test_bad_folders(void **state)
{
    (void)state;
    slr_dataset *data;
    slr_error err = {0};
    assert_int_equal(slr_dataset_open(scratch_path("none"), NULL, &data, &err), SELORA_BAD_INPUT);
    put("file", "");
    assert_int_equal(slr_dataset_open(scratch_path("file"), NULL, &data, &err), SELORA_BAD_INPUT);
    put("d/readme.md", "");
    REFUSED(NULL, "no pictures");
    PICTURES("d/a.png", "d/b.png");
    REFUSED(NULL, "2 pictures, but neither metadata.csv nor metadata.jsonl nor caption files");
    put("d/metadata.csv", "file_name,text\n");
    REFUSED(NULL, "metadata.csv: has no rows");
    put("d/metadata.csv", "");
    REFUSED(NULL, "metadata.csv: is empty");
    put("d/metadata.csv", "file_name;text\na.png;x\n");
    REFUSED(NULL, "2 problems", "no column file_name (there are: file_name;text)",
            "no column text");
    put("d/metadata.csv", "file_name,text\na.png,x\nb.png\n");
    REFUSED(NULL, "metadata.csv: line 3: 1 fields");
    put("d/metadata.jsonl", "{\"file_name\": \"a.png\", \"text\": \"x\"}\n");
    REFUSED(NULL, "both metadata.csv and metadata.jsonl");
    unlink(scratch_path("d/metadata.csv"));
    unlink(scratch_path("d/metadata.jsonl"));
    put("d/metadata.parquet", "PAR1");
    REFUSED(NULL, "metadata.parquet is not read");
    put("d/test/a.txt", "");
    put("d/test/metadata.csv", "file_name,text\n");
    REFUSED(NULL, "no folder train");
}

/* ---- contents ---- */

static void test_one_picture(void **state)
{
    (void)state;
    PICTURES("d/a.png");
    put("d/a.txt", "one");
    slr_dataset *data = open_checked();
    slr_split split;
    assert_int_equal(slr_split_dataset(data, 1, &split, NULL), SELORA_OK);
    assert_int_equal(split.train_count, 1);
    assert_int_equal(split.validation_count + split.test_count, 0);
    slr_split_free(&split);
    slr_dataset_free(data);
}

static void test_damaged_pictures(void **state)
{
    (void)state;
    PICTURES("d/a.png", "d/b.png", "d/c.png");
    put("d/metadata.csv", "file_name,text\na.png,A\nb.png,B\nc.png,C\n");
    size_t size;
    char *bytes = scratch_read("d/a.png", &size);
    scratch_write("d/a.png", bytes, size - 20);
    free(bytes);
    put("d/c.png", "RIFF1234WEBPVP8 ");
    slr_dataset *data = open_with(NULL);
    slr_error err = {0};
    assert_int_equal(slr_dataset_check_pictures(data, NULL, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "2 problems"));
    assert_non_null(strstr(err.message, "row 1 (a.png): damaged or truncated PNG"));
    assert_non_null(strstr(err.message, "row 3 (c.png): is a WebP picture"));
    char hex[SLR_SHA256_HEX];
    assert_int_equal(slr_dataset_hash(data, hex, &err), SELORA_USAGE);
    slr_dataset_free(data);
}

static int interrupted(void *user)
{
    return ++*(int *)user > 2;
}

static void progressed(void *user, const selora_progress *progress)
{
    (void)user;
    assert_int_equal(progress->total, 3);
}

static void test_check(void **state)
{
    (void)state;
    PICTURES("d/a.png", "d/b.png", "d/c.png");
    put("d/metadata.csv", "file_name,text\na.png,A\nb.png,B\nc.png,C\n");
    slr_dataset *data = open_with(NULL);
    int calls = 0;
    slr_hooks hooks = {.user = &calls, .interrupted = interrupted, .progress = progressed};
    slr_error err = {0};
    assert_int_equal(slr_dataset_check_pictures(data, &hooks, &err), SELORA_INTERRUPTED);
    assert_int_equal(slr_dataset_check_pictures(data, NULL, &err), SELORA_OK);
    const slr_data_item *item = slr_dataset_item(data, 1);
    assert_int_equal(item->width, 4);
    assert_int_equal(item->height, 3);
    assert_int_equal(item->channels, 1);
    assert_int_equal(item->bits, 8);
    char hex[SLR_SHA256_HEX];
    assert_int_equal(slr_sha256_file(item->path, hex, NULL), SELORA_OK);
    assert_string_equal(item->sha256, hex);
    assert_int_equal(slr_dataset_get_counts(data).duplicates, 0);
    slr_dataset_free(data);
}

static void hash_of(const char *table, char hex[SLR_SHA256_HEX])
{
    put("d/metadata.csv", table);
    slr_dataset *data = open_checked();
    assert_int_equal(slr_dataset_hash(data, hex, NULL), SELORA_OK);
    slr_dataset_free(data);
}

static void test_hash(void **state)
{
    (void)state;
    char first[SLR_SHA256_HEX], other[SLR_SHA256_HEX];
    PICTURES("d/a.png", "d/b.png");
    hash_of("file_name,text\na.png,A\nb.png,B\n", first);
    hash_of("file_name,text\na.png,A\nb.png,C\n", other);
    assert_string_not_equal(first, other); /* captions count */
    hash_of("file_name,text\nb.png,B\na.png,A\n", other);
    assert_string_not_equal(first, other); /* and their order */
    assert_int_equal(rename(scratch_path("d/a.png"), scratch_path("d/z.png")), 0);
    hash_of("file_name,text,more\nz.png,A,1\nb.png,B,2\n", other);
    assert_string_equal(first, other); /* names and other columns do not */
    put_picture("d/z.png", 0.9f);
    hash_of("file_name,text\nz.png,A\nb.png,B\n", other);
    assert_string_not_equal(first, other); /* contents do */
}

/* The same picture under two names is never on two sides. */
static void test_duplicates(void **state)
{
    (void)state;
    put("d/metadata.csv", "file_name,text,p\n");
    FILE *table = fopen(scratch_path("d/metadata.csv"), "ab");
    for (int i = 0; i < 40; i++) {
        char name[32];
        snprintf(name, sizeof name, "d/%d.png", i);
        put_picture(name, (float)(i % 20) / 20.0f);
        fprintf(table, "%d.png,x,p%d\n", i, i % 20 / 2);
    }
    fclose(table);
    slr_dataset *data = open_checked();
    assert_int_equal(slr_dataset_get_counts(data).duplicates, 20);
    for (uint64_t seed = 0; seed < 10; seed++) {
        slr_split split;
        unsigned side[40] = {0};
        assert_int_equal(slr_split_dataset(data, seed, &split, NULL), SELORA_OK);
        assert_in_range(split.train_count, 31, 33);
        for (size_t i = 0; i < split.train_count; i++)
            side[split.train[i]] = 1;
        for (size_t i = 0; i < split.validation_count; i++)
            side[split.validation[i]] = 2;
        for (int i = 0; i < 20; i++)
            assert_int_equal(side[i], side[i + 20]);
        slr_split_free(&split);
    }
    slr_dataset_free(data);
    slr_dataset_options grouped = {.group_column = "p"};
    data = open_with(&grouped);
    slr_split split;
    assert_int_equal(slr_split_dataset(data, 3, &split, NULL), SELORA_OK);
    for (size_t i = 0; i < split.validation_count; i++)
        for (size_t k = 0; k < split.train_count; k++)
            assert_string_not_equal(slr_dataset_item(data, split.validation[i])->group,
                                    slr_dataset_item(data, split.train[k])->group);
    slr_split_free(&split);
    slr_dataset_free(data);
}

static void test_leaking_folders(void **state)
{
    (void)state;
    put_picture("d/train/a.png", 0.5f);
    put_picture("d/test/b.png", 0.5f);
    put("d/train/a.txt", "A");
    put("d/test/b.txt", "B");
    slr_dataset *data = open_checked();
    slr_split split;
    slr_error err = {0};
    assert_int_equal(slr_split_dataset(data, 1, &split, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "train (row 1) and in test (row 1)"));
    slr_dataset_free(data);
}

/* The real set beside the checkout, where it is there. */
static void test_real_set(void **state)
{
    (void)state;
    static const char folder[] = TEST_SOURCE_DIR "/../shared/data/cxr243";
    slr_dataset *data;
    slr_split split;
    if (access(folder, R_OK) != 0)
        skip();
    slr_dataset_options options = {.group_column = "patient_id"};
    assert_int_equal(slr_dataset_open(folder, &options, &data, NULL), SELORA_OK);
    assert_int_equal(slr_dataset_count(data), 243);
    assert_int_equal(slr_dataset_get_counts(data).unlisted, 0);
    assert_int_equal(slr_dataset_check_pictures(data, NULL, NULL), SELORA_OK);
    assert_int_equal(slr_split_dataset(data, 42, &split, NULL), SELORA_OK);
    assert_in_range(split.train_count, 180, 210);
    slr_split_free(&split);
    slr_dataset_free(data);
}

#define SCRATCH_TEST(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

/* ---- split.csv ---- */

static void put_prepared(const char *metadata, const char *split)
{
    PICTURES("d/a.png", "d/b.png", "d/c.png");
    put("d/metadata.csv", metadata);
    put("d/split.csv", split);
}

static const char prepared[] = "file_name,text,patient,picture,site\na.png,x,0000000000000001,000000000000000a,n\n"
                               "b.png,y,0000000000000002,000000000000000b,n\n"
                               "c.png,z,0000000000000001,000000000000000c,s\n";

static void test_split_file(void **state)
{
    (void)state;
    put_prepared(prepared, "row,side,patient\n1,test,0000000000000001\n2,train,0000000000000002\n"
                           "3,test,0000000000000001\n");
    slr_dataset *data = open_checked();
    slr_split split;
    size_t groups, crossing;
    assert_int_equal(slr_dataset_side_source(data), SLR_SIDES_BY_PATIENT);
    assert_item(data, 0, "d/a.png", "x", 1, SLR_SIDE_TEST);
    assert_string_equal(slr_dataset_item(data, 2)->group, "0000000000000001");
    assert_int_equal(slr_split_dataset(data, 42, &split, NULL), SELORA_OK);
    assert_int_equal(split.train_count, 1);
    assert_int_equal(split.train[0], 1);
    assert_int_equal(split.test_count, 2);
    assert_int_equal(slr_split_count_groups(data, &split, &groups, &crossing, NULL), SELORA_OK);
    assert_int_equal(groups, 2);
    assert_int_equal(crossing, 0);
    /* the count is one: it finds what it is for */
    split.test_count--;
    split.validation = split.test + 1;
    split.validation_count = 1;
    assert_int_equal(slr_split_count_groups(data, &split, &groups, &crossing, NULL), SELORA_OK);
    assert_int_equal(crossing, 1);
    slr_split_free(&split);
    slr_dataset_free(data);
    /* other groups may be asked for, and are checked */
    slr_dataset_options options = {.group_column = "site"};
    data = open_with(&options);
    assert_string_equal(slr_dataset_item(data, 2)->group, "s");
    slr_error err = {0};
    assert_int_equal(slr_split_dataset(data, 42, &split, &err), SELORA_BAD_INPUT);
    slr_dataset_free(data);
    put("d/split.csv", "row,side,picture\n1,test,000000000000000a\n2,train,000000000000000b\n3,train,000000000000000c\n");
    data = open_with(NULL);
    assert_int_equal(slr_dataset_side_source(data), SLR_SIDES_BY_PICTURE);
    slr_dataset_free(data);
    put("d/split.csv", "file,part\na.png,x\n"); /* not ours */
    data = open_with(NULL);
    assert_int_equal(slr_dataset_side_source(data), SLR_SIDES_NONE);
    assert_string_equal(slr_dataset_item(data, 0)->group, "");
    slr_dataset_free(data);
}

static void test_split_file_refused(void **state)
{
    (void)state;
    put_prepared(prepared, "row,side,patient\n1,test,0000000000000001\n2,train,0000000000000002\n");
    REFUSED(NULL, "split.csv has 2 rows, the metadata 3", "changed after it was split");
    put("d/split.csv", "row,side,patient\n1,test,0000000000000001\n2,train,0000000000000003\n"
                       "3,test,0000000000000001\n");
    REFUSED(NULL, "row 2: column patient differs");
    put("d/split.csv", "row,side,patient\n1,test,0000000000000001\n2,train,0000000000000002\n"
                       "3,train,0000000000000001\n");
    REFUSED(NULL, "rows 1 and 3: one key on two sides, test and train");
    put("d/metadata.csv", "file_name,text\na.png,x\nb.png,y\nc.png,z\n");
    put("d/split.csv", "row,side,patient\n1,test,0000000000000001\n2,train,0000000000000002\n"
                       "3,test,0000000000000001\n");
    REFUSED(NULL, "no column patient");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_csv),
        SCRATCH_TEST(test_jsonl_and_columns),
        SCRATCH_TEST(test_sidecars),
        SCRATCH_TEST(test_sidecar_problems),
        SCRATCH_TEST(test_split_folders),
        SCRATCH_TEST(test_sides_from_names),
        SCRATCH_TEST(test_hostile_names),
        SCRATCH_TEST(test_all_problems_at_once),
        SCRATCH_TEST(test_bad_folders),
        SCRATCH_TEST(test_one_picture),
        SCRATCH_TEST(test_damaged_pictures),
        SCRATCH_TEST(test_check),
        SCRATCH_TEST(test_hash),
        SCRATCH_TEST(test_duplicates),
        SCRATCH_TEST(test_leaking_folders),
        cmocka_unit_test(test_real_set),
        cmocka_unit_test_setup_teardown(test_split_file, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_split_file_refused, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
