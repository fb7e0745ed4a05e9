/* SPDX-License-Identifier: MIT */
#include "eval/utility.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/quantile.h"
#include "core/rng.h"
#include "eval/logistic.h"

/* What an arm trains on. */
typedef struct recipe {
    bool real, more, augmented;
    size_t synthetic;
} recipe;

typedef struct job {
    const slr_utility_data *data;
    slr_utility *u;
    int threads;
    recipe recipes[SLR_UTILITY_ARMS];
    double *scores;      /* (arms, seeds, labels, test): logits */
    double *consistency; /* (labels, synthetic): logits of R, mean over seeds */
} job;

static double *scores_of(const job *j, size_t arm, size_t seed, size_t label)
{
    const slr_utility *u = j->u;
    return j->scores + ((arm * u->seed_count + seed) * u->label_count + label) * j->data->test.count;
}

/* ---- arms ---- */

static void add_arm(job *j, const char *name, recipe r)
{
    slr_utility_arm *arm = &j->u->arms[j->u->arm_count];
    snprintf(arm->name, sizeof arm->name, "%s", name);
    arm->real = (r.real ? j->data->train.count : 0) + (r.more ? j->data->more.count : 0) +
                (r.augmented ? j->data->augmented.count : 0);
    arm->synthetic = r.synthetic;
    j->recipes[j->u->arm_count++] = r;
}

static void add_arms(job *j)
{
    const slr_utility_data *d = j->data;
    size_t real = d->train.count, all = d->synthetic.count;
    char name[32];
    add_arm(j, "R", (recipe){.real = true});
    if (all > 0) {
        add_arm(j, "S", (recipe){.synthetic = all});
        add_arm(j, "R+S", (recipe){.real = true, .synthetic = all < real ? all : real});
    }
    if (d->more.count > 0)
        add_arm(j, "R+R'", (recipe){.real = true, .more = true});
    if (d->augmented.count > 0)
        add_arm(j, "R+augmented", (recipe){.real = true, .augmented = true});
    for (size_t i = 0; i < d->share_count && all > 0; i++) {
        size_t wanted = (size_t)(d->shares[i] * (double)real + 0.5);
        snprintf(name, sizeof name, "R+%gxS", d->shares[i]);
        if (wanted > all || wanted == 0 || j->u->arm_count == SLR_UTILITY_ARMS)
            j->u->skipped_shares++;
        else
            add_arm(j, name, (recipe){.real = true, .synthetic = wanted});
    }
}

/* ---- one arm at one seed ---- */

typedef struct training {
    size_t count;
    double *x;
    uint8_t *labels; /* (labels, count) */
    int32_t *groups;
    double *mean, *sd;
} training;

static void free_training(training *t)
{
    free(t->x);
    free(t->labels);
    free(t->groups);
    free(t->mean);
    free(t->sd);
}

/* `first_group`: groups of different sides never meet. */
static void take_row(const job *j, training *t, size_t total, const slr_utility_rows *rows, size_t i,
                     int32_t first_group)
{
    size_t dim = j->data->dim, labels = j->data->label_count;
    memcpy(t->x + t->count * dim, rows->x + i * dim, dim * sizeof *t->x);
    for (size_t l = 0; l < labels; l++)
        t->labels[l * total + t->count] = rows->labels[i * labels + l];
    t->groups[t->count++] = first_group + rows->groups[i];
}

static void take_rows(const job *j, training *t, size_t total, const slr_utility_rows *rows,
                      int32_t first_group)
{
    for (size_t i = 0; i < rows->count; i++)
        take_row(j, t, total, rows, i, first_group);
}

static void standardise(double *x, size_t count, size_t dim, const double *mean, const double *sd)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < dim; k++)
            x[i * dim + k] = sd[k] > 0 ? (x[i * dim + k] - mean[k]) / sd[k] : 0;
}

static void measure(training *t, size_t dim)
{
    for (size_t k = 0; k < dim; k++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < t->count; i++)
            sum += t->x[i * dim + k];
        t->mean[k] = sum / (double)t->count;
        for (size_t i = 0; i < t->count; i++)
            squares += (t->x[i * dim + k] - t->mean[k]) * (t->x[i * dim + k] - t->mean[k]);
        double sd = sqrt(squares / (double)t->count);
        t->sd[k] = sd > 1e-9 * fmax(1, fabs(t->mean[k])) ? sd : 0;
    }
}

