/* SPDX-License-Identifier: MIT
 * 10000 damaged DICOM files: each is read or refused, none kills, hangs or eats its worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/dicom_fixtures.h"
#include "support/dicom_mutations.h"
#include "support/scratch.h"

static void test_damaged_files(void **state)
{
    (void)state;
    dicom_need("dump2dcm", "dcmconv", "dcmcrle", "dcmcjpeg", "dcmcjpls", "gdcmconv", NULL);
    dicom_mutations_check(10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_damaged_files, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
