/* SPDX-License-Identifier: MIT */
#include "eval/compare_features.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "eval/frechet.h"
#include "eval/kid.h"
#include "eval/prdc.h"
#include "eval/radiomics.h"
#include "eval/standardise.h"
#include "eval/text_scores.h"

enum { FARTHEST = 10 };

/* Rows of one side as the metrics take them: scaled where features are of different kinds, perhaps some of the rows. */
typedef struct rows_of_side {
    double *values; /* (count, dim) */
    int32_t *groups;
    size_t count, dim;
} rows_of_side;

typedef struct comparison_state {
    const slr_comparison *c;
    slr_metric_table *table;
    bool radiomic;
    slr_scaling scaling; /* of radiomic features */
    size_t dim;
    char label[96], scaled_label[112];
} comparison_state;

uint32_t slr_metric_item(const char *name, const char *extractor)
{
    uint32_t hash = 2166136261u;
    for (const char *at = name; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    hash = (hash ^ '/') * 16777619u;
    for (const char *at = extractor; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    return hash;
}

static bool is_radiomic(const slr_feature_set *set)
{
    return strcmp(set->extractor, "radiomics") == 0 || strncmp(set->preproc, SLR_RADIOMICS_NAME, strlen(SLR_RADIOMICS_NAME)) == 0;
}

static void free_rows(rows_of_side *rows)
{
    free(rows->values);
    free(rows->groups);
    *rows = (rows_of_side){0};
}

/* `count` rows of a side, drawn without replacement where it has more. */
static selora_status take_rows(const comparison_state *s, slr_role role, size_t count, uint32_t item, rows_of_side *rows,
                               slr_error *err)
{
    const slr_feature_set *set = s->c->sides[role];
    uint32_t *order = slr_alloc(set->count, sizeof *order);
    int64_t *labels = slr_alloc(count, sizeof *labels);
    *rows = (rows_of_side){.values = slr_alloc(count * s->dim, sizeof *rows->values),
                           .groups = slr_alloc(count, sizeof *rows->groups), .count = count, .dim = s->dim};
    selora_status status = order && labels && rows->values && rows->groups
                               ? SELORA_OK
                               : slr_fail_memory(err, count * s->dim * sizeof *rows->values, "features");
    for (size_t i = 0; status == SELORA_OK && i < set->count; i++)
        order[i] = (uint32_t)i;
    if (status == SELORA_OK && count < set->count) {
        slr_rng rng = slr_rng_at(s->c->seed, SLR_STREAM_JUDGING, item, (uint32_t)role);
        slr_rng_permutation(&rng, order, (uint32_t)set->count);
    }
    for (size_t i = 0; status == SELORA_OK && i < count; i++) {
        const double *from = set->values + order[i] * set->dim;
        labels[i] = set->groups[order[i]];
        if (s->radiomic)
            slr_scaling_apply(&s->scaling, from, 1, rows->values + i * s->dim);
        else
            memcpy(rows->values + i * s->dim, from, s->dim * sizeof *from);
    }
    if (status == SELORA_OK)
        status = slr_dense_groups(labels, count, rows->groups, NULL, err);
    free(order);
    free(labels);
    if (status != SELORA_OK)
        free_rows(rows);
    return status;
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t count_of(const comparison_state *s, slr_role role)
{
    return s->c->sides[role] ? s->c->sides[role]->count : 0;
}

/* ---- Frechet distance ---- */

static selora_status frechet_part(const void *user, const size_t *xs, size_t n, const size_t *ys, size_t m, double *out,
                                  slr_error *err)
{
    return slr_frechet_part(user, xs, n, ys, m, out, err);
}

/* Equal numbers of pictures on both sides. NaN when the other side is not there. */
static selora_status plain_frechet(const comparison_state *s, slr_role other, size_t count, uint32_t item, double *d2,
                                   slr_error *err)
{
    rows_of_side x = {0}, y = {0};
    size_t n = lesser(count, lesser(count_of(s, SLR_ROLE_REAL), count_of(s, other)));
    *d2 = NAN;
    if (n < 2)
        return SELORA_OK;
    selora_status status;
    SLR_TRY_OUT(take_rows(s, SLR_ROLE_REAL, n, item, &x, err));
    SLR_TRY_OUT(take_rows(s, other, n, item, &y, err));
    status = slr_frechet_distance(x.values, n, y.values, n, s->dim, d2, err);
out:
    free_rows(&x);
    free_rows(&y);
    return status;
}

static selora_status frechet_errors(const comparison_state *s, const slr_frechet *frechet, const rows_of_side *x,
                                    const rows_of_side *y, double *se, slr_error *err)
{
    slr_folds fx = {0}, fy = {0};
    selora_status status;
    SLR_TRY_OUT(slr_folds_new(x->groups, x->count, &fx, err));
    SLR_TRY_OUT(slr_folds_new(y->groups, y->count, &fy, err));
    slr_error why = {0};
    status = slr_jackknife(&fx, &fy, 1, frechet_part, frechet, s->c->threads, se, &why);
    if (status == SELORA_BAD_INPUT) { /* a fold left out leaves too few rows */
        *se = NAN;
        status = SELORA_OK;
    } else if (status != SELORA_OK) {
        status = slr_fail(err, status, "%s", why.message);
    }
out:
    slr_folds_free(&fx);
    slr_folds_free(&fy);
    return status;
}

static void note_farthest(const comparison_state *s, const rows_of_side *y, slr_metric *metric)
{
    size_t places[FARTHEST];
    double means[FARTHEST];
    json_t *list = json_array();
    size_t found = slr_scaling_farthest(&s->scaling, y->values, y->count, FARTHEST, places, means);
    for (size_t i = 0; i < found; i++) {
        char name[64];
        slr_radiomics_feature_name((int)s->scaling.columns[places[i]], name);
        json_array_append_new(list, json_pack("[sf]", name, means[i]));
        if (i == 0)
            slr_metric_note(metric, "farthest: %s %+.1f sd", name, means[i]);
    }
    json_object_set_new(metric->extra, "farthest", list);
}

static void note_dropped(const comparison_state *s, slr_metric *metric)
{
    json_t *list = json_array();
    size_t next = 0;
    for (size_t j = 0; j < s->scaling.dim; j++) {
        char name[64];
        if (next < s->scaling.kept && s->scaling.columns[next] == j) {
            next++;
            continue;
        }
        slr_radiomics_feature_name((int)j, name);
        json_array_append_new(list, json_string(name));
    }
    json_object_set_new(metric->extra, "dropped", list);
    slr_metric_note(metric, "%zu of %zu features", s->scaling.kept, s->scaling.dim);
}

/* Distance, its error, its value at endless N. */
static selora_status add_frechet(comparison_state *s, slr_error *err)
{
    const char *name = s->radiomic ? "frd" : "fid", *label = s->radiomic ? SLR_RADIOMICS_NAME : s->label;
    uint32_t item = slr_metric_item(name, label);
    size_t n = lesser(count_of(s, SLR_ROLE_REAL), count_of(s, SLR_ROLE_SYNTHETIC));
    rows_of_side x = {0}, y = {0};
    slr_frechet *frechet = NULL;
    slr_metric *metric;
    slr_frechet_inf inf = {0};
    selora_status status;
    SLR_TRY_OUT(take_rows(s, SLR_ROLE_REAL, n, item, &x, err));
    SLR_TRY_OUT(take_rows(s, SLR_ROLE_SYNTHETIC, n, item, &y, err));
    SLR_TRY_OUT(slr_frechet_new(x.values, n, y.values, n, s->dim, &frechet, err));
    SLR_TRY_OUT(slr_metric_add(s->table, name, label, &metric, err));
    metric->n = metric->m = n;
    metric->dim = s->dim;
    SLR_TRY_OUT(slr_frechet_part(frechet, NULL, 0, NULL, 0, &metric->value, err));
    SLR_TRY_OUT(frechet_errors(s, frechet, &x, &y, &metric->se, err));
    SLR_TRY_OUT(plain_frechet(s, SLR_ROLE_TRAIN, n, item, &metric->floor, err));
    SLR_TRY_OUT(plain_frechet(s, SLR_ROLE_BASE, n, item, &metric->base, err));
    slr_metric_number(metric, "ln", log(metric->value));
    slr_metric_note(metric, "N %zu", n);
    if (s->radiomic) {
        slr_metric_note(metric, "ln %.2f", log(metric->value));
        note_dropped(s, metric);
    }
    if (n <= s->dim)
        slr_metric_note(metric, "rank-deficient");
    if (s->radiomic)
        note_farthest(s, &y, metric);
    for (int role = 0; role < SLR_ROLES; role++)
        if (role != SLR_ROLE_REAL && s->c->sides[role] && count_of(s, (slr_role)role) < n)
            slr_metric_note(metric, "%s at N %zu", role == SLR_ROLE_TRAIN ? "floor" : "base", count_of(s, (slr_role)role));
    if (n >= 8) {
        SLR_TRY_OUT(slr_frechet_infinity(frechet, s->c->seed, item, s->c->threads, &inf, err));
        SLR_TRY_OUT(slr_metric_add(s->table, s->radiomic ? "frd-inf" : "fid-inf", label, &metric, err));
        metric->value = inf.value;
        metric->n = metric->m = n;
        metric->dim = s->dim;
        slr_metric_number(metric, "slope", inf.slope);
        slr_metric_number(metric, "r2", inf.r2);
        json_object_set_new(metric->extra, "reliable", json_boolean(inf.reliable));
        slr_metric_note(metric, "slope %.3g, R^2 %.3f%s", inf.slope, inf.r2, inf.reliable ? "" : "; unreliable");
    }
out:
    slr_frechet_free(frechet);
    free_rows(&x);
    free_rows(&y);
    return status;
}

/* ---- KID and neighbours ---- */

/* The real side against another one; kid, prdc (2): NULL where not asked for. `whole`: errors and chances, too. */
static selora_status judge_neighbours(const comparison_state *s, slr_role other, size_t count, bool whole, slr_kid *kid,
                                      slr_prdc *prdc, slr_error *err)
{
    static const slr_prdc_variant variants[2] = {{.k = 5}, {.k = 3, .closed = true}};
    rows_of_side x = {0}, y = {0};
    slr_folds fx = {0}, fy = {0};
    uint32_t item = slr_metric_item("kid", s->scaled_label);
    slr_kid_options options = {.permutations = whole ? SLR_PERMUTATIONS : 0, .subsets = whole ? SLR_KID_SUBSETS : 0,
                               .seed = s->c->seed, .item = item, .threads = s->c->threads};
    size_t n = count_of(s, SLR_ROLE_REAL), m = lesser(count, count_of(s, other));
    selora_status status;
    SLR_TRY_OUT(take_rows(s, SLR_ROLE_REAL, n, item, &x, err));
    SLR_TRY_OUT(take_rows(s, other, m, item, &y, err));
    SLR_TRY_OUT(slr_folds_new(x.groups, n, &fx, err));
    SLR_TRY_OUT(slr_folds_new(y.groups, m, &fy, err));
    SLR_TRY_OUT(slr_kid_judge(x.values, n, y.values, m, s->dim, whole ? &fx : NULL, whole ? &fy : NULL, &options, kid, err));
    for (int v = 0; v < 2; v++)
        for (int o = 0; o < SLR_PRDC_VALUES; o++)
            prdc[v].value[o] = prdc[v].se[o] = NAN;
    if (lesser(n, m) > 5)
        status = slr_prdc_judge(x.values, n, y.values, m, s->dim, whole ? &fx : NULL, whole ? &fy : NULL, variants, 2,
                                s->c->threads, prdc, err);
    else if (!s->c->force)
        status = slr_fail(err, SELORA_BAD_INPUT, "%zu and %zu pictures: k = 5 neighbours need 6 on each side", n, m);
out:
    slr_folds_free(&fx);
    slr_folds_free(&fy);
    free_rows(&x);
    free_rows(&y);
    return status;
}

static selora_status add_kid(comparison_state *s, const slr_kid kid[3], slr_error *err)
{
    slr_metric *metric;
    SLR_TRY(slr_metric_add(s->table, "kid", s->scaled_label, &metric, err));
    metric->value = kid[0].value;
    metric->se = kid[0].se;
    metric->floor = kid[1].value;
    metric->base = kid[2].value;
    metric->n = count_of(s, SLR_ROLE_REAL);
    metric->m = count_of(s, SLR_ROLE_SYNTHETIC);
    metric->dim = s->dim;
    slr_metric_number(metric, "p_value", kid[0].p_value);
    slr_metric_number(metric, "subset_mean", kid[0].subset_mean);
    slr_metric_number(metric, "subset_sd", kid[0].subset_sd);
    slr_metric_number(metric, "subset_size", (double)kid[0].subset_size);
    slr_metric_number(metric, "biased", kid[0].biased);
    slr_metric_note(metric, "permutation p %.3f; 100 subsets of %zu: %.3g +- %.2g", kid[0].p_value, kid[0].subset_size,
                    kid[0].subset_mean, kid[0].subset_sd);
    return SELORA_OK;
}

static selora_status add_prdc(comparison_state *s, slr_prdc prdc[3][2], slr_error *err)
{
    static const char *const names[2][SLR_PRDC_VALUES] = {{"precision", "recall", "density", "coverage"},
                                                          {"precision-k3", "recall-k3", NULL, NULL}};
    for (int v = 0; v < 2; v++)
        for (int o = 0; o < SLR_PRDC_VALUES; o++) {
            slr_metric *metric;
            if (!names[v][o])
                continue;
            SLR_TRY(slr_metric_add(s->table, names[v][o], s->scaled_label, &metric, err));
            metric->value = prdc[0][v].value[o];
            metric->se = prdc[0][v].se[o];
            metric->floor = prdc[1][v].value[o];
            metric->base = prdc[2][v].value[o];
            metric->n = count_of(s, SLR_ROLE_REAL);
            metric->m = count_of(s, SLR_ROLE_SYNTHETIC);
            metric->dim = s->dim;
            slr_metric_number(metric, "k", v ? 3 : 5);
            if (isnan(metric->value))
                slr_metric_note(metric, "too few pictures");
            else if (v == 0 && o == SLR_PRECISION) {
                slr_metric_number(metric, "twins_real", (double)prdc[0][v].twins[0]);
                slr_metric_number(metric, "twins_synthetic", (double)prdc[0][v].twins[1]);
                slr_metric_number(metric, "points_real", (double)prdc[0][v].points[0]);
                slr_metric_number(metric, "points_synthetic", (double)prdc[0][v].points[1]);
                if (prdc[0][v].twins[0] + prdc[0][v].twins[1] > 0)
                    slr_metric_note(metric, "pictures with an equal one: %zu real, %zu synthetic", prdc[0][v].twins[0],
                                    prdc[0][v].twins[1]);
            }
        }
    return SELORA_OK;
}

static selora_status add_neighbours(comparison_state *s, slr_error *err)
{
    static const slr_role others[3] = {SLR_ROLE_SYNTHETIC, SLR_ROLE_TRAIN, SLR_ROLE_BASE};
    size_t m = count_of(s, SLR_ROLE_SYNTHETIC);
    slr_kid kid[3];
    slr_prdc prdc[3][2];
    for (int k = 0; k < 3; k++) {
        kid[k] = (slr_kid){.value = NAN};
        for (int v = 0; v < 2; v++)
            prdc[k][v] = (slr_prdc){{NAN, NAN, NAN, NAN}, {NAN, NAN, NAN, NAN}, {0}, {0}};
        if (s->c->sides[others[k]] && count_of(s, others[k]) >= (k == 0 ? 2 : 6))
            SLR_TRY(judge_neighbours(s, others[k], m, k == 0, &kid[k], prdc[k], err));
    }
    SLR_TRY(add_kid(s, kid, err));
    return add_prdc(s, prdc, err);
}

/* ---- texts ---- */

/* Rows with equal texts have the same prompt, whatever their groups are; else as slr_text_judge(). */
static selora_status judge_texts(const comparison_state *s, const slr_feature_set *set, uint32_t item, slr_text_scores *t,
                                 slr_error *err)
{
    int64_t *labels = slr_alloc(set->count, sizeof *labels);
    int32_t *prompts = slr_alloc(set->count, sizeof *prompts);
    selora_status status = labels && prompts ? SELORA_OK : slr_fail_memory(err, set->count * sizeof *labels, "prompts");
    for (size_t i = 0; status == SELORA_OK && i < set->count; i++) {
        const unsigned char *bytes = (const unsigned char *)(set->texts + i * set->dim);
        uint64_t hash = 14695981039346656037u;
        for (size_t k = 0; k < set->dim * sizeof *set->texts; k++)
            hash = (hash ^ bytes[k]) * 1099511628211u;
        labels[i] = (int64_t)hash;
    }
    if (status == SELORA_OK)
        status = slr_dense_groups(labels, set->count, prompts, NULL, err);
    if (status == SELORA_OK)
        status = slr_text_judge(set->values, set->texts, prompts, set->count, set->dim, s->c->seed, item, t, err);
    free(labels);
    free(prompts);
    return status;
}

static selora_status add_texts(comparison_state *s, slr_error *err)
{
    const slr_feature_set *set = s->c->sides[SLR_ROLE_SYNTHETIC], *real = s->c->sides[SLR_ROLE_REAL];
    uint32_t item = slr_metric_item("clip100", s->label);
    slr_text_scores t, r = {.clip100 = NAN, .clip25 = NAN};
    slr_metric *metric;
    slr_error why = {0};
    selora_status status = judge_texts(s, set, item, &t, &why);
    if (status == SELORA_BAD_INPUT) {
        slr_warn(s->c->hooks, "%s: no text scores: %s", s->label, why.message);
        return SELORA_OK;
    }
    if (status != SELORA_OK)
        return slr_fail(err, status, "%s", why.message);
    if (real->texts && judge_texts(s, real, item, &r, &why) != SELORA_OK)
        r = (slr_text_scores){.clip100 = NAN, .clip25 = NAN, .recall1 = NAN, .recall5 = NAN};
    SLR_TRY(slr_metric_add(s->table, "clip100", s->label, &metric, err));
    metric->value = t.clip100;
    metric->se = 100 * t.own.se;
    metric->low = 100 * t.own.low;
    metric->high = 100 * t.own.high;
    metric->floor = r.clip100;
    metric->n = real->count;
    metric->m = set->count;
    metric->dim = set->dim;
    slr_metric_number(metric, "mean_cos", t.mean_cos);
    slr_metric_number(metric, "sd_cos", t.sd_cos);
    slr_metric_number(metric, "shuffled", t.shuffled100);
    slr_metric_number(metric, "matched_minus_shuffled", 100 * t.matched.value);
    slr_metric_number(metric, "matched_low", 100 * t.matched.low);
    slr_metric_number(metric, "matched_high", 100 * t.matched.high);
    slr_metric_note(metric, "cos %.4f sd %.4f; shuffled %.2f: %s", t.mean_cos, t.sd_cos, t.shuffled100,
                    t.sees_prompts ? "sees the prompts" : "this encoder does not see the prompts");
    SLR_TRY(slr_metric_add(s->table, "clip2.5", s->label, &metric, err));
    metric->value = t.clip25;
    metric->floor = r.clip25;
    metric->n = real->count;
    metric->m = set->count;
    metric->dim = set->dim;
    slr_metric_note(metric, "shuffled %.4f", t.shuffled25);
    for (int top = 1; top <= 5; top += 4) {
        SLR_TRY(slr_metric_add(s->table, top == 1 ? "retrieval-1" : "retrieval-5", s->label, &metric, err));
        metric->value = top == 1 ? t.recall1 : t.recall5;
        metric->floor = real->texts ? (top == 1 ? r.recall1 : r.recall5) : NAN;
        metric->n = real->count;
        metric->m = set->count;
        metric->dim = set->dim;
        slr_metric_note(metric, "the right prompt among %d; chance %.3f", t.choices, lesser((size_t)top, (size_t)t.choices) /
                                                                                        (double)t.choices);
    }
    return SELORA_OK;
}

/* ---- what makes no sense ---- */

static bool is_constant(const slr_feature_set *set)
{
    for (size_t i = 1; i < set->count; i++)
        if (memcmp(set->values + i * set->dim, set->values, set->dim * sizeof *set->values) != 0)
            return false;
    return true;
}

static selora_status check(const slr_comparison *c, slr_error *err)
{
    static const char *const words[SLR_ROLES] = {"real", "training", "synthetic", "base"};
    const slr_feature_set *real = c->sides[SLR_ROLE_REAL];
    for (int role = 0; role < SLR_ROLES; role++) {
        const slr_feature_set *set = c->sides[role];
        const char *why;
        if (!set)
            continue;
        if (!slr_feature_set_alike(real, set, &why))
            return slr_fail(err, SELORA_BAD_INPUT, "features of the real and the %s side differ in %s (%s, %zu features, \"%s\"; "
                            "%s, %zu features, \"%s\"): nothing can be compared", words[role], why, real->extractor, real->dim,
                            real->preproc, set->extractor, set->dim, set->preproc);
        if (set->count < 2 || (set->count < SLR_FEWEST_PICTURES && !c->force))
            return slr_fail(err, SELORA_BAD_INPUT, "%zu %s pictures with features of %s are too few to judge; expected %d or "
                            "more (--force judges any two)", set->count, words[role], set->extractor, SLR_FEWEST_PICTURES);
        if (is_constant(set) && (role == SLR_ROLE_REAL || !c->force))
            return slr_fail(err, SELORA_BAD_INPUT, "features of %s are the same for all %zu %s pictures: %s", set->extractor,
                            set->count, words[role], role == SLR_ROLE_REAL ? "no distance means anything with them"
                            : "all pictures are equal, or the extractor is broken (--force judges them anyway)");
    }
    return SELORA_OK;
}

selora_status slr_compare_features(const slr_comparison *c, slr_metric_table *table, slr_error *err)
{
    SLR_TRY(check(c, err));
    const slr_feature_set *real = c->sides[SLR_ROLE_REAL], *synthetic = c->sides[SLR_ROLE_SYNTHETIC];
    comparison_state s = {.c = c, .table = table, .radiomic = is_radiomic(real), .dim = real->dim};
    selora_status status = SELORA_OK;
    size_t first = table->count;
    snprintf(s.label, sizeof s.label, "%s", real->extractor);
    snprintf(s.scaled_label, sizeof s.scaled_label, "%s%s", s.label, s.radiomic ? "-z" : "");
    if (s.radiomic && real->dim != SLR_RADIOMICS_FEATURES)
        return slr_fail(err, SELORA_BAD_INPUT, "%zu radiomic features; expected %d", real->dim, SLR_RADIOMICS_FEATURES);
    if (s.radiomic) {
        SLR_TRY(slr_scaling_fit(real->values, real->count, real->dim, real->rounded, &s.scaling, err));
        s.dim = s.scaling.kept;
    }
    SLR_TRY_OUT(add_frechet(&s, err));
    SLR_TRY_OUT(add_neighbours(&s, err));
    if (synthetic->texts)
        status = add_texts(&s, err);
    for (size_t i = first; i < table->count; i++) {
        snprintf(table->items[i].weights_sha256, sizeof table->items[i].weights_sha256, "%s", real->weights_sha256);
        snprintf(table->items[i].preproc, sizeof table->items[i].preproc, "%s", real->preproc);
    }
out:
    slr_scaling_free(&s.scaling);
    return status;
}
