/* SPDX-License-Identifier: MIT */
#include "eval/compare_pictures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "eval/bootstrap.h"
#include "eval/memorisation.h"
#include "eval/ms_ssim.h"

static const double tinted = 8; /* levels of 255 */
static const double alike = 0.9, collapsed = 0.05;

/* ---- likeness within a side ---- */

/* A multiple of 16 that is large enough for five scales. */
static int likeness_size(int size)
{
    int side = size < 176 ? 176 : size;
    return (side + 15) / 16 * 16;
}

typedef struct likeness {
    double mean, se, low, high, share; /* share of pairs above 0.9 */
    size_t pairs;
} likeness;

static selora_status pair_values(const slr_picture_comparison *c, const slr_image_set *set, const slr_picture_pair *pairs,
                                 size_t count, double *values, slr_error *err)
{
    int side = likeness_size(c->size);
    size_t cells = (size_t)side * (size_t)side;
    selora_status status = SELORA_OK;
#pragma omp parallel num_threads(c->threads)
    {
        float *picture = slr_alloc(cells, sizeof *picture);
        double *both = slr_alloc(2 * cells, sizeof *both);
        double *scratch = slr_alloc(slr_ms_ssim_scratch((size_t)side, (size_t)side), sizeof *scratch);
#pragma omp for schedule(dynamic)
        for (size_t p = 0; p < count; p++) {
            slr_error own = {0};
            selora_status now = picture && both && scratch ? SELORA_OK : slr_fail_memory(&own, cells, "pairs of pictures");
            for (size_t k = 0; now == SELORA_OK && k < 2; k++) {
                now = slr_image_set_grey(set, k ? pairs[p].second : pairs[p].first, side, picture, &own);
                for (size_t i = 0; now == SELORA_OK && i < cells; i++)
                    both[k * cells + i] = picture[i];
            }
            if (now == SELORA_OK) {
                values[p] = slr_ms_ssim(both, both + cells, (size_t)side, (size_t)side, scratch);
            } else {
#pragma omp critical
                status = slr_fail(err, now, "%s", own.message);
            }
        }
        free(picture);
        free(both);
        free(scratch);
    }
    return status;
}

/* Mean of pairs of different pictures; pairs 0 where there are none. */
static selora_status judge_likeness(const slr_picture_comparison *c, const slr_image_set *set, slr_pairing pairing,
                                    uint32_t item, likeness *found, slr_error *err)
{
    size_t count = slr_image_set_count(set);
    int32_t *prompts = slr_alloc(count, sizeof *prompts);
    slr_picture_pair *pairs = NULL;
    double *values = NULL;
    int32_t *groups = NULL;
    slr_bootstrap b;
    selora_status status = prompts ? SELORA_OK : slr_fail_memory(err, count, "pairs of pictures");
    *found = (likeness){.mean = NAN, .se = NAN, .low = NAN, .high = NAN, .share = NAN};
    for (size_t i = 0; status == SELORA_OK && i < count; i++)
        prompts[i] = slr_image_set_item(set, i)->prompt_id;
    if (status == SELORA_OK)
        status = slr_draw_pairs(prompts, count, pairing, SLR_LIKENESS_PAIRS, c->seed, item, &pairs, &found->pairs, err);
    if (status != SELORA_OK || found->pairs == 0)
        goto out;
    values = slr_alloc(found->pairs, sizeof *values);
    groups = slr_alloc(found->pairs, sizeof *groups);
    if (!values || !groups) {
        status = slr_fail_memory(err, found->pairs * sizeof *values, "pairs of pictures");
        goto out;
    }
    SLR_TRY_OUT(pair_values(c, set, pairs, found->pairs, values, err));
    found->share = 0;
    for (size_t p = 0; p < found->pairs; p++) {
        groups[p] = slr_image_set_item(set, pairs[p].first)->group;
        found->share += (values[p] > alike) / (double)found->pairs;
    }
    SLR_TRY_OUT(slr_bootstrap_mean(values, groups, found->pairs, c->seed, item, &b, err));
    found->mean = b.value;
    found->se = b.se;
    found->low = b.low;
    found->high = b.high;
out:
    free(prompts);
    free(pairs);
    free(values);
    free(groups);
    return status;
}

