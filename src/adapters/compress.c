/* SPDX-License-Identifier: MIT */
#include "adapters/compress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/pair_svd.h"
#include "core/memory.h"

/* The factors of a layer with a component a row, largest first, and how many stay. */
typedef struct cut {
    const slr_pair *pair;
    double *square;  /* (count): of the singular values of dW */
    slr_real *a, *bt;
    int count, keep;
    bool failed;
    slr_error err;
} cut;

static int64_t cost(const slr_pair *pair)
{
    return pair->in + pair->out;
}

static void free_cuts(cut *cuts, size_t count)
{
    for (size_t i = 0; cuts && i < count; i++) {
        free(cuts[i].square);
        free(cuts[i].a);
        free(cuts[i].bt);
    }
    free(cuts);
}

/* The root of each singular value goes to A, the other to B: neither is large where the other is small. */
static void take_svd(cut *c, const slr_pair_svd *svd)
{
    const slr_pair *pair = c->pair;
    for (int i = 0; i < svd->count; i++) {
        double root = sqrt(svd->values[i]), value = pair->scale * svd->values[i];
        c->square[i] = value * value;
        for (int64_t k = 0; k < pair->in; k++)
            c->a[i * pair->in + k] = (slr_real)(root * svd->right[i * pair->in + k]);
        for (int64_t k = 0; k < pair->out; k++)
            c->bt[i * pair->out + k] = (slr_real)(root * svd->left[i * pair->out + k]);
    }
    c->count = svd->count;
}

static void decompose(cut *c)
{
    slr_pair_svd svd;
    c->failed = slr_pair_svd_of(c->pair, &svd, &c->err) != SELORA_OK;
    if (c->failed)
        return;
    size_t count = (size_t)svd.count;
    c->square = slr_alloc(count, sizeof *c->square);
    c->a = slr_alloc(count * (size_t)c->pair->in, sizeof *c->a);
    c->bt = slr_alloc(count * (size_t)c->pair->out, sizeof *c->bt);
    c->failed = !c->square || !c->a || !c->bt;
    if (c->failed)
        slr_fail_memory(&c->err, count * (size_t)cost(c->pair) * sizeof *c->a, c->pair->path);
    else
        take_svd(c, &svd);
    slr_pair_svd_free(&svd);
}

static selora_status decompose_all(const slr_pairs *pairs, int threads, cut *cuts, slr_error *err)
{
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (size_t i = 0; i < pairs->count; i++) {
        cuts[i].pair = &pairs->items[i];
        decompose(&cuts[i]);
    }
    for (size_t i = 0; i < pairs->count; i++)
        if (cuts[i].failed) {
            if (err)
                *err = cuts[i].err;
            return cuts[i].err.status;
        }
    return SELORA_OK;
}

/* The squares from `from` on, smallest first. */
static double tail(const cut *c, int from)
{
    double sum = 0;
    for (int i = c->count - 1; i >= from; i--)
        sum += c->square[i];
    return sum;
}

static int needed_for(const cut *c, double share)
{
    double may_go = (1 - share) * tail(c, 0), sum = 0;
    int keep = c->count;
    while (keep > 1 && sum + c->square[keep - 1] <= may_go)
        sum += c->square[--keep];
    return keep;
}

/* ---- one budget for all layers ---- */

typedef struct offer {
    double gain; /* for each parameter */
    size_t layer;
    int component;
} offer;

static int by_gain(const void *x, const void *y)
{
    const offer *p = x, *q = y;
    if (p->gain != q->gain)
        return p->gain > q->gain ? -1 : 1;
    if (p->layer != q->layer)
        return p->layer < q->layer ? -1 : 1;
    return p->component - q->component;
}

/* Components in the order of what they hold for their size, each that still fits. */
static selora_status spend(cut *cuts, size_t count, int64_t budget, slr_error *err)
{
    size_t offers = 0, at = 0;
    for (size_t i = 0; i < count; i++)
        offers += (size_t)cuts[i].count;
    offer *list = slr_alloc(offers + 1, sizeof *list);
    if (!list)
        return slr_fail_memory(err, offers * sizeof *list, "the choice of ranks");
    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < cuts[i].count; c++)
            list[at++] = (offer){cuts[i].square[c] / (double)cost(cuts[i].pair), i, c};
    qsort(list, offers, sizeof *list, by_gain);
    for (size_t i = 0; i < offers; i++) {
        cut *c = &cuts[list[i].layer];
        if (cost(c->pair) <= budget) {
            c->keep++; /* once one did not fit, none of its layer does: they all have one size */
            budget -= cost(c->pair);
        }
    }
    free(list);
    return SELORA_OK;
}

