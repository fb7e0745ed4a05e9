/* SPDX-License-Identifier: MIT */
#include "core/threads.h"

#include <omp.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/memory.h"

/* Threads of a trial wait here, so that all of them exist at once. */
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    int open;
} gate;

static void *wait_at(void *user)
{
    gate *g = user;
    pthread_mutex_lock(&g->lock);
    while (!g->open)
        pthread_cond_wait(&g->opened, &g->lock);
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

/* How many threads could be started beside this one, at most `wanted`. */
static int try_threads(int wanted)
{
    gate g = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    pthread_t *threads = slr_alloc((size_t)wanted, sizeof *threads);
    int started = 0;
    while (threads && started < wanted && pthread_create(&threads[started], NULL, wait_at, &g) == 0)
        started++;
    pthread_mutex_lock(&g.lock);
    g.open = 1;
    pthread_cond_broadcast(&g.opened);
    pthread_mutex_unlock(&g.lock);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    return started;
}

int slr_threads_start(int wanted)
{
    int threads = wanted > 1 ? 1 + try_threads(wanted - 1) : 1, there = 1;
    if (threads < wanted && threads > 1)
        threads--; /* at the limit: leave room for what else is needed */
#pragma omp parallel num_threads(threads)
#pragma omp single
    there = omp_get_num_threads();
    return there;
}