static bool has_prompt_pairs(const slr_image_set *set)
{
    size_t count = slr_image_set_count(set);
    int32_t *prompts = slr_alloc(count, sizeof *prompts);
    bool paired = prompts;
    for (size_t i = 0; paired && i < count; i++) {
        prompts[i] = slr_image_set_item(set, i)->prompt_id;
        paired = prompts[i] >= 0;
    }
    paired = paired && slr_groups_paired(prompts, count);
    free(prompts);
    return paired;
}

static selora_status add_likeness(const slr_picture_comparison *c, slr_pairing pairing, slr_metric_table *table, slr_error *err)
{
    bool same = pairing == SLR_PAIRS_SAME_PROMPT;
    const char *key = same ? "same-prompt" : "any-pair";
    uint32_t item = slr_metric_item("ms-ssim", key);
    likeness sides[SLR_ROLES];
    slr_metric *metric;
    for (int role = 0; role < SLR_ROLES; role++) {
        sides[role] = (likeness){.mean = NAN, .share = NAN};
        if (c->sides[role] && role != SLR_ROLE_TRAIN && (!same || has_prompt_pairs(c->sides[role])))
            SLR_TRY(judge_likeness(c, c->sides[role], pairing, item, &sides[role], err));
    }
    const likeness *real = &sides[SLR_ROLE_REAL], *synthetic = &sides[SLR_ROLE_SYNTHETIC];
    SLR_TRY(slr_metric_add(table, "ms-ssim", key, &metric, err));
    metric->value = synthetic->mean;
    metric->se = synthetic->se;
    metric->low = synthetic->low;
    metric->high = synthetic->high;
    metric->floor = real->mean;
    metric->base = sides[SLR_ROLE_BASE].mean;
    metric->n = real->pairs;
    metric->m = synthetic->pairs;
    slr_metric_number(metric, "share_above_0.9", synthetic->share);
    slr_metric_number(metric, "share_above_0.9_real", real->share);
    slr_metric_number(metric, "size", likeness_size(c->size));
    slr_metric_note(metric, "pairs above 0.9: %.1f %%", 100 * synthetic->share);
    if (!isnan(real->mean))
        slr_metric_note(metric, "real %.1f %%", 100 * real->share);
    if (synthetic->mean - real->mean > collapsed)
        slr_metric_note(metric, "more alike than real pictures: mode collapse");
    return SELORA_OK;
}

/* ---- colours ---- */

static selora_status add_colours(const slr_picture_comparison *c, slr_metric_table *table, slr_error *err)
{
    slr_colour_residual real = slr_image_set_colour(c->sides[SLR_ROLE_REAL]);
    slr_colour_residual synthetic = slr_image_set_colour(c->sides[SLR_ROLE_SYNTHETIC]);
    slr_metric *metric;
    SLR_TRY(slr_metric_add(table, "colour-residual", "p99", &metric, err));
    metric->value = synthetic.p99;
    metric->floor = real.p99;
    metric->base = c->sides[SLR_ROLE_BASE] ? slr_image_set_colour(c->sides[SLR_ROLE_BASE]).p99 : NAN;
    metric->n = slr_image_set_count(c->sides[SLR_ROLE_REAL]);
    metric->m = slr_image_set_count(c->sides[SLR_ROLE_SYNTHETIC]);
    slr_metric_number(metric, "mean", synthetic.mean);
    slr_metric_number(metric, "mean_real", real.mean);
    slr_metric_note(metric, "mean %.1f of 255", synthetic.mean);
    if (synthetic.p99 > tinted && real.p99 <= tinted)
        slr_metric_note(metric, "a grey modality came out tinted");
    return SELORA_OK;
}

