/* SPDX-License-Identifier: MIT
 * The largest radiograph of a real set, 4248 x 3480 of 16 bits, in a process of its own: under 300 MB. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "support/dicom_fixtures.h"
#include "support/picture_reference.h"
#include "support/scratch.h"

enum { WIDTH = 3480, HEIGHT = 4248, MOST_MB = 300 };

/* A smooth picture with noise, as an X-ray is one. */
static void write_large(const char *name)
{
    uint16_t *words = malloc(sizeof *words * WIDTH * HEIGHT);
    uint32_t random = 1;
    assert_non_null(words);
    for (size_t i = 0; i < (size_t)WIDTH * HEIGHT; i++) {
        random = random * 1664525u + 1013904223u;
        words[i] = (uint16_t)(10 * (i % WIDTH) + 7 * (i / WIDTH) + (random >> 26));
    }
    picture_words(name, words, (size_t)WIDTH * HEIGHT);
    free(words);
}

/* Peak memory of a child that reads the picture, MB. */
static long peak_of(const char *name)
{
    struct rusage usage;
    int status;
    pid_t child = fork();
    if (child == 0) {
        slr_medical_options options = slr_medical_options_default();
        slr_picture_facts facts;
        slr_medical *file;
        slr_image image;
        bool read = slr_medical_open(scratch_path(name), &file, NULL, NULL) == SELORA_OK &&
                    slr_medical_read(file, 0, &options, &image, &facts, NULL) == SELORA_OK;
        _exit(read && image.width == WIDTH && image.height == HEIGHT ? 0 : 1);
    }
    assert_true(child > 0);
    assert_int_equal(wait4(child, &status, 0, &usage), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return usage.ru_maxrss / 1024;
}

static void test_memory(void **state)
{
    (void)state;
    dicom_need("dump2dcm", "dcmcjpeg", "dcmcjpls", NULL);
#ifdef __SANITIZE_ADDRESS__
    print_message("skipped: the address sanitizer takes memory of its own\n");
    skip();
#endif
    static const char *const commands[] = {"mv a.dcm b.dcm", "dcmcjpeg +e1 a.dcm b.dcm",
                                           "dcmcjpls a.dcm b.dcm"};
    write_large("large.raw");
    for (size_t c = 0; c < sizeof commands / sizeof *commands; c++) {
        dicom_fixture("a.dcm", WINDOW "(0028,0010) US 4248\n(0028,0011) US 3480\n(0028,0101) US 16\n"
                                      "(0028,0102) US 15\n(7fe0,0010) OW =large.raw\n");
        assert_true(dicom_run("%s", commands[c]));
        long peak = peak_of("b.dcm");
        print_message("%s: %ld MB\n", commands[c], peak);
        assert_in_range(peak, 60, MOST_MB - 1); /* the picture alone has 59 MB */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_memory, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
