/* SPDX-License-Identifier: MIT */
#include "eval/memorisation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/quantile.h"

/* Mann-Whitney: how often a value of a is below one of b, ties count half. Sorts both. */
static double pairs_below(double *a, size_t a_count, double *b, size_t b_count)
{
    double won = 0;
    size_t below = 0, up_to = 0;
    slr_sort_doubles(a, a_count);
    slr_sort_doubles(b, b_count);
    for (size_t i = 0; i < b_count; i++) {
        while (below < a_count && a[below] < b[i])
            below++;
        while (up_to < a_count && a[up_to] <= b[i])
            up_to++;
        won += (double)below + 0.5 * (double)(up_to - below);
    }
    return won;
}

const char *slr_copying_text(slr_copying verdict)
{
    switch (verdict) {
    case SLR_COPYING_NONE: return "no sign of copying";
    case SLR_COPYING_POSSIBLE: return "copying is possible";
    case SLR_COPYING_CLEAR: return "clear signs of copying";
    default: return "no verdict: too few held-out pictures";
    }
}

/* The nearest of `count` distances, and how it stands among the next ones. `apart`: this picture does not
 * count; count for none. Distances are left in another order. */
static slr_neighbour nearest_of(double *distances, size_t count, size_t apart)
{
    slr_neighbour n = {.distance = INFINITY, .local_ratio = NAN};
    double sum = 0;
    size_t taken = 0;
    for (size_t i = 0; i < count; i++)
        if (i != apart && distances[i] < n.distance) {
            n.index = (uint32_t)i;
            n.distance = distances[i];
        }
    if (apart < count || count < 2)
        return n;
    distances[n.index] = distances[count - 1];
    slr_sort_doubles(distances, count - 1);
    for (; taken < count - 1 && taken < SLR_NEIGHBOURHOOD; taken++)
        sum += distances[taken];
    n.local_ratio = sum > 0 ? n.distance / (sum / (double)taken) : 1;
    return n;
}

/* ---- rows, by several threads ---- */

typedef struct row_job {
    const slr_picture_space *space;
    slr_audit_side side;
    const uint32_t *items; /* NULL: all in order */
    size_t count;
    slr_neighbour *out;
} row_job;

static void do_row(const row_job *job, size_t i, double *distances, void *scratch)
{
    size_t item = job->items ? job->items[i] : i;
    job->space->row(job->space->context, job->side, item, distances, scratch);
    job->out[i] =
        nearest_of(distances, job->space->train, job->side == SLR_AUDIT_TRAIN ? item : job->space->train);
}

static selora_status all_rows(const row_job *job, int threads, const slr_hooks *hooks, const char *what,
                              slr_error *err)
{
    size_t values = job->space->train * sizeof(double),
           each = (values + job->space->scratch_bytes + 127) & ~(size_t)63;
    char *memory = slr_alloc_aligned((size_t)threads, each);
    if (!memory)
        return slr_fail_memory(err, (size_t)threads * each, "distances");
    slr_task task = slr_task_begin(hooks, what, (int64_t)job->count);
    selora_status status = SELORA_OK;
    const size_t together = (size_t)threads * 8;
    for (size_t first = 0; first < job->count && status == SELORA_OK; first += together) {
        size_t end = first + together < job->count ? first + together : job->count;
#pragma omp parallel for num_threads(threads) schedule(static, 1)
        for (int t = 0; t < threads; t++)
            for (size_t i = first + (size_t)t; i < end; i += (size_t)threads) {
                char *own = memory + (size_t)t * each;
                do_row(job, i, (double *)(void *)own, own + ((values + 63) & ~(size_t)63));
            }
        slr_task_report(&task, (int64_t)end, NULL);
        if (slr_interrupted(hooks))
            status = slr_fail(err, SELORA_INTERRUPTED, "stopped while comparing pictures");
    }
    free(memory);
    return status;
}

/* ---- numbers ---- */

static void count_copies(slr_memorisation *m, double *values)
{
    memcpy(values, m->calibration, m->held_out * sizeof *values);
    slr_sort_doubles(values, m->held_out);
    m->tau = slr_quantile(values, m->held_out, slr_innocent_rate);
    for (size_t i = 0; i < m->synthetic; i++)
        m->near_copies += 4 * m->nearest[i].distance < values[0];
    for (size_t i = 0; i < m->synthetic; i++)
        if (m->nearest[i].distance < m->tau) {
            m->copies++;
            m->memorised[m->nearest[i].index] = true;
        }
    for (size_t i = 0; i < m->train; i++)
        m->memorised_count += m->memorised[i];
    m->copy_rate = (double)m->copies / (double)m->synthetic;
    m->tail = slr_binomial_tail((int64_t)m->copies, (int64_t)m->synthetic, slr_innocent_rate);
    m->copy_interval = slr_wilson((int64_t)m->copies, (int64_t)m->synthetic, slr_z95);
}

static void compare_sides(slr_memorisation *m, double *synthetic, double *held_out)
{
    double s = (double)m->synthetic, h = (double)m->held_out;
    for (size_t i = 0; i < m->synthetic; i++)
        synthetic[i] = m->nearest[i].distance;
    memcpy(held_out, m->calibration, m->held_out * sizeof *held_out);
    m->u = pairs_below(synthetic, m->synthetic, held_out, m->held_out); /* sorts both */
    m->z = (m->u - s * h / 2) / sqrt(s * h * (s + h + 1) / 12);
    m->median_ratio = slr_quantile(synthetic, m->synthetic, 0.5) / slr_quantile(held_out, m->held_out, 0.5);
}

