/* SPDX-License-Identifier: MIT
 * The threads of the OpenMP runtime under a limit of the address space: fewer, not the end of the process. */
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "core/threads.h"

static rlim_t address_space_used(void)
{
    char line[256];
    unsigned long long kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "VmSize: %llu", &kilobytes) == 1)
            break;
    fclose(file);
    assert_true(kilobytes > 0);
    return (rlim_t)kilobytes * 1024;
}

static int count_workers(int threads)
{
    int workers = 0;
#pragma omp parallel num_threads(threads) reduction(+ : workers)
    workers++;
    return workers;
}

static void as_many_as_wanted(void **state)
{
    (void)state;
    assert_int_equal(slr_threads_start(1), 1);
    assert_int_equal(slr_threads_start(3), 3);
    assert_int_equal(count_workers(3), 3);
}

static void fewer_under_a_limit(void **state)
{
    (void)state;
#ifdef __clang__
    skip(); /* its OpenMP runtime ends the process where gcc's goes on with fewer threads */
#endif
    struct rlimit stack, before, limit;
    assert_int_equal(getrlimit(RLIMIT_STACK, &stack), 0);
    rlim_t each = stack.rlim_cur == RLIM_INFINITY ? (rlim_t)2 << 20 : stack.rlim_cur;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    limit = (struct rlimit){.rlim_cur = address_space_used() + 10 * each, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    int threads = slr_threads_start(200), workers = count_workers(threads);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_in_range(threads, 1, 20);
    assert_int_equal(workers, threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fewer_under_a_limit), /* first: threads stay once they are there */
        cmocka_unit_test(as_many_as_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
