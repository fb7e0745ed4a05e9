/* SPDX-License-Identifier: MIT
 * Forked workers: results by index, and what a worker that crashes, hangs or eats memory costs. */
#include <omp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/clock.h"
#include "core/worker_pool.h"

enum { ITEMS = 40 };

typedef struct outcome {
    int64_t square;
    pid_t pid;
    char filler[3000]; /* more than one packet of a socket */
} outcome;

typedef struct ledger {
    int done[ITEMS];
    selora_status status[ITEMS];
    char message[ITEMS][80];
    outcome results[ITEMS];
    int total, stop_after;
} ledger;

static selora_status square(void *context, int64_t index, void *result, slr_error *err)
{
    (void)context, (void)err;
    outcome *out = result;
    out->square = index * index;
    out->pid = getpid();
    memset(out->filler, (int)index, sizeof out->filler);
    return SELORA_OK;
}

static selora_status note(void *context, int64_t index, selora_status status, const char *message,
                          const void *result, slr_error *err)
{
    ledger *l = context;
    l->done[index]++;
    l->total++;
    l->status[index] = status;
    snprintf(l->message[index], sizeof l->message[index], "%s", message);
    memcpy(&l->results[index], result, sizeof l->results[index]);
    if (l->stop_after > 0 && l->total >= l->stop_after)
        return slr_fail(err, SELORA_NO_RESOURCE, "the disk is full");
    return SELORA_OK;
}

static slr_worker_pool_options options_of(int jobs)
{
    return (slr_worker_pool_options){.jobs = jobs, .result_bytes = sizeof(outcome)};
}