static selora_status gather(const job *j, const recipe *r, uint64_t seed, training *t, slr_error *err)
{
    const slr_utility_data *d = j->data;
    const int32_t apart = 1 << 28;
    size_t total = (r->real ? d->train.count : 0) + (r->more ? d->more.count : 0) +
                   (r->augmented ? d->augmented.count : 0) + r->synthetic;
    uint32_t *order = slr_alloc(d->synthetic.count + 1, sizeof *order);
    *t = (training){.x = slr_alloc(total, d->dim * sizeof *t->x),
                    .labels = slr_alloc(total, d->label_count),
                    .groups = slr_alloc(total, sizeof *t->groups),
                    .mean = slr_alloc(d->dim, sizeof *t->mean),
                    .sd = slr_alloc(d->dim, sizeof *t->sd)};
    if (!order || !t->x || !t->labels || !t->groups || !t->mean || !t->sd) {
        free(order);
        return slr_fail_memory(err, total * d->dim * sizeof *t->x, "an arm");
    }
    if (r->real)
        take_rows(j, t, total, &d->train, 0);
    if (r->augmented)
        take_rows(j, t, total, &d->augmented, 0); /* the same patients */
    if (r->more)
        take_rows(j, t, total, &d->more, apart);
    slr_rng rng = slr_rng_at(seed, SLR_STREAM_AUDIT, 2, 0);
    if (r->synthetic > 0)
        slr_rng_permutation(&rng, order, (uint32_t)d->synthetic.count);
    for (size_t i = 0; i < r->synthetic; i++)
        take_row(j, t, total, &d->synthetic, order[i], 2 * apart);
    free(order);
    measure(t, d->dim);
    standardise(t->x, t->count, d->dim, t->mean, t->sd);
    return SELORA_OK;
}

/* Logits of rows on the scale of the arm. */
static selora_status score_rows(const slr_logistic *model, const training *t, const slr_utility_rows *rows,
                                double weight, double *scores, slr_error *err)
{
    size_t dim = model->dim;
    double *row = slr_alloc(dim, sizeof *row);
    if (!row)
        return slr_fail_memory(err, dim * sizeof *row, "a row");
    for (size_t i = 0; i < rows->count; i++) {
        memcpy(row, rows->x + i * dim, dim * sizeof *row);
        standardise(row, 1, dim, t->mean, t->sd);
        scores[i] += weight * slr_logistic_score(model, row);
    }
    free(row);
    return SELORA_OK;
}

/* ---- thresholds and accuracy ---- */

static double balanced_accuracy(const double *scores, const uint8_t *labels, size_t stride, size_t count,
                                double threshold)
{
    double right[2] = {0}, all[2] = {0};
    for (size_t i = 0; i < count; i++) {
        int y = labels[i * stride];
        all[y]++;
        right[y] += (scores[i] > threshold) == (y == 1);
    }
    return all[0] > 0 && all[1] > 0 ? (right[0] / all[0] + right[1] / all[1]) / 2 : NAN;
}

/* The score among those of the validation rows that divides them best; NaN where a class lacks. */
static double best_threshold(const double *scores, const uint8_t *labels, size_t stride, size_t count)
{
    double best = NAN, reached = -1;
    for (size_t i = 0; i < count; i++) {
        double found = balanced_accuracy(scores, labels, stride, count, scores[i]);
        if (found > reached) {
            reached = found;
            best = scores[i];
        }
    }
    return best;
}

static selora_status judge_label(const job *j, size_t label, const slr_logistic *model, const training *t,
                                 const double *test, slr_utility_arm *arm, slr_error *err)
{
    const slr_utility_data *d = j->data;
    const slr_utility_rows *v = &d->validation;
    double share = 1 / (double)(j->u->seed_count * d->label_count), sum = 0;
    double *scores = slr_alloc(v->count + 1, sizeof *scores);
    if (!scores)
        return slr_fail_memory(err, v->count * sizeof *scores, "scores");
    selora_status status = score_rows(model, t, v, 1, scores, err);
    double threshold = best_threshold(scores, v->labels + (v->count ? label : 0), d->label_count, v->count);
    arm->balanced_accuracy +=
        share * (isnan(threshold) ? NAN
                                  : balanced_accuracy(test, d->test.labels + label, d->label_count,
                                                      d->test.count, threshold));
    for (size_t i = 0; i < d->test.count; i++) {
        double e = slr_sigmoid(test[i]) - d->test.labels[i * d->label_count + label];
        sum += e * e;
    }
    arm->brier += share * sum / (double)d->test.count;
    free(scores);
    return status;
}

