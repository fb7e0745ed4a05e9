/* SPDX-License-Identifier: MIT
 * Sizes as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "data/picture_size.h"

static void expect_size(const char *text, int step, int width, int height)
{
    int w, h;
    assert_int_equal(slr_picture_size(text, 64, step, &w, &h, NULL), SELORA_OK);
    assert_int_equal(w, width);
    assert_int_equal(h, height);
}

static void sizes_are_read(void **state)
{
    (void)state;
    expect_size(NULL, 8, 64, 64);
    expect_size("224", 8, 224, 224);
    expect_size("256x192", 8, 256, 192);
    expect_size("8192X8", 8, 8192, 8);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "0", "-8", "220", "224x", "x224", "224x220", "224 ", "8200",
                                        "99999999999999999999", "224x224x224", "1e3", "+64"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        slr_error err = {0};
        int w, h;
        assert_int_equal(slr_picture_size(texts[i], 64, 8, &w, &h, &err), SELORA_USAGE);
        assert_non_null(strstr(err.message, "--size"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes_are_read), cmocka_unit_test(nonsense_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