static void assert_no_children(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void check_squares(int jobs)
{
    ledger l = {0};
    slr_worker_pool_options options = options_of(jobs);
    assert_int_equal(slr_worker_pool_run(&options, ITEMS, square, note, &l, NULL), SELORA_OK);
    for (int i = 0; i < ITEMS; i++) {
        assert_int_equal(l.done[i], 1);
        assert_int_equal(l.status[i], SELORA_OK);
        assert_int_equal(l.results[i].square, i * i);
        assert_int_equal(l.results[i].filler[2999], i);
        assert_true((l.results[i].pid == getpid()) == (jobs == 0));
    }
    assert_no_children();
}

static void test_results(void **state)
{
    (void)state;
    check_squares(0);
    check_squares(1);
    check_squares(3);
    check_squares(100);
    ledger l = {0};
    slr_worker_pool_options options = options_of(2);
    assert_int_equal(slr_worker_pool_run(&options, 0, square, note, &l, NULL), SELORA_OK);
}

static selora_status misbehave(void *context, int64_t index, void *result, slr_error *err)
{
    switch (index) {
    case 3:
        signal(SIGSEGV, SIG_DFL); /* sanitizers would explain it at length */
        raise(SIGSEGV);
        break;
    case 5:
        _exit(7);
    case 8:
        for (;;)
            pause();
    case 11:
        return slr_fail(err, SELORA_BAD_INPUT, "found %d, expected %d", 1, 2);
    default:
        break;
    }
    return square(context, index, result, err);
}

static void test_misbehaviour_costs_one_item(void **state)
{
    (void)state;
    ledger l = {0};
    slr_worker_pool_options options = options_of(2);
    options.max_seconds = 0.5;
    assert_int_equal(slr_worker_pool_run(&options, ITEMS, misbehave, note, &l, NULL), SELORA_OK);
    for (int i = 0; i < ITEMS; i++) {
        bool bad = i == 3 || i == 5 || i == 8 || i == 11;
        assert_int_equal(l.done[i], 1);
        assert_int_equal(l.status[i], bad ? SELORA_BAD_INPUT : SELORA_OK);
        assert_int_equal(l.results[i].square, bad ? 0 : i * i);
    }
    assert_string_equal(l.message[3], "its decoder died (signal 11)");
    assert_string_equal(l.message[5], "its decoder ended (exit status 7)");
    assert_string_equal(l.message[8], "took over 0.5 s");
    assert_string_equal(l.message[11], "found 1, expected 2");
    assert_no_children();
}

static selora_status eat(void *context, int64_t index, void *result, slr_error *err)
{
    if (index == 1) {
        void *volatile much = malloc((size_t)300 << 20);
        if (!much)
            return slr_fail_memory(err, (size_t)300 << 20, "the meal");
        free(much);
    }
    return square(context, index, result, err);
}

static void test_memory_limit(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip(); /* the sanitizer's own memory has no limit */
#endif
    ledger l = {0};
    slr_worker_pool_options options = options_of(1);
    options.max_bytes = (int64_t)200 << 20;
    assert_int_equal(slr_worker_pool_run(&options, 3, eat, note, &l, NULL), SELORA_OK);
    assert_int_equal(l.status[1], SELORA_NO_RESOURCE);
    assert_int_equal(l.status[2], SELORA_OK);
    memset(&l, 0, sizeof l);
    options.max_bytes = 0; /* the default has room for it */
    assert_int_equal(slr_worker_pool_run(&options, 3, eat, note, &l, NULL), SELORA_OK);
    assert_int_equal(l.status[1], SELORA_OK);
}

static selora_status loop_in_parallel(void *context, int64_t index, void *result, slr_error *err)
{
    double sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (int i = 0; i < 1000; i++)
        sum += i;
    return sum == 499500 ? square(context, index, result, err) : slr_fail(err, SELORA_NUMERIC, "sum %g", sum);
}

/* The runtime's threads do not come along into a fork: a worker must not wait for them. */
static void test_after_threads(void **state)
{
    (void)state;
    int threads = 0;
#pragma omp parallel num_threads(4) reduction(+ : threads)
    threads++;
    assert_int_equal(threads, 4);
    ledger l = {0};
    slr_worker_pool_options options = options_of(2);
    options.max_seconds = 20;
    assert_int_equal(slr_worker_pool_run(&options, 6, loop_in_parallel, note, &l, NULL), SELORA_OK);
    for (int i = 0; i < 6; i++)
        assert_int_equal(l.status[i], SELORA_OK);
}

static void test_done_ends_the_run(void **state)
{
    (void)state;
    for (int jobs = 0; jobs < 3; jobs++) {
        ledger l = {.stop_after = 4};
        slr_error err = {0};
        slr_worker_pool_options options = options_of(jobs);
        assert_int_equal(slr_worker_pool_run(&options, ITEMS, square, note, &l, &err), SELORA_NO_RESOURCE);
        assert_string_equal(err.message, "the disk is full");
        assert_int_equal(l.total, 4);
        assert_no_children();
    }
}

static int is_interrupted(void *user)
{
    ledger *l = user;
    return l->total >= 2;
}

static void test_interrupt(void **state)
{
    (void)state;
    for (int jobs = 0; jobs < 3; jobs++) {
        ledger l = {0};
        slr_hooks hooks = {.user = &l, .interrupted = is_interrupted};
        slr_worker_pool_options options = options_of(jobs);
        options.hooks = &hooks;
        double start = slr_clock_seconds();
        /* item 8 would hang for a minute; in this process the interrupt comes before it */
        assert_int_equal(slr_worker_pool_run(&options, ITEMS, jobs ? misbehave : square, note, &l, NULL),
                         SELORA_INTERRUPTED);
        assert_true(slr_clock_seconds() - start < 30);
        assert_true(l.total >= 2 && l.total < ITEMS);
        assert_no_children();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),           cmocka_unit_test(test_misbehaviour_costs_one_item),
        cmocka_unit_test(test_memory_limit),      cmocka_unit_test(test_after_threads),
        cmocka_unit_test(test_done_ends_the_run), cmocka_unit_test(test_interrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
