/* SPDX-License-Identifier: MIT
 *
 * Can training pictures be told from others by the loss? Both adapted and base model see every picture with
 * the same noise at the same timesteps; what the adapter gained on members beyond what it gained on others is
 * a leak.
 *
 *     slr_membership_network network = {.graph = graph, .tokens = 77};
 *     int seeds = SLR_MEMBERSHIP_SEEDS;
 *     SLR_TRY(slr_membership_losses(&network, &rules, seeds, samples, count, hooks, adapted, err));
 *     slr_adapter_set_strength(set, NULL, 0);                     (the base model)
 *     SLR_TRY(slr_membership_losses(&network, &rules, seeds, samples, count, hooks, base, err));
 *     SLR_TRY(slr_membership_judge(adapted, base, members, others, &m, err));     (members come first)
 *
 * The noise of a picture depends on its row, timestep and seed alone: the same for every model and batch
 * size.
 */
#ifndef SLR_MEMBERSHIP_H
#define SLR_MEMBERSHIP_H

#include "core/hooks.h"
#include "eval/roc.h"
#include "train/train_batch.h"
#include "train/train_graph.h"

enum { SLR_MEMBERSHIP_SEEDS = 2, SLR_MEMBERSHIP_TIMESTEPS = 10 }; /* 50, 150 .. 950 */

/* A graph to run, and how a caption gets into place n of its batch; put_text NULL: into its ids. */
typedef struct slr_membership_network {
    slr_train_graph *graph;
    int64_t batch, tokens;
    void *context;
    void (*put_text)(void *context, int64_t n, const int64_t *ids);
} slr_membership_network;

/* losses[i]: mean over timesteps and `seeds` of the squared error a number. A sample's index is its row.
 * `rules`: schedule, area, channels, scaling_factor. SELORA_NUMERIC when a loss is not finite,
 * SELORA_INTERRUPTED when the hooks say so. */
selora_status slr_membership_losses(const slr_membership_network *network, const slr_draw_rules *rules,
                                    int seeds, const slr_train_sample *samples, size_t count,
                                    const slr_hooks *hooks, double *losses, slr_error *err);

typedef struct slr_attack {
    slr_roc roc;
    double tpr_1, tpr_10; /* at 1 % and 10 % false alarms; NaN: too few others to say */
} slr_attack;

typedef struct slr_membership {
    size_t members, others;
    slr_attack loss;      /* score -adapted */
    slr_attack ratio;     /* score base - adapted: the stronger one */
    slr_attack control;   /* score -base: a model that has seen nobody */
    double gap, base_gap; /* mean loss of others less that of members */
    bool control_holds;   /* 0.5 lies in the control's interval: the groups are alike, so the attack means
                             something */
} slr_membership;

/* Losses of members, then of others; at least two of each. */
selora_status slr_membership_judge(const double *adapted, const double *base, size_t members, size_t others,
                                   slr_membership *m, slr_error *err);

/* One line: what the numbers say. */
const char *slr_membership_text(const slr_membership *m);

#endif
