/* SPDX-License-Identifier: MIT
 * What the trainer does when numbers go wrong, and what it takes from the heap while it steps. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/tiny_training.h"

/* Every allocation of the program is counted, where no sanitizer has taken the heap over; clang's OpenMP runtime, unlike
 * gcc's, allocates for itself in every parallel region. */
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
#define COUNTS_ALLOCATIONS 1
static long allocations;
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    return __libc_memalign(alignment, size);
}
#endif

static slr_train_sample two[2];

/* T30, the part about memory: a step allocates nothing, probes, decisions and growth within the capacity included. */
static void steps_allocate_nothing(void **state)
{
    (void)state;
#ifdef COUNTS_ALLOCATIONS
    tiny_training t;
    slr_error err = {0};
    slr_trainer_options options = tiny_training_options(SLR_METHOD_SELORA);
    options.method.every = 4;
    options.method.lambda = 1;
    options.method.rank_max = 4;
    options.threads = 2;
    tiny_training_begin(&t, &options, "unet,text");
    tiny_training_run(&t, 4);
    two[0] = t.pictures[1];
    two[1] = t.pictures[2];
    int64_t rank = t.last.total_rank;
    long before = allocations;
    assert_true(before > 100);
    for (int i = 0; i < 6; i++)
        assert_int_equal(slr_trainer_step(t.trainer, two, &t.last, &err), SELORA_OK);
    long taken = allocations - before;
    assert_true(t.last.total_rank > rank); /* grown, in the room that was there */
    assert_false(t.last.grown);
    /* The list of expansions doubles now and then. */
    assert_in_range(taken, 0, 1);
    tiny_training_end(&t);
#else
    skip();
#endif
}

/* Growth past the capacity: new graphs, and the run goes on as if there had always been room. */
static void growth_past_capacity_goes_on(void **state)
{
    (void)state;
    tiny_training t;
    slr_trainer_options options = tiny_training_options(SLR_METHOD_SELORA);
    options.method.every = 1;
    options.method.lambda = 1;
    tiny_training_begin(&t, &options, "unet,text");
    int grown = 0;
    for (int64_t step = 1; step <= 20; step++) {
        tiny_training_run(&t, step);
        grown += t.last.grown;
    }
    assert_true(grown >= 2);
    for (int i = 0; i < slr_adapter_set_count(t.set); i++)
        assert_int_equal(slr_adapter_set_at(t.set, i)->slot.rank, 21);
    tiny_training_end(&t);
}

static selora_status step_twice(tiny_training *t, slr_error *err)
{
    two[0] = t->pictures[0];
    two[1] = t->pictures[1];
    return slr_trainer_step(t->trainer, two, &t->last, err);
}

/* Bits of all acting rows, added up: any change shows. */
static uint64_t fingerprint(const slr_adapter_set *set)
{
    uint64_t sum = 0;
    for (int i = 0; i < slr_adapter_set_count(set); i++) {
        const slr_adapter *a = slr_adapter_set_at(set, i);
        const unsigned char *bytes = (const unsigned char *)a->bt, *moments = (const unsigned char *)a->m_bt;
        for (size_t b = 0; b < (size_t)(a->slot.rank * a->slot.out) * sizeof *a->bt; b++)
            sum = (sum ^ bytes[b] ^ (uint64_t)moments[b] << 8) * 0x100000001b3u;
    }
    return sum;
}

static void bad_loss_stops_with_the_layer(void **state)
{
    (void)state;
    tiny_training t;
    slr_error err = {0};
    slr_trainer_options options = tiny_training_options(SLR_METHOD_SELORA);
    tiny_training_begin(&t, &options, "unet,text");
    tiny_training_run(&t, 3);
    slr_adapter *bad = slr_adapter_set_at(t.set, slr_adapter_set_count(t.set) - 3);
    bad->a[0] = (slr_real)INFINITY;
    uint64_t before = fingerprint(t.set);
    assert_int_equal(step_twice(&t, &err), SELORA_NUMERIC);
    assert_non_null(strstr(err.message, bad->path));
    assert_true(fingerprint(t.set) == before);
    assert_int_equal(slr_trainer_steps_done(t.trainer), 3);
    assert_int_equal(step_twice(&t, &err), SELORA_USAGE); /* no step after a failed one */
    tiny_training_end(&t);
}

