/* SPDX-License-Identifier: MIT */
#include "core/worker_pool.h"

#include <errno.h>
#include <math.h>
#include <omp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/memory.h"

/* Sanitizers reserve terabytes of address space: a limit would end them at once. */
#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SPACE_IS_RESERVED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SPACE_IS_RESERVED 1
#endif
#endif
#ifndef ADDRESS_SPACE_IS_RESERVED
#define ADDRESS_SPACE_IS_RESERVED 0
#endif

enum { MAX_JOBS = 256, TICK_MS = 100, NO_ITEM = -1 };

static const int64_t DEFAULT_BYTES = (int64_t)4 << 30;
static const double DEFAULT_SECONDS = 60;

/* What a worker sends back: this and then the result. */
typedef struct answer {
    int64_t index;
    int32_t status;
    char message[SLR_ERROR_CAPACITY];
} answer;

typedef struct worker {
    pid_t pid; /* 0: none runs here */
    int socket;
    int64_t index; /* what it works on, or NO_ITEM */
    double deadline;
    char *reply; /* an answer and its result, `received` bytes of it are here */
    size_t received;
} worker;

typedef struct pool {
    slr_worker_pool_options options;
    slr_pool_work *work;
    slr_pool_done *done;
    void *context;
    int64_t count, next, finished;
    size_t reply_bytes;
    worker *workers;
    struct pollfd *polled;
    int size;
} pool;

/* ---- in the worker ---- */