static selora_status choose(cut *cuts, size_t count, const slr_compression *goal, slr_error *err)
{
    int kept = 0, nonzero = 0;
    if (goal->kind == SLR_COMPRESS_PARAMETERS)
        SLR_TRY(spend(cuts, count, goal->parameters, err));
    for (size_t i = 0; i < count; i++) {
        cut *c = &cuts[i];
        if (goal->kind == SLR_COMPRESS_RANK)
            c->keep = (int64_t)c->count < goal->rank ? c->count : (int)goal->rank;
        if (goal->kind == SLR_COMPRESS_ENERGY)
            c->keep = needed_for(c, goal->energy);
        kept += c->keep;
        nonzero += c->count;
    }
    if (nonzero == 0)
        return slr_fail(err, SELORA_BAD_INPUT, "the adapter changes nothing: B A is zero in all of its %zu layers", count);
    return kept > 0 ? SELORA_OK
                    : slr_fail(err, SELORA_USAGE, "no component of any layer fits into %lld parameters",
                               (long long)goal->parameters);
}

/* ---- applying it ---- */

static selora_status tell(const cut *cuts, size_t count, slr_compress_report *report, slr_error *err)
{
    double all = 0, lost = 0;
    report->layers = slr_alloc(count, sizeof *report->layers);
    if (!report->layers)
        return slr_fail_memory(err, count * sizeof *report->layers, "the report");
    for (size_t i = 0; i < count; i++) {
        const cut *c = &cuts[i];
        double total = tail(c, 0), gone = tail(c, c->keep);
        slr_compressed_layer *layer = &report->layers[report->count++];
        *layer = (slr_compressed_layer){slr_copy_text(c->pair->path), c->pair->rank, c->keep, sqrt(total),
                                        total > 0 ? sqrt(gone / total) : 0};
        if (!layer->path)
            return slr_fail_memory(err, 0, "the report");
        report->left_out += c->keep == 0;
        report->parameters_before += c->pair->rank * cost(c->pair);
        report->parameters += c->keep * cost(c->pair);
        all += total;
        lost += gone;
    }
    report->norm = sqrt(all);
    report->error = all > 0 ? sqrt(lost / all) : 0;
    return SELORA_OK;
}

static void apply(slr_pairs *pairs, const cut *cuts)
{
    size_t kept = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        slr_pair pair = pairs->items[i];
        const cut *c = &cuts[i];
        if (c->keep == 0) {
            free(pair.path);
            free(pair.a);
            free(pair.b);
            continue;
        }
        if (c->keep < pair.rank) { /* never larger: the memory stays */
            memcpy(pair.a, c->a, (size_t)c->keep * (size_t)pair.in * sizeof *pair.a);
            for (int64_t o = 0; o < pair.out; o++)
                for (int r = 0; r < c->keep; r++)
                    pair.b[o * c->keep + r] = c->bt[r * pair.out + o];
            pair.rank = pair.stored_rank = c->keep;
            pair.applied = pair.scale;
        }
        pairs->items[kept++] = pair;
    }
    pairs->count = kept;
}

selora_status slr_pairs_compress(slr_pairs *pairs, const slr_compression *goal, slr_compress_report *report,
                                 slr_error *err)
{
    *report = (slr_compress_report){0};
    size_t count = pairs->count;
    cut *cuts = slr_alloc(count, sizeof *cuts);
    selora_status status = cuts ? decompose_all(pairs, goal->threads, cuts, err)
                                : slr_fail_memory(err, count * sizeof *cuts, "the adapter");
    if (status == SELORA_OK)
        status = choose(cuts, count, goal, err);
    if (status == SELORA_OK)
        status = tell(cuts, count, report, err);
    if (status == SELORA_OK)
        apply(pairs, cuts);
    free_cuts(cuts, count);
    if (status != SELORA_OK)
        slr_compress_report_free(report);
    return status;
}

void slr_compress_report_free(slr_compress_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        free(report->layers[i].path);
    free(report->layers);
    *report = (slr_compress_report){0};
}
