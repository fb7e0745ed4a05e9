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

#include "prepare/patient_keys.h"
#include "support/scratch.h"

/* Python: hmac.new(bytes(range(32)), value, sha256).hexdigest()[:16]. */
static void test_vectors(void **state)
{
    (void)state;
    slr_patient_keys keys;
    char key[SLR_PATIENT_KEY];
    for (int i = 0; i < SLR_SALT_BYTES; i++)
        keys.salt[i] = (unsigned char)i;
    assert_int_equal(slr_patient_key(&keys, "PATIENT-7", key, NULL), SELORA_OK);
    assert_string_equal(key, "9e864039adf31fa1");
    assert_int_equal(slr_patient_key(&keys, "", key, NULL), SELORA_OK);
    assert_string_equal(key, "d38b42096d80f45f");
}

static void test_salt(void **state)
{
    (void)state;
    slr_patient_keys first, again, other;
    slr_error err = {0};
    struct stat info;
    assert_int_equal(slr_patient_keys_open(scratch_path("salt"), &first, &err), SELORA_OK);
    assert_int_equal(stat(scratch_path("salt"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(slr_patient_keys_open(scratch_path("salt"), &again, &err), SELORA_OK);
    assert_memory_equal(&first, &again, sizeof first);
    assert_int_equal(slr_patient_keys_open(scratch_path("salt2"), &other, &err), SELORA_OK);
    assert_memory_not_equal(&first, &other, sizeof first);
    /* a file that others can read is closed to them */
    chmod(scratch_path("salt"), 0644);
    assert_int_equal(slr_patient_keys_open(scratch_path("salt"), &again, &err), SELORA_OK);
    assert_int_equal(stat(scratch_path("salt"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void test_salt_refused(void **state)
{
    (void)state;
    slr_patient_keys keys;
    slr_error err = {0};
    scratch_write("short", "0123", 4);
    assert_int_equal(slr_patient_keys_open(scratch_path("short"), &keys, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "64 hex digits"));
    char text[64];
    memset(text, 'G', sizeof text);
    scratch_write("wrong", text, sizeof text);
    assert_int_equal(slr_patient_keys_open(scratch_path("wrong"), &keys, NULL), SELORA_BAD_INPUT);
    assert_int_equal(symlink("wrong", scratch_path("link")), 0);
    assert_int_not_equal(slr_patient_keys_open(scratch_path("link"), &keys, NULL), SELORA_OK);
    assert_int_equal(mkdir(scratch_path("folder"), 0700), 0);
    assert_int_not_equal(slr_patient_keys_open(scratch_path("folder"), &keys, NULL), SELORA_OK);
    assert_int_equal(mkfifo(scratch_path("fifo"), 0600), 0);
    assert_int_not_equal(slr_patient_keys_open(scratch_path("fifo"), &keys, NULL), SELORA_OK);
    assert_int_not_equal(slr_patient_keys_open(scratch_path("none/salt"), &keys, NULL), SELORA_OK);
}

static void check(const char *column, const char *id, const char *name, const char *expression,
                  const char *expected,
                  slr_patient_source from)
{
    slr_patient_regex *regex = NULL;
    slr_patient_source source;
    char *patient;
    if (expression)
        assert_int_equal(slr_patient_regex_new(expression, &regex, NULL), SELORA_OK);
    assert_int_equal(slr_patient_choose(column, id, name, regex, &patient, &source, NULL), SELORA_OK);
    assert_string_equal(patient, expected);
    assert_int_equal(source, from);
    free(patient);
    slr_patient_regex_free(regex);
}

static void test_choice(void **state)
{
    (void)state;
    check("a", "b", "c_1.png", "^[^_]+", "a", SLR_PATIENT_COLUMN);
    check("  ", "b ", "c_1.png", "^[^_]+", "b", SLR_PATIENT_HEADER);
    check(NULL, "", "set/c_1.png", "^[^_]+", "c", SLR_PATIENT_REGEX);
    check("", NULL, "x/CXR12_IM-1.dcm", "^(CXR[0-9]+)_", "CXR12", SLR_PATIENT_REGEX);
    check("", NULL, "x\\y\\p7-2.JPG", "^(p[0-9]+)-", "p7", SLR_PATIENT_REGEX);
    check("", NULL, "a.b/CXR", "(.*)", "CXR", SLR_PATIENT_REGEX);
    check("", "", "c_1.png", "^nothing", "", SLR_PATIENT_NONE);
    check("", "", "c_1.png", NULL, "", SLR_PATIENT_NONE);
    check(NULL, NULL, NULL, "x*", "", SLR_PATIENT_NONE);
    check("", "", "c_1.png", "(x)?c", "c", SLR_PATIENT_REGEX); /* a group that took no part */
    slr_patient_regex *regex;
    slr_error err = {0};
    assert_int_equal(slr_patient_regex_new("a(b", &regex, &err), SELORA_USAGE);
    assert_null(regex);
    assert_non_null(strstr(err.message, "--patient-regex: "));
    assert_int_equal(slr_patient_regex_new("", &regex, &err), SELORA_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test_setup_teardown(test_salt, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_salt_refused, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