/* A gradient past the range of floats while the loss is fine. */
static void bad_gradient_stops_with_the_layer(void **state)
{
    (void)state;
    tiny_training t;
    slr_error err = {0};
    slr_trainer_options options = tiny_training_options(SLR_METHOD_LORA);
    tiny_training_begin(&t, &options, "unet");
    tiny_training_run(&t, 3);
    slr_adapter *bad = slr_adapter_set_at(t.set, 1);
    memset(bad->bt, 0, (size_t)bad->slot.out * sizeof *bad->bt);
    for (int64_t k = 0; k < bad->slot.in; k++)
        bad->a[k] = (slr_real)(k % 2 ? 3e38 : -3e38); /* finite; H may not be, but B is zero */
    bad->slot.scale = 1e-30;
    uint64_t before = fingerprint(t.set);
    selora_status status = step_twice(&t, &err);
    assert_int_equal(status, SELORA_NUMERIC);
    assert_non_null(strstr(err.message, bad->path));
    assert_true(fingerprint(t.set) == before);
    tiny_training_end(&t);
}

static void absurd_rate_stops_with_the_layer(void **state)
{
    (void)state;
    tiny_training t;
    slr_error err = {0};
    slr_trainer_options options = tiny_training_options(SLR_METHOD_LORA);
    options.rates.unet = 1e39;
    tiny_training_begin(&t, &options, "unet");
    assert_int_equal(step_twice(&t, &err), SELORA_NUMERIC);
    assert_non_null(strstr(err.message, "unet."));
    assert_int_equal(slr_trainer_steps_done(t.trainer), 0);
    tiny_training_end(&t);
}

typedef struct seen_probes {
    const char *layer;
    int skipped, grown, others;
} seen_probes;

static void see_probe(void *context, const slr_rank_event *event)
{
    seen_probes *seen = context;
    bool mine = strcmp(event->layer, seen->layer) == 0;
    seen->skipped += mine && isnan(event->ratio) && event->note[0];
    seen->grown += mine && event->rank_after > event->rank_before;
    seen->others += !mine && event->rank_after > event->rank_before;
}

/* T29: a probe gradient that is not finite is logged, its layer does not grow, the others do, training goes on. */
static void bad_probe_never_expands(void **state)
{
    (void)state;
    tiny_training t;
    seen_probes seen = {0};
    slr_trainer_options options = tiny_training_options(SLR_METHOD_SELORA);
    options.method.every = 2;
    options.method.lambda = 1;
    options.rank_log = (slr_rank_log){see_probe, &seen};
    tiny_training_begin(&t, &options, "unet");
    slr_adapter *bad = slr_adapter_set_at(t.set, 4);
    seen.layer = bad->path;
    tiny_training_run(&t, 1);
    for (int64_t k = 0; k < bad->slot.in; k++) /* the candidate of the decision at step 2 */
        bad->a[bad->slot.in * bad->slot.rank + k] = (slr_real)(k % 2 ? INFINITY : -INFINITY);
    tiny_training_run(&t, 2);
    assert_int_equal(seen.skipped, 1);
    assert_int_equal(seen.grown, 0);
    assert_int_equal(seen.others, slr_adapter_set_count(t.set) - 1);
    assert_true(isfinite(t.last.loss));
    tiny_training_run(&t, 4); /* a new candidate has been drawn */
    assert_int_equal(seen.skipped, 1);
    assert_int_equal(seen.grown, 1);
    tiny_training_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_allocate_nothing),
        cmocka_unit_test(growth_past_capacity_goes_on),
        cmocka_unit_test(bad_loss_stops_with_the_layer),
        cmocka_unit_test(bad_gradient_stops_with_the_layer),
        cmocka_unit_test(absurd_rate_stops_with_the_layer),
        cmocka_unit_test(bad_probe_never_expands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