static selora_status train_label(const job *j, size_t at, size_t seed, size_t label, const training *t,
                                 slr_error *err)
{
    const slr_utility_data *d = j->data;
    slr_logistic model = {0};
    double lambda, *test = scores_of(j, at, seed, label);
    const uint8_t *y = t->labels + label * t->count;
    selora_status status =
        slr_logistic_choose(t->x, y, t->groups, t->count, d->dim, seed, j->threads, &lambda, err);
    if (status == SELORA_OK)
        status = slr_logistic_fit(t->x, y, t->count, d->dim, lambda, &model, err);
    if (status == SELORA_OK)
        status = score_rows(&model, t, &d->test, 1, test, err);
    if (status == SELORA_OK)
        status = judge_label(j, label, &model, t, test, &j->u->arms[at], err);
    if (status == SELORA_OK && at == 0 && d->synthetic.count > 0)
        status = score_rows(&model, t, &d->synthetic, 1 / (double)j->u->seed_count,
                            j->consistency + label * d->synthetic.count, err);
    slr_logistic_free(&model);
    return status;
}

static selora_status train_arm(const job *j, size_t at, size_t seed, slr_error *err)
{
    training t;
    selora_status status = gather(j, &j->recipes[at], seed, &t, err);
    for (size_t label = 0; status == SELORA_OK && label < j->data->label_count; label++)
        status = train_label(j, at, seed, label, &t, err);
    free_training(&t);
    if (status != SELORA_OK)
        slr_fail_within(err, "arm %s", j->u->arms[at].name);
    return status;
}

/* ---- AUC with weights ---- */

typedef struct ranked {
    double score;
    uint32_t row;
} ranked;

static int by_score(const void *a, const void *b)
{
    double x = ((const ranked *)a)->score, y = ((const ranked *)b)->score;
    return (x > y) - (x < y);
}

static void rank_rows(const double *scores, size_t count, ranked *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (ranked){scores[i], (uint32_t)i};
    qsort(out, count, sizeof *out, by_score);
}

/* Ties count half; NaN where a class has no weight. */
static double weighted_auc(const ranked *order, size_t count, const uint8_t *labels, size_t stride,
                           const double *weight)
{
    double won = 0, below = 0, positives = 0;
    for (size_t begin = 0, end; begin < count; begin = end) {
        double p = 0, n = 0;
        for (end = begin; end < count && order[end].score == order[begin].score; end++) {
            uint32_t row = order[end].row;
            if (labels[row * stride])
                p += weight[row];
            else
                n += weight[row];
        }
        won += p * (below + n / 2);
        below += n;
        positives += p;
    }
    return positives > 0 && below > 0 ? won / (positives * below) : NAN;
}

/* Mean over seeds and labels. Labels that lack a class do not count. */
static double mean_auc(const job *j, const ranked *orders, size_t arm, const double *weight)
{
    const slr_utility *u = j->u;
    const slr_utility_rows *test = &j->data->test;
    double sum = 0;
    size_t used = 0;
    for (size_t s = 0; s < u->seed_count; s++)
        for (size_t l = 0; l < u->label_count; l++) {
            const ranked *order = orders + ((arm * u->seed_count + s) * u->label_count + l) * test->count;
            double auc = weighted_auc(order, test->count, test->labels + l, u->label_count, weight);
            if (isfinite(auc)) {
                sum += auc;
                used++;
            }
        }
    return used ? sum / (double)used : NAN;
}

static void fill_auc(const job *j, const ranked *orders, size_t arm, const double *ones)
{
    slr_utility *u = j->u;
    slr_utility_arm *a = &u->arms[arm];
    const slr_utility_rows *test = &j->data->test;
    double by_seed[SLR_UTILITY_SEEDS] = {0}, squares = 0;
    size_t used = 0;
    for (size_t l = 0; l < u->label_count; l++) {
        for (size_t s = 0; s < u->seed_count; s++) {
            const ranked *order = orders + ((arm * u->seed_count + s) * u->label_count + l) * test->count;
            a->auc[l][s] = weighted_auc(order, test->count, test->labels + l, u->label_count, ones);
            a->label_mean[l] += a->auc[l][s] / (double)u->seed_count;
        }
        used += isfinite(a->label_mean[l]);
        for (size_t s = 0; s < u->seed_count && isfinite(a->label_mean[l]); s++)
            by_seed[s] += a->auc[l][s];
    }
    a->mean = 0;
    for (size_t s = 0; s < u->seed_count; s++) {
        by_seed[s] /= (double)used;
        a->mean += by_seed[s] / (double)u->seed_count;
    }
    for (size_t s = 0; s < u->seed_count; s++)
        squares += (by_seed[s] - a->mean) * (by_seed[s] - a->mean);
    a->sd = u->seed_count > 1 ? sqrt(squares / (double)(u->seed_count - 1)) : NAN;
}