/* ---- copies ---- */

static selora_status put_side(const slr_image_set *set, slr_audit_side side, slr_pixel_space *space, slr_error *err)
{
    float grey[SLR_PIXEL_SIDE * SLR_PIXEL_SIDE];
    for (size_t i = 0; i < slr_image_set_count(set); i++) {
        SLR_TRY(slr_image_set_grey(set, i, SLR_PIXEL_SIDE, grey, err));
        slr_pixel_space_put(space, side, i, grey);
    }
    return SELORA_OK;
}

selora_status slr_add_copies(const slr_picture_space *space, const char *extractor, int threads, const slr_hooks *hooks,
                             slr_metric_table *table, slr_memorisation *keep, slr_error *err)
{
    slr_memorisation m = {0};
    slr_metric *metric;
    selora_status status = slr_memorisation_judge(space, threads, hooks, &m, err);
    if (status == SELORA_OK)
        status = slr_metric_add(table, "copies", extractor, &metric, err);
    if (status == SELORA_OK) {
        metric->value = m.copy_rate;
        metric->low = m.copy_interval.low;
        metric->high = m.copy_interval.high;
        metric->floor = slr_innocent_rate;
        metric->n = m.held_out;
        metric->m = m.synthetic;
        slr_metric_number(metric, "train", (double)m.train);
        slr_metric_number(metric, "tau", m.tau);
        slr_metric_number(metric, "binomial_tail", m.tail);
        slr_metric_number(metric, "median_ratio", m.median_ratio);
        slr_metric_number(metric, "c_t", m.z);
        slr_metric_number(metric, "authenticity", m.authenticity);
        slr_metric_number(metric, "memorised_train", (double)m.memorised_count);
        slr_metric_text(metric, "verdict", slr_copying_text(m.verdict));
        slr_metric_note(metric, "expected 5 %%; median ratio %.2f; Z %.1f; %s", m.median_ratio, m.z, slr_copying_text(m.verdict));
    }
    if (keep && status == SELORA_OK)
        *keep = m;
    else
        slr_memorisation_free(&m);
    return status;
}

static selora_status add_pixel_copies(const slr_picture_comparison *c, slr_metric_table *table, slr_memorisation *copies,
                                      slr_error *err)
{
    static const slr_role roles[3] = {SLR_ROLE_TRAIN, SLR_ROLE_REAL, SLR_ROLE_SYNTHETIC}; /* by slr_audit_side */
    size_t counts[3];
    slr_pixel_space *pixels;
    for (int side = 0; side < 3; side++)
        counts[side] = slr_image_set_count(c->sides[roles[side]]);
    SLR_TRY(slr_pixel_space_new(counts, &pixels, err));
    selora_status status = SELORA_OK;
    for (int side = 0; status == SELORA_OK && side < 3; side++)
        status = put_side(c->sides[roles[side]], (slr_audit_side)side, pixels, err);
    slr_picture_space space = slr_pixel_picture_space(pixels);
    if (status == SELORA_OK)
        status = slr_add_copies(&space, "pixel", c->threads, c->hooks, table, copies, err);
    slr_pixel_space_free(pixels);
    return status;
}

selora_status slr_compare_pictures(const slr_picture_comparison *c, slr_metric_table *table, slr_memorisation *copies,
                                   slr_error *err)
{
    slr_note(c->hooks, "likeness of pairs of pictures, colours%s", c->sides[SLR_ROLE_TRAIN] ? ", copies" : "");
    SLR_TRY(add_likeness(c, SLR_PAIRS_ANY, table, err));
    if (has_prompt_pairs(c->sides[SLR_ROLE_SYNTHETIC]))
        SLR_TRY(add_likeness(c, SLR_PAIRS_SAME_PROMPT, table, err));
    SLR_TRY(add_colours(c, table, err));
    return c->sides[SLR_ROLE_TRAIN] ? add_pixel_copies(c, table, copies, err) : SELORA_OK;
}
