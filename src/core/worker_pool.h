/* SPDX-License-Identifier: MIT
 *
 * Work on untrusted files in forked processes with limits of memory and time: what kills a worker costs one
 * item.
 *
 *     static selora_status read_one(void *context, int64_t index, void *result, slr_error *err) ...   in a
 * worker static selora_status take_one(void *context, int64_t index, selora_status status, const char
 * *message, const void *result, slr_error *err) ...                            in this process
 *     slr_worker_pool_options options = {.jobs = 4, .result_bytes = sizeof(facts), .hooks = hooks};
 *     SLR_TRY(slr_worker_pool_run(&options, count, read_one, take_one, job, err));
 */
#ifndef SLR_WORKER_POOL_H
#define SLR_WORKER_POOL_H

#include "core/hooks.h"

typedef struct slr_worker_pool_options {
    int jobs;            /* worker processes; 0: in this process, without limits (debuggers, valgrind) */
    int64_t max_bytes;   /* address space of a worker beyond what this process has; 0: 4 GiB, < 0: no limit */
    double max_seconds;  /* for one item; 0: 60 */
    size_t result_bytes; /* of one result: plain data without pointers, it comes through a socket */
    const slr_hooks *hooks;
} slr_worker_pool_options;

/* Runs in a worker, with one thread: `result` is zeroed; files that it writes stay. A copy of `context` as it
 * was when the worker was forked: what it changes there is lost, and other items of this worker see it. */
typedef selora_status slr_pool_work(void *context, int64_t index, void *result, slr_error *err);

/* Runs in this process, once for each item, in the order in which they end. status SELORA_OK: `result` holds
 * what the work left there; else `message` says what failed (work that died: "its decoder died (signal 11)",
 * "took over 60 s", SELORA_BAD_INPUT both) and `result` holds what the work left (zeros when it died).
 * Another status than SELORA_OK returned from here ends the run with it. */
typedef selora_status slr_pool_done(void *context, int64_t index, selora_status status, const char *message,
                                    const void *result, slr_error *err);

/* Items 0 .. count - 1 are started in this order. Interrupted by the hooks: SELORA_INTERRUPTED. All workers
 * have ended when it returns, whatever it returns. */
selora_status slr_worker_pool_run(const slr_worker_pool_options *options, int64_t count, slr_pool_work *work,
                                  slr_pool_done *done, void *context, slr_error *err);

#endif
