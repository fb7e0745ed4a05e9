/* SPDX-License-Identifier: MIT
 *
 * Which pictures of a training job an audit looks at, their latents, and the membership test over them.
 *
 *     slr_audit_groups groups;
 *     SLR_TRY(slr_audit_groups_choose(&job, 100, true, &groups, err));
 *     slr_latent_cache *latents;
 *     SLR_TRY(slr_audit_latents(&job, folder, groups.items, groups.members + groups.others, &latents, err));
 *     SLR_TRY(slr_audit_membership(&job, &groups, latents, &network, set, seeds, &m, err));
 *     slr_latent_cache_free(latents);
 *     slr_audit_groups_free(&groups);
 */
#ifndef SLR_AUDIT_GROUPS_H
#define SLR_AUDIT_GROUPS_H

#include "api/train_job.h"
#include "eval/membership.h"

typedef struct slr_audit_groups {
    uint32_t *items; /* of the data set: training pictures, then as many held-out ones */
    size_t members, others;
} slr_audit_groups;

/* At most `most` of each, drawn at random; with `tests` held-out ones are of the test part, too. Both counts
 * are 0 where fewer than two are held out. */
selora_status slr_audit_groups_choose(const slr_train_job *job, size_t most, bool tests,
                                      slr_audit_groups *groups, slr_error *err);
void slr_audit_groups_free(slr_audit_groups *groups);
/* The split knows patients: no held-out picture is of a patient who trains. */
bool slr_audit_patients_known(const slr_train_job *job);

/* Moments of items as they are without random crops; `folder`: the run's cache, or NULL. The job's encoder
 * and data must outlive the cache. */
selora_status slr_audit_latents(const slr_train_job *job, const char *folder, const uint32_t *items,
                                size_t count, slr_latent_cache **latents, slr_error *err);

/* `set`: the adapters in the network's graph; at strength 1 before and after. */
selora_status slr_audit_membership(const slr_train_job *job, const slr_audit_groups *groups,
                                   const slr_latent_cache *latents, const slr_membership_network *network,
                                   slr_adapter_set *set, int seeds, slr_membership *m, slr_error *err);

/* The audit at the end of training, with the trainer's own memory: `folder`/audit.json and notes. It takes a
 * twentieth of the time of the steps at most, but looks at eight pictures of each group at least; does
 * nothing where nothing is held out. */
selora_status slr_audit_after_training(slr_train_job *job, const char *folder, slr_error *err);

#endif
