/* SPDX-License-Identifier: MIT */
#include "eval/membership.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "core/rng.h"
#include "data/latent_encoder.h"
#include "train/noised_look.h"

static void put_ids(const slr_membership_network *network, int64_t n, const int64_t *ids)
{
    slr_real *out = slr_train_graph_inputs(network->graph).ids + n * network->tokens;
    for (int64_t i = 0; i < network->tokens; i++)
        out[i] = (slr_real)ids[i];
}

/* Look `look` of a sample at place n of the batch. */
static void put_look(const slr_membership_network *network, const slr_draw_rules *rules,
                     const slr_train_sample *sample, int look, int64_t n, slr_real *latent)
{
    int timestep = 50 + 100 * (look % SLR_MEMBERSHIP_TIMESTEPS);
    uint64_t seed = (uint64_t)(look / SLR_MEMBERSHIP_TIMESTEPS);
    slr_rng rng = slr_rng_at(seed, SLR_STREAM_MEMBERSHIP, (uint32_t)timestep, sample->index);
    slr_latent_sample(sample->moments, rules->area, rules->channels, rules->scaling_factor, NULL, latent);
    slr_put_noised_look(network->graph, rules, rng, timestep, latent, n);
    if (network->put_text)
        network->put_text(network->context, n, sample->ids);
    else
        put_ids(network, n, sample->ids);
}

selora_status slr_membership_losses(const slr_membership_network *network, const slr_draw_rules *rules,
                                    int seeds, const slr_train_sample *samples, size_t count,
                                    const slr_hooks *hooks, double *losses, slr_error *err)
{
    int64_t batch = network->batch, numbers = rules->area * rules->channels;
    size_t looks = (size_t)seeds * SLR_MEMBERSHIP_TIMESTEPS, total = count * looks;
    slr_task task = slr_task_begin(hooks, "membership", (int64_t)total);
    slr_real *latent = slr_alloc((size_t)numbers, sizeof *latent);
    if (!latent)
        return slr_fail_memory(err, (size_t)numbers * sizeof *latent, "a latent");
    selora_status status = SELORA_OK;
    for (size_t i = 0; i < count; i++)
        losses[i] = 0;
    for (size_t first = 0; first < total && status == SELORA_OK; first += (size_t)batch) {
        size_t here = total - first < (size_t)batch ? total - first : (size_t)batch;
        for (size_t n = 0; n < (size_t)batch;
             n++) { /* a short last batch is filled up with looks that do not count */
            size_t at = first + n % here;
            put_look(network, rules, &samples[at / looks], (int)(at % looks), (int64_t)n, latent);
        }
        slr_train_graph_forward(network->graph);
        for (size_t n = 0; n < here; n++)
            losses[(first + n) / looks] += slr_noised_look_error(network->graph, rules, (int64_t)n);
        slr_task_report(&task, (int64_t)(first + here), NULL);
        if (slr_interrupted(hooks))
            status = slr_fail(err, SELORA_INTERRUPTED, "stopped while testing for membership");
    }
    free(latent);
    for (size_t i = 0; i < count && status == SELORA_OK; i++) {
        losses[i] /= (double)looks * (double)numbers;
        if (!isfinite(losses[i]))
            status = slr_fail(err, SELORA_NUMERIC, "membership: a loss is %g", losses[i]);
    }
    return status;
}

/* ---- the judgement ---- */

static selora_status attack_of(const double *scores, size_t members, size_t others, slr_attack *attack,
                               slr_error *err)
{
    SLR_TRY(slr_roc_of(scores, members, scores + members, others, &attack->roc, err));
    SLR_TRY(slr_tpr_at(scores, members, scores + members, others, 0.01, &attack->tpr_1, err));
    return slr_tpr_at(scores, members, scores + members, others, 0.10, &attack->tpr_10, err);
}

static double mean(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum / (double)count;
}

static selora_status judge(const double *adapted, const double *base, double *scores, slr_membership *m,
                           slr_error *err)
{
    size_t all = m->members + m->others;
    for (size_t i = 0; i < all; i++)
        scores[i] = -adapted[i];
    SLR_TRY(attack_of(scores, m->members, m->others, &m->loss, err));
    for (size_t i = 0; i < all; i++)
        scores[i] = base[i] - adapted[i];
    SLR_TRY(attack_of(scores, m->members, m->others, &m->ratio, err));
    for (size_t i = 0; i < all; i++)
        scores[i] = -base[i];
    SLR_TRY(attack_of(scores, m->members, m->others, &m->control, err));
    m->gap = mean(adapted + m->members, m->others) - mean(adapted, m->members);
    m->base_gap = mean(base + m->members, m->others) - mean(base, m->members);
    m->control_holds = m->control.roc.low <= 0.5 && m->control.roc.high >= 0.5;
    return SELORA_OK;
}

selora_status slr_membership_judge(const double *adapted, const double *base, size_t members, size_t others,
                                   slr_membership *m, slr_error *err)
{
    *m = (slr_membership){.members = members, .others = others};
    if (members < 2 || others < 2)
        return slr_fail(err, SELORA_USAGE,
                        "membership: %zu members and %zu others; at least two of each are needed", members,
                        others);
    double *scores = slr_alloc(members + others, sizeof *scores);
    if (!scores)
        return slr_fail_memory(err, (members + others) * sizeof *scores, "scores");
    selora_status status = judge(adapted, base, scores, m, err);
    free(scores);
    return status;
}

const char *slr_membership_text(const slr_membership *m)
{
    if (!m->control_holds)
        return "the two groups differ already for the base model: the attack proves nothing";
    if (m->ratio.roc.low <= 0.5 && m->loss.roc.low <= 0.5)
        return "members cannot be told from others";
    return m->ratio.roc.auc >= 0.75 || m->loss.roc.auc >= 0.75
               ? "members can be told from others"
               : "members can be told from others a little better than by chance";
}