static slr_copying verdict_of(const slr_memorisation *m)
{
    if (m->held_out < SLR_FEWEST_HELD_OUT)
        return SLR_COPYING_UNKNOWN;
    if (m->copy_interval.low > 0.10 || m->near_copies > 0) /* a few copies among many pictures move no rate */
        return SLR_COPYING_CLEAR;
    return m->z > 3 || m->copy_interval.low > slr_innocent_rate ? SLR_COPYING_POSSIBLE : SLR_COPYING_NONE;
}

static selora_status compare_with_held_out(const slr_picture_space *space, int threads,
                                           const slr_hooks *hooks, slr_memorisation *m, slr_error *err)
{
    size_t values = m->synthetic + m->held_out;
    slr_neighbour *own = slr_alloc(m->held_out, sizeof *own);
    double *scratch = slr_alloc(values, sizeof *scratch);
    row_job job = {.space = space, .side = SLR_AUDIT_HELD_OUT, .count = m->held_out, .out = own};
    selora_status status = own && scratch ? all_rows(&job, threads, hooks, "compare held-out pictures", err)
                                          : slr_fail_memory(err, values * sizeof *scratch, "distances");
    if (status == SELORA_OK) {
        for (size_t i = 0; i < m->held_out; i++)
            m->calibration[i] = own[i].distance;
        count_copies(m, scratch);
        compare_sides(m, scratch, scratch + m->synthetic);
    }
    free(own);
    free(scratch);
    return status;
}

/* Only training pictures that are somebody's neighbour are compared with the others. */
static selora_status judge_authenticity(const slr_picture_space *space, int threads, const slr_hooks *hooks,
                                        slr_memorisation *m, slr_error *err)
{
    size_t count = 0, authentic = 0;
    uint32_t *items = slr_alloc(m->train, sizeof *items), *place = slr_alloc(m->train, sizeof *place);
    slr_neighbour *out = NULL;
    selora_status status =
        items && place ? SELORA_OK : slr_fail_memory(err, m->train * sizeof *items, "neighbours");
    for (size_t i = 0; status == SELORA_OK && i < m->synthetic; i++) {
        uint32_t index = m->nearest[i].index;
        if (place[index])
            continue;
        items[count++] = index;
        place[index] = (uint32_t)count; /* from 1 */
    }
    if (status == SELORA_OK && !(out = slr_alloc(count, sizeof *out)))
        status = slr_fail_memory(err, count * sizeof *out, "neighbours");
    row_job job = {.space = space, .side = SLR_AUDIT_TRAIN, .items = items, .count = count, .out = out};
    if (status == SELORA_OK)
        status = all_rows(&job, threads, hooks, "compare training pictures", err);
    if (status == SELORA_OK) {
        for (size_t i = 0; i < m->synthetic; i++)
            authentic += m->nearest[i].distance >= out[place[m->nearest[i].index] - 1].distance;
        m->authenticity = (double)authentic / (double)m->synthetic;
    }
    free(items);
    free(place);
    free(out);
    return status;
}

selora_status slr_memorisation_judge(const slr_picture_space *space, int threads, const slr_hooks *hooks,
                                     slr_memorisation *m, slr_error *err)
{
    *m = (slr_memorisation){.train = space->train,
                            .held_out = space->held_out,
                            .synthetic = space->synthetic,
                            .tau = NAN,
                            .copy_rate = NAN,
                            .tail = NAN,
                            .copy_interval = {NAN, NAN},
                            .median_ratio = NAN,
                            .u = NAN,
                            .z = NAN,
                            .authenticity = NAN};
    if (space->train == 0 || space->synthetic == 0 || space->train > UINT32_MAX)
        return slr_fail(err, SELORA_USAGE,
                        "copies: %zu training and %zu synthetic pictures; at least one of each is needed",
                        space->train, space->synthetic);
    m->nearest = slr_alloc(m->synthetic, sizeof *m->nearest);
    m->calibration = slr_alloc(m->held_out + 1, sizeof *m->calibration);
    m->memorised = slr_alloc(m->train, sizeof *m->memorised);
    if (!m->nearest || !m->calibration || !m->memorised)
        return slr_fail_memory(err, m->train + (m->synthetic + m->held_out) * sizeof *m->nearest,
                               "neighbours");
    row_job job = {.space = space, .side = SLR_AUDIT_SYNTHETIC, .count = m->synthetic, .out = m->nearest};
    SLR_TRY(all_rows(&job, threads, hooks, "compare synthetic pictures", err));
    if (m->train > 1)
        SLR_TRY(judge_authenticity(space, threads, hooks, m, err));
    if (m->held_out > 0)
        SLR_TRY(compare_with_held_out(space, threads, hooks, m, err));
    m->verdict = verdict_of(m);
    return SELORA_OK;
}

void slr_memorisation_free(slr_memorisation *m)
{
    free(m->nearest);
    free(m->calibration);
    free(m->memorised);
    *m = (slr_memorisation){0};
}