/* ---- patients ---- */

static int32_t group_count(const slr_utility_rows *rows)
{
    int32_t most = -1;
    for (size_t i = 0; i < rows->count; i++)
        most = rows->groups[i] > most ? rows->groups[i] : most;
    return most + 1;
}

static void subgroup_auc(const job *j, const ranked *orders, double *weight, uint8_t *seen)
{
    slr_utility *u = j->u;
    const slr_utility_rows *test = &j->data->test;
    size_t patients = (size_t)group_count(test);
    for (size_t g = 0; g < u->subgroup_count; g++) {
        memset(seen, 0, patients);
        for (size_t i = 0; i < test->count; i++) {
            weight[i] = j->data->subgroups[g].member[i] ? 1 : 0;
            if (weight[i] > 0)
                seen[test->groups[i]] = 1;
        }
        for (size_t p = 0; p < patients; p++)
            u->subgroup_patients[g] += seen[p];
        bool enough = u->subgroup_patients[g] >= SLR_UTILITY_FEWEST;
        for (size_t a = 0; a < u->arm_count; a++)
            u->arms[a].subgroup[g] = enough ? mean_auc(j, orders, a, weight) : NAN;
    }
}

/* Differences of each arm to R over the same resampled patients. */
static void bootstrap(const job *j, const ranked *orders, double *differences)
{
    const slr_utility *u = j->u;
    const slr_utility_rows *test = &j->data->test;
    int32_t patients = group_count(test);
#pragma omp parallel for num_threads(j->threads) schedule(dynamic, 8)
    for (int b = 0; b < SLR_UTILITY_RESAMPLES; b++) {
        slr_rng rng = slr_rng_at(0, SLR_STREAM_AUDIT, 3, (uint32_t)b);
        double *times = slr_alloc((size_t)patients + test->count, sizeof *times);
        double *weight = times ? times + patients : NULL;
        for (int32_t p = 0; times && p < patients; p++)
            times[slr_rng_below(&rng, (uint32_t)patients)]++;
        for (size_t i = 0; times && i < test->count; i++)
            weight[i] = times[test->groups[i]];
        double real = times ? mean_auc(j, orders, 0, weight) : NAN;
        for (size_t a = 0; a < u->arm_count; a++)
            differences[a * SLR_UTILITY_RESAMPLES + (size_t)b] =
                times ? mean_auc(j, orders, a, weight) - real : NAN;
        free(times);
    }
}

static void intervals(const job *j, double *differences)
{
    for (size_t a = 0; a < j->u->arm_count; a++) {
        double *d = differences + a * SLR_UTILITY_RESAMPLES;
        slr_utility_arm *arm = &j->u->arms[a];
        size_t kept = 0;
        for (size_t b = 0; b < SLR_UTILITY_RESAMPLES; b++)
            if (isfinite(d[b]))
                d[kept++] = d[b];
        arm->difference = arm->mean - j->u->arms[0].mean;
        arm->low = arm->high = NAN;
        if (kept == 0)
            continue;
        slr_sort_doubles(d, kept);
        arm->low = d[(size_t)(0.025 * (double)(kept - 1))];
        arm->high = d[(size_t)(0.975 * (double)(kept - 1) + 0.5)];
    }
}

static selora_status judge_arms(const job *j, slr_error *err)
{
    const slr_utility *u = j->u;
    size_t test = j->data->test.count, lists = u->arm_count * u->seed_count * u->label_count;
    ranked *orders = slr_alloc(lists, test * sizeof *orders);
    double *weight = slr_alloc(test, sizeof *weight);
    double *differences = slr_alloc(u->arm_count, SLR_UTILITY_RESAMPLES * sizeof *differences);
    uint8_t *seen = slr_alloc((size_t)group_count(&j->data->test), 1);
    selora_status status = orders && weight && differences && seen
                               ? SELORA_OK
                               : slr_fail_memory(err, lists * test * sizeof *orders, "scores");
    if (status == SELORA_OK) {
        for (size_t l = 0; l < lists; l++)
            rank_rows(j->scores + l * test, test, orders + l * test);
        for (size_t i = 0; i < test; i++)
            weight[i] = 1;
        for (size_t a = 0; a < u->arm_count; a++)
            fill_auc(j, orders, a, weight);
        subgroup_auc(j, orders, weight, seen);
        bootstrap(j, orders, differences);
        intervals(j, differences);
    }
    free(orders);
    free(weight);
    free(differences);
    free(seen);
    return status;
}

