/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/atomic_file.h"
#include "support/scratch.h"

static void assert_content(const char *name, const char *expected)
{
    size_t size;
    char *data = scratch_read(name, &size);
    assert_non_null(data);
    assert_int_equal(size, strlen(expected));
    assert_string_equal(data, expected);
    free(data);
}

static void test_write_and_replace(void **state)
{
    (void)state;
    slr_error err = {0};
    mode_t before = umask(022);
    assert_int_equal(slr_atomic_write(scratch_path("a"), 0644, "first", 5, &err), SELORA_OK);
    assert_content("a", "first");
    assert_int_equal(slr_atomic_write(scratch_path("a"), 0600, "2nd", 3, &err), SELORA_OK);
    assert_content("a", "2nd");
    struct stat info;
    assert_int_equal(stat(scratch_path("a"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(slr_atomic_write(scratch_path("a"), 0666, "", 0, &err), SELORA_OK);
    assert_content("a", "");
    assert_int_equal(stat(scratch_path("a"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644);
    umask(before);
    assert_int_equal(scratch_count(""), 1);
}

static void test_invisible_until_commit(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_atomic_file *first, *second;
    scratch_write("a", "old", 3);
    assert_int_equal(slr_atomic_open(scratch_path("a"), 0644, &first, &err), SELORA_OK);
    assert_int_equal(slr_atomic_open(scratch_path("a"), 0644, &second, &err), SELORA_OK);
    fputs("from the first", slr_atomic_stream(first));
    fputs("from the second", slr_atomic_stream(second));
    fflush(slr_atomic_stream(first));
    assert_content("a", "old");
    slr_atomic_abort(first);
    assert_content("a", "old");
    assert_int_equal(slr_atomic_commit(second, &err), SELORA_OK);
    assert_content("a", "from the second");
    assert_int_equal(scratch_count(""), 1);
    slr_atomic_abort(NULL);
}

/* A limit on the size of files stands for the full disk. */
static void test_full_disk(void **state)
{
    (void)state;
    slr_error err = {0};
    size_t size = 1 << 20;
    char *big = calloc(size, 1);
    scratch_write("a", "old", 3);
    struct rlimit limit, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 65536;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    selora_status whole = slr_atomic_write(scratch_path("a"), 0644, big, size, &err);
    slr_atomic_file *file;
    slr_error err_pieces = {0};
    assert_int_equal(slr_atomic_open(scratch_path("a"), 0644, &file, &err_pieces), SELORA_OK);
    for (size_t i = 0; i < size / 64; i++)
        fwrite(big, 1, 64, slr_atomic_stream(file));
    selora_status pieces = slr_atomic_commit(file, &err_pieces);
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_DFL);
    free(big);
    assert_int_equal(whole, SELORA_NO_RESOURCE);
    assert_int_equal(err.status, SELORA_NO_RESOURCE);
    assert_non_null(strstr(err.message, "/a: cannot write the file: File too large"));
    assert_int_equal(pieces, SELORA_NO_RESOURCE);
    assert_content("a", "old");
    assert_int_equal(scratch_count(""), 1);
}

static void test_dev_full(void **state)
{
    (void)state;
    slr_error err = {0};
    if (access("/dev/full", W_OK) != 0)
        skip();
    assert_int_equal(slr_atomic_write("/dev/full", 0644, "x", 1, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "device"));
    struct stat info;
    assert_int_equal(stat("/dev/full", &info), 0);
    assert_true(S_ISCHR(info.st_mode)); /* still the device */
}

static void test_targets_refused(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_atomic_file *file;
    assert_int_equal(slr_atomic_open(scratch_path("."), 0644, &file, &err), SELORA_BAD_INPUT);
    assert_null(file);
    assert_non_null(strstr(err.message, "folder"));
    assert_int_equal(slr_atomic_open(scratch_path("missing/a"), 0644, &file, &err), SELORA_BAD_INPUT);
    assert_int_equal(mkfifo(scratch_path("pipe"), 0600), 0);
    assert_int_equal(slr_atomic_open(scratch_path("pipe"), 0644, &file, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_atomic_open("", 0644, &file, &err), SELORA_BAD_INPUT);
}

static void test_link_is_replaced(void **state)
{
    (void)state;
    slr_error err = {0};
    scratch_write("target", "keep", 4);
    assert_int_equal(symlink("target", scratch_path("link")), 0);
    assert_int_equal(slr_atomic_write(scratch_path("link"), 0644, "new", 3, &err), SELORA_OK);
    assert_content("target", "keep");
    assert_content("link", "new");
}

static void test_folder(void **state)
{
    (void)state;
    slr_error err = {0};
    char *temporary, *other;
    assert_int_equal(slr_atomic_folder_begin(scratch_path("step"), 0755, &temporary, &err), SELORA_OK);
    assert_int_equal(slr_atomic_folder_begin(scratch_path("step"), 0755, &other, &err), SELORA_OK);
    assert_string_not_equal(temporary, other);
    assert_false(scratch_exists("step"));
    char path[1200];
    snprintf(path, sizeof path, "%s/inner/deep", temporary);
    assert_int_equal(slr_make_folders(path, 0755, &err), SELORA_OK);
    snprintf(path, sizeof path, "%s/inner/deep/file", temporary);
    assert_int_equal(slr_atomic_write(path, 0644, "x", 1, &err), SELORA_OK);
    snprintf(path, sizeof path, "%s/link", temporary);
    assert_int_equal(symlink("nowhere", path), 0);
    assert_int_equal(slr_atomic_folder_commit(temporary, scratch_path("step"), &err), SELORA_OK);
    assert_content("step/inner/deep/file", "x");
    /* The second finds the name taken, keeps what is there, and is left to its owner. */
    assert_int_not_equal(slr_atomic_folder_commit(other, scratch_path("step"), &err), SELORA_OK);
    assert_content("step/inner/deep/file", "x");
    assert_int_equal(slr_remove_tree(other, &err), SELORA_OK);
    assert_int_equal(scratch_count(""), 1);
    free(temporary);
    free(other);
}

/* Even an empty folder of that name is not replaced. */
static void test_folder_taken(void **state)
{
    (void)state;
    slr_error err = {0};
    char *temporary;
    assert_int_equal(slr_make_folders(scratch_path("step"), 0755, &err), SELORA_OK);
    assert_int_equal(slr_atomic_folder_begin(scratch_path("step"), 0755, &temporary, &err), SELORA_OK);
    assert_int_equal(slr_atomic_folder_commit(temporary, scratch_path("step"), &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_remove_tree(temporary, &err), SELORA_OK);
    assert_int_equal(slr_atomic_folder_commit(temporary, scratch_path("other"), &err), SELORA_BAD_INPUT);
    free(temporary);
}

static void test_make_folders(void **state)
{
    (void)state;
    slr_error err = {0};
    assert_int_equal(slr_make_folders(scratch_path("a//b/c/"), 0755, &err), SELORA_OK);
    assert_int_equal(slr_make_folders(scratch_path("a/b/c"), 0755, &err), SELORA_OK);
    assert_true(scratch_exists("a/b/c"));
    assert_int_equal(slr_make_folders("/", 0755, &err), SELORA_OK);
    assert_int_equal(slr_make_folders(".", 0755, &err), SELORA_OK);
    assert_int_equal(slr_make_folders("", 0755, &err), SELORA_BAD_INPUT);
    scratch_write("file", "", 0);
    assert_int_equal(slr_make_folders(scratch_path("file"), 0755, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_make_folders(scratch_path("file/x"), 0755, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "not a folder"));
}

static void test_remove_tree(void **state)
{
    (void)state;
    slr_error err = {0};
    assert_int_equal(slr_remove_tree(scratch_path("missing"), &err), SELORA_OK);
    slr_make_folders(scratch_path("keep"), 0755, &err);
    scratch_write("keep/file", "x", 1);
    slr_make_folders(scratch_path("tree/a/b"), 0755, &err);
    scratch_write("tree/file", "x", 1);
    scratch_write("tree/a/.hidden", "x", 1);
    assert_int_equal(symlink("../../keep", scratch_path("tree/a/link")), 0);
    assert_int_equal(mkfifo(scratch_path("tree/a/b/pipe"), 0600), 0);
    assert_int_equal(slr_remove_tree(scratch_path("tree"), &err), SELORA_OK);
    assert_false(scratch_exists("tree"));
    assert_true(scratch_exists("keep/file"));
    assert_int_equal(symlink("keep", scratch_path("link")), 0);
    assert_int_equal(slr_remove_tree(scratch_path("link"), &err), SELORA_OK);
    assert_true(scratch_exists("keep/file"));
    assert_int_equal(slr_remove_tree(scratch_path("keep/file"), &err), SELORA_OK);
    assert_int_equal(scratch_count("keep"), 0);
}

static void test_read_file(void **state)
{
    (void)state;
    slr_error err = {0};
    char *data;
    size_t size;
    scratch_write("a", "x\0y", 3);
    assert_int_equal(slr_read_file(scratch_path("a"), 3, &data, &size, &err), SELORA_OK);
    assert_int_equal(size, 3);
    assert_memory_equal(data, "x\0y", 4); /* and the NUL behind */
    free(data);
    assert_int_equal(slr_read_file(scratch_path("a"), 2, &data, &size, &err), SELORA_BAD_INPUT);
    assert_null(data);
    assert_non_null(strstr(err.message, "3 bytes, at most 2"));
    scratch_write("empty", "", 0);
    assert_int_equal(slr_read_file(scratch_path("empty"), 0, &data, &size, &err), SELORA_OK);
    assert_int_equal(size, 0);
    assert_string_equal(data, "");
    free(data);
    assert_int_equal(slr_read_file(scratch_path("missing"), 10, &data, &size, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_read_file(scratch_path("."), 10, &data, &size, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "is a folder"));
    assert_int_equal(mkfifo(scratch_path("pipe"), 0600), 0);
    alarm(20); /* a blocking open would never come back */
    assert_int_equal(slr_read_file(scratch_path("pipe"), 10, &data, &size, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "is a pipe"));
    assert_int_equal(slr_read_file("/dev/zero", 10, &data, &size, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "is a device"));
    alarm(0);
}

#define SCRATCH_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

/* What killed processes leave, and names that only look like it. */
static void test_left_overs(void **state)
{
    (void)state;
    static const char *const gone[] = {"a.png.12-0.tmp", ".1-2.tmp.3-4.tmp", "run.json.4294967295-9999.tmp"};
    static const char *const kept[] = {"a.tmp", ".tmp", "a.12.tmp", "a.12-.tmp", "a.-1.tmp", "a.1-2-3.tmp", "a.1x-2.tmp",
                                       "12-0.tmp", ".12-0.tmp", "a.12-0.tmpx", "a.12-0.png"};
    enum { GONE = sizeof gone / sizeof *gone, KEPT = sizeof kept / sizeof *kept };
    slr_remove_left_overs(scratch_path("missing"));
    for (int i = 0; i < GONE; i++)
        scratch_write(gone[i], "x", 1);
    for (int i = 0; i < KEPT; i++)
        scratch_write(kept[i], "x", 1);
    assert_int_equal(mkdir(scratch_path("step.1-0.tmp"), 0755), 0);
    scratch_write("step.1-0.tmp/inner", "x", 1);
    slr_remove_left_overs(scratch_path("."));
    for (int i = 0; i < GONE; i++)
        assert_false(scratch_exists(gone[i]));
    for (int i = 0; i < KEPT; i++)
        assert_true(scratch_exists(kept[i]));
    assert_int_equal(scratch_count(""), KEPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_write_and_replace), SCRATCH_TEST(test_invisible_until_commit),
        SCRATCH_TEST(test_full_disk),         SCRATCH_TEST(test_dev_full),
        SCRATCH_TEST(test_targets_refused),   SCRATCH_TEST(test_link_is_replaced),
        SCRATCH_TEST(test_folder),            SCRATCH_TEST(test_folder_taken),
        SCRATCH_TEST(test_make_folders),      SCRATCH_TEST(test_remove_tree),
        SCRATCH_TEST(test_read_file),         SCRATCH_TEST(test_left_overs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
