/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/checksum.h"
#include "support/scratch.h"

/* FIPS 180-4 examples. */
static const char empty_hex[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char abc_hex[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char million_hex[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

static void test_memory(void **state)
{
    (void)state;
    slr_error err = {0};
    char hex[SLR_SHA256_HEX];
    assert_int_equal(slr_sha256_memory("", 0, hex, &err), SELORA_OK);
    assert_string_equal(hex, empty_hex);
    assert_int_equal(slr_sha256_memory(NULL, 0, hex, &err), SELORA_OK);
    assert_string_equal(hex, empty_hex);
    assert_int_equal(slr_sha256_memory("abc", 3, hex, &err), SELORA_OK);
    assert_string_equal(hex, abc_hex);
}

static void test_pieces(void **state)
{
    (void)state;
    char hex[SLR_SHA256_HEX], block[1000];
    memset(block, 'a', sizeof block);
    slr_sha256 *hash = slr_sha256_new();
    assert_non_null(hash);
    for (int i = 0; i < 1000; i++)
        slr_sha256_update(hash, block, sizeof block);
    slr_sha256_finish(hash, hex);
    assert_string_equal(hex, million_hex);
    slr_sha256_free(slr_sha256_new());
    slr_sha256_free(NULL);
}

static void test_file(void **state)
{
    (void)state;
    slr_error err = {0};
    char hex[SLR_SHA256_HEX], whole[SLR_SHA256_HEX];
    size_t size = (2 << 20) + 17; /* more than two pieces */
    unsigned char *data = malloc(size);
    for (size_t i = 0; i < size; i++)
        data[i] = (unsigned char)(i * 2654435761u >> 13);
    scratch_write("big", data, size);
    assert_int_equal(slr_sha256_file(scratch_path("big"), hex, &err), SELORA_OK);
    assert_int_equal(slr_sha256_memory(data, size, whole, &err), SELORA_OK);
    assert_string_equal(hex, whole);
    free(data);
    scratch_write("empty", "", 0);
    assert_int_equal(slr_sha256_file(scratch_path("empty"), hex, &err), SELORA_OK);
    assert_string_equal(hex, empty_hex);
    assert_int_equal(slr_sha256_file(scratch_path("missing"), hex, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_sha256_file(scratch_path(""), hex, &err), SELORA_BAD_INPUT);
    alarm(20); /* /dev/zero has no end */
    assert_int_equal(slr_sha256_file("/dev/zero", hex, &err), SELORA_BAD_INPUT);
    alarm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test_setup_teardown(test_file, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