/* ---- consistency ---- */

static selora_status judge_consistency(const job *j, slr_error *err)
{
    const slr_utility_rows *s = &j->data->synthetic;
    double *sides = slr_alloc(s->count + 1, sizeof *sides);
    if (!sides)
        return slr_fail_memory(err, s->count * sizeof *sides, "scores");
    for (size_t l = 0; l < j->u->label_count; l++) {
        const double *scores = j->consistency + l * s->count;
        size_t with = 0, without = 0;
        j->u->consistency[l] = (slr_roc){NAN, NAN, NAN, NAN};
        for (size_t i = 0; i < s->count; i++)
            if (s->labels[i * j->u->label_count + l])
                sides[with++] = scores[i];
            else
                sides[s->count - ++without] = scores[i];
        if (with == 0 || without == 0)
            continue;
        selora_status status = slr_roc_of(sides, with, sides + with, without, &j->u->consistency[l], err);
        if (status != SELORA_OK) {
            free(sides);
            return status;
        }
    }
    free(sides);
    return SELORA_OK;
}

/* ---- the whole ---- */

static selora_status check(const slr_utility_data *d, int seeds, slr_error *err)
{
    if (d->train.count == 0 || d->test.count == 0)
        return slr_fail(err, SELORA_USAGE, "utility: %zu training and %zu test pictures; both are needed",
                        d->train.count, d->test.count);
    if (d->label_count == 0 || d->label_count > SLR_UTILITY_LABELS)
        return slr_fail(err, SELORA_USAGE, "utility: %zu labels, expected 1 to %d", d->label_count,
                        SLR_UTILITY_LABELS);
    if (seeds < 1 || seeds > SLR_UTILITY_SEEDS || d->subgroup_count > SLR_UTILITY_SUBGROUPS)
        return slr_fail(err, SELORA_USAGE,
                        "utility: %d seeds and %zu subgroups, expected 1 to %d and at most %d", seeds,
                        d->subgroup_count, SLR_UTILITY_SEEDS, SLR_UTILITY_SUBGROUPS);
    return SELORA_OK;
}

static selora_status run_arms(job *j, const slr_hooks *hooks, slr_error *err)
{
    slr_utility *u = j->u;
    slr_task task = slr_task_begin(hooks, "train classifiers", (int64_t)(u->arm_count * u->seed_count));
    size_t scores = u->arm_count * u->seed_count * u->label_count * j->data->test.count;
    j->scores = slr_alloc(scores, sizeof *j->scores);
    j->consistency = slr_alloc(u->label_count * j->data->synthetic.count + 1, sizeof *j->consistency);
    if (!j->scores || !j->consistency)
        return slr_fail_memory(err, scores * sizeof *j->scores, "scores");
    for (size_t seed = 0; seed < u->seed_count; seed++)
        for (size_t arm = 0; arm < u->arm_count; arm++) {
            SLR_TRY(train_arm(j, arm, seed, err));
            slr_task_report(&task, (int64_t)(seed * u->arm_count + arm) + 1, "%s", u->arms[arm].name);
            if (slr_interrupted(hooks))
                return slr_fail(err, SELORA_INTERRUPTED, "stopped while training classifiers");
        }
    SLR_TRY(judge_arms(j, err));
    return judge_consistency(j, err);
}

selora_status slr_utility_run(const slr_utility_data *data, int seeds, int threads, const slr_hooks *hooks,
                              slr_utility **utility, slr_error *err)
{
    *utility = NULL;
    SLR_TRY(check(data, seeds, err));
    job j = {.data = data, .threads = threads, .u = slr_alloc(1, sizeof *j.u)};
    if (!j.u)
        return slr_fail_memory(err, sizeof *j.u, "the result");
    j.u->label_count = data->label_count;
    j.u->seed_count = (size_t)seeds;
    j.u->subgroup_count = data->subgroup_count;
    add_arms(&j);
    selora_status status = run_arms(&j, hooks, err);
    free(j.scores);
    free(j.consistency);
    if (status == SELORA_OK)
        *utility = j.u;
    else
        slr_utility_free(j.u);
    return status;
}

void slr_utility_free(slr_utility *utility)
{
    free(utility);
}