static int64_t address_space_now(void)
{
    long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        return 0;
    if (fscanf(file, "%lld", &pages) != 1)
        pages = 0;
    fclose(file);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

/* No more memory than allowed, no core file or debugger that shows a patient, no life without the parent. */
static void confine(const pool *p, pid_t parent)
{
    if (p->options.max_bytes > 0 && !ADDRESS_SPACE_IS_RESERVED) {
        rlim_t bytes = (rlim_t)(address_space_now() + p->options.max_bytes);
        struct rlimit limit;
        if (getrlimit(RLIMIT_AS, &limit) == 0 &&
            (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > bytes)) {
            limit.rlim_cur = bytes;
            setrlimit(RLIMIT_AS, &limit);
        }
    }
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    signal(SIGINT, SIG_IGN); /* the parent decides */
    omp_set_num_threads(1);  /* the threads of the runtime did not come along */
}

static bool send_all(int socket, const void *data, size_t size)
{
    for (const char *at = data; size > 0;) {
        ssize_t sent = send(socket, at, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool receive_index(int socket, int64_t *index)
{
    ssize_t got;
    do
        got = recv(socket, index, sizeof *index, MSG_WAITALL);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof *index;
}

static void serve(const pool *p, int socket, char *reply)
{
    answer *head = (answer *)(void *)reply;
    for (int64_t index; receive_index(socket, &index);) {
        slr_error failure = {0};
        memset(reply, 0, p->reply_bytes);
        head->index = index;
        head->status = (int32_t)p->work(p->context, index, reply + sizeof *head, &failure);
        memcpy(head->message, failure.message, sizeof head->message);
        if (!send_all(socket, reply, p->reply_bytes))
            break;
    }
    _exit(0);
}

/* ---- in this process ---- */

static void close_socket(worker *w)
{
    if (w->socket >= 0)
        close(w->socket);
    w->socket = -1;
}

/* Waits for the end of a worker; *cause says how it ended. */
static void bury(worker *w, bool with_force, char *cause, size_t capacity)
{
    int status = 0;
    if (w->pid <= 0)
        return;
    if (with_force)
        kill(w->pid, SIGKILL);
    close_socket(w);
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (cause && WIFSIGNALED(status))
        snprintf(cause, capacity, "its decoder died (signal %d)", WTERMSIG(status));
    else if (cause)
        snprintf(cause, capacity, "its decoder ended (exit status %d)", WEXITSTATUS(status));
    w->pid = 0;
    w->index = NO_ITEM;
    w->received = 0;
}

static selora_status start_worker(pool *p, worker *w, slr_error *err)
{
    int ends[2];
    pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return slr_fail_errno(err, "a worker process", "open its socket");
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < p->size; i++)
            close_socket(&p->workers[i]);
        close(ends[0]);
        confine(p, parent);
        serve(p, ends[1], w->reply);
    }
    int code = errno;
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        errno = code;
        return slr_fail(err, SELORA_NO_RESOURCE, "no worker process can be started: %s", strerror(code));
    }
    w->pid = pid;
    w->socket = ends[0];
    w->index = NO_ITEM;
    w->received = 0;
    return SELORA_OK;
}

static selora_status finish(pool *p, int64_t index, selora_status status, const char *message,
                            const void *result, slr_error *err)
{
    p->finished++;
    return p->done(p->context, index, status, message, result, err);
}

/* The item of a worker that died or was stopped. */
static selora_status finish_dead(pool *p, worker *w, bool late, slr_error *err)
{
    char cause[80];
    int64_t index = w->index;
    bury(w, late, cause, sizeof cause);
    if (late)
        snprintf(cause, sizeof cause, "took over %g s", p->options.max_seconds);
    if (index == NO_ITEM)
        return SELORA_OK;
    memset(w->reply, 0, p->reply_bytes);
    return finish(p, index, SELORA_BAD_INPUT, cause, w->reply + sizeof(answer), err);
}

/* Takes what has arrived; a whole reply goes to `done`. What a worker says is checked: hostile bytes went
 * through it. */
static selora_status receive(pool *p, worker *w, slr_error *err)
{
    ssize_t got = recv(w->socket, w->reply + w->received, p->reply_bytes - w->received, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return SELORA_OK;
    if (got <= 0)
        return finish_dead(p, w, false, err);
    w->received += (size_t)got;
    if (w->received < p->reply_bytes)
        return SELORA_OK;
    answer *head = (answer *)(void *)w->reply;
    int64_t index = w->index;
    head->message[sizeof head->message - 1] = '\0';
    w->received = 0;
    if (index == NO_ITEM || head->index != index || head->status < SELORA_OK ||
        head->status > SELORA_INTERRUPTED) {
        w->index = index;
        bury(w, true, NULL, 0);
        memset(w->reply, 0, p->reply_bytes);
        return index == NO_ITEM ? SELORA_OK
                                : finish(p, index, SELORA_BAD_INPUT, "its decoder went astray",
                                         w->reply + sizeof *head, err);
    }
    w->index = NO_ITEM;
    return finish(p, index, (selora_status)head->status, head->message, w->reply + sizeof *head, err);
}

/* Gives work to everyone who has none, and a new worker to a place whose worker died. */
static selora_status hand_out(pool *p, slr_error *err)
{
    int alive = 0;
    for (int i = 0; i < p->size; i++) {
        worker *w = &p->workers[i];
        slr_error failure = {0};
        if (w->pid == 0 && p->next < p->count && start_worker(p, w, &failure) != SELORA_OK) {
            if (i + 1 == p->size && alive == 0)
                return slr_fail(err, failure.status, "%s", failure.message);
            continue; /* fewer workers do it as well */
        }
        alive += w->pid != 0;
        if (w->pid == 0 || w->index != NO_ITEM || p->next >= p->count)
            continue;
        w->index = p->next++;
        w->deadline = slr_clock_seconds() + p->options.max_seconds;
        send_all(w->socket, &w->index,
                 sizeof w->index); /* a dead one is noticed when its answer is awaited */
    }
    return SELORA_OK;
}

/* Waits for the first answer, death, deadline or a short while. */
static selora_status wait_for_answers(pool *p, slr_error *err)
{
    double now = slr_clock_seconds();
    int wait_ms = TICK_MS;
    for (int i = 0; i < p->size; i++) {
        worker *w = &p->workers[i];
        p->polled[i] =
            (struct pollfd){.fd = w->pid != 0 && w->index != NO_ITEM ? w->socket : -1, .events = POLLIN};
        if (p->polled[i].fd >= 0 && (w->deadline - now) * 1000 < wait_ms)
            wait_ms = (int)ceil(fmax(0, (w->deadline - now) * 1000));
    }
    if (poll(p->polled, (nfds_t)p->size, wait_ms) < 0 && errno != EINTR)
        return slr_fail_errno(err, "the worker processes", "wait for them");
    for (int i = 0; i < p->size; i++) {
        worker *w = &p->workers[i];
        if (p->polled[i].fd < 0)
            continue;
        if (p->polled[i].revents != 0)
            SLR_TRY(receive(p, w, err));
        if (w->pid != 0 && w->index != NO_ITEM && slr_clock_seconds() >= w->deadline)
            SLR_TRY(finish_dead(p, w, true, err));
    }
    return SELORA_OK;
}

static selora_status run_forked(pool *p, slr_error *err)
{
    while (p->finished < p->count) {
        if (slr_interrupted(p->options.hooks))
            return slr_fail(err, SELORA_INTERRUPTED, "interrupted");
        SLR_TRY(hand_out(p, err));
        SLR_TRY(wait_for_answers(p, err));
    }
    return SELORA_OK;
}

static selora_status run_here(pool *p, slr_error *err)
{
    char *result = slr_alloc(p->options.result_bytes ? p->options.result_bytes : 1, 1);
    if (!result)
        return slr_fail_memory(err, p->options.result_bytes, "a result");
    selora_status status = SELORA_OK;
    for (; p->next < p->count && status == SELORA_OK; p->next++) {
        slr_error failure = {0};
        if (slr_interrupted(p->options.hooks)) {
            status = slr_fail(err, SELORA_INTERRUPTED, "interrupted");
            break;
        }
        memset(result, 0, p->options.result_bytes);
        selora_status worked = p->work(p->context, p->next, result, &failure);
        status = finish(p, p->next, worked, failure.message, result, err);
    }
    free(result);
    return status;
}

static selora_status allocate(pool *p, slr_error *err)
{
    size_t bytes;
    if (!slr_add_size(sizeof(answer), p->options.result_bytes, &p->reply_bytes) ||
        !slr_mul_size(p->reply_bytes, (size_t)p->size, &bytes))
        return slr_fail_memory(err, p->options.result_bytes, "a result");
    p->workers = slr_alloc((size_t)p->size, sizeof *p->workers);
    p->polled = slr_alloc((size_t)p->size, sizeof *p->polled);
    for (int i = 0; p->workers && i < p->size; i++) {
        p->workers[i] = (worker){.socket = -1, .index = NO_ITEM, .reply = slr_alloc(p->reply_bytes, 1)};
        if (!p->workers[i].reply)
            return slr_fail_memory(err, bytes, "what workers answer");
    }
    return p->workers && p->polled ? SELORA_OK : slr_fail_memory(err, bytes, "the worker processes");
}

selora_status slr_worker_pool_run(const slr_worker_pool_options *options, int64_t count, slr_pool_work *work,
                                  slr_pool_done *done, void *context, slr_error *err)
{
    pool p = {.options = *options, .work = work, .done = done, .context = context, .count = count};
    if (p.options.max_bytes == 0)
        p.options.max_bytes = DEFAULT_BYTES;
    if (!(p.options.max_seconds > 0))
        p.options.max_seconds = DEFAULT_SECONDS;
    if (options->jobs <= 0)
        return run_here(&p, err);
    p.size = options->jobs < MAX_JOBS ? options->jobs : MAX_JOBS;
    if (p.size > count)
        p.size = (int)(count > 0 ? count : 1);
    selora_status status = allocate(&p, err);
    if (status == SELORA_OK)
        status = run_forked(&p, err);
    for (int i = 0; p.workers && i < p.size; i++)
        bury(&p.workers[i], true, NULL, 0);
    for (int i = 0; p.workers && i < p.size; i++)
        free(p.workers[i].reply);
    free(p.workers);
    free(p.polled);
    return status;
}
