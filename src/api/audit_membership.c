/* SPDX-License-Identifier: MIT
 * The membership test of `selora audit`: the adapter of the run, then each of its checkpoints. */
#include <stdlib.h>
#include <string.h>

#include "api/audit_run.h"
#include "core/memory.h"
#include "train/checkpoint.h"

static selora_status open_network(const slr_audit_run *run, slr_adapter_set *set,
                                  slr_membership_network *network, slr_error *err)
{
    const slr_trainer_options *o = &run->job.settings.trainer;
    slr_train_shape shape = {.batch = run->options->batch_size,
                             .height = o->height,
                             .width = o->width,
                             .tokens = o->tokens,
                             .forward_only = true};
    *network = (slr_membership_network){.batch = shape.batch, .tokens = shape.tokens};
    SLR_TRY(slr_train_graph_new(run->job.model, set, &shape, o->backend, o->threads, &network->graph, err));
    return slr_train_graph_allocate(network->graph, err);
}

static selora_status test_set(const slr_audit_run *run, slr_adapter_set *set, const slr_audit_groups *groups,
                              const slr_latent_cache *latents, slr_membership *m, slr_error *err)
{
    slr_membership_network network;
    selora_status status = open_network(run, set, &network, err);
    if (status == SELORA_OK)
        status = slr_audit_membership(&run->job, groups, latents, &network, set, run->result->seeds, m, err);
    slr_train_graph_free(network.graph);
    return status;
}

/* A trainer is made for its adapters alone; it is never allocated. */
static selora_status test_checkpoint(slr_audit_run *run, const slr_checkpoint *checkpoint,
                                     const slr_audit_groups *groups, const slr_latent_cache *latents,
                                     slr_membership *m, slr_error *err)
{
    slr_adapter_set *set = NULL;
    slr_trainer *trainer = NULL;
    slr_trainer_options *options = &run->job.settings.trainer;
    options->steps = options->schedule.steps = run->job.steps;
    selora_status status =
        slr_train_settings_adapters(&run->job.settings, run->job.model, &run->context->hooks, &set, err);
    if (status == SELORA_OK)
        status = slr_trainer_new(run->job.model, set, options, &trainer, err);
    if (status == SELORA_OK)
        status = slr_checkpoint_load(checkpoint, trainer, err);
    if (status == SELORA_OK) {
        slr_trainer_swap_average(trainer);
        status = test_set(run, set, groups, latents, m, err);
    }
    slr_trainer_free(trainer);
    slr_adapter_set_free(set);
    return status;
}

static selora_status test_checkpoints(slr_audit_run *run, const slr_audit_groups *groups,
                                      const slr_latent_cache *latents, slr_error *err)
{
    slr_audit_result *r = run->result;
    char *folder = slr_format("%s/checkpoints", run->options->run);
    int64_t *steps = NULL;
    size_t count = 0;
    selora_status status =
        folder ? slr_checkpoint_list(folder, &steps, &count, err) : slr_fail_memory(err, 0, "a path");
    for (size_t i = 0; status == SELORA_OK && i < count && r->step_count < SLR_AUDIT_STEPS; i++) {
        slr_checkpoint *checkpoint;
        slr_audit_step *step = &r->steps[r->step_count];
        status = slr_checkpoint_at(folder, steps[i], &checkpoint, err);
        if (status == SELORA_OK)
            status = test_checkpoint(run, checkpoint, groups, latents, &step->membership, err);
        slr_checkpoint_free(checkpoint);
        step->step = steps[i];
        r->step_count += status == SELORA_OK;
    }
    free(steps);
    free(folder);
    return status;
}

selora_status slr_audit_run_membership(slr_audit_run *run, slr_error *err)
{
    const slr_hooks *hooks = &run->context->hooks;
    slr_audit_result *r = run->result;
    slr_audit_groups groups;
    slr_latent_cache *latents = NULL;
    if (run->options->members == 0)
        return SELORA_OK;
    SLR_TRY(slr_audit_groups_choose(&run->job, (size_t)run->options->members, true, &groups, err));
    if (groups.members == 0) {
        slr_warn(hooks, "fewer than two pictures are held out: no membership test");
        return SELORA_OK;
    }
    r->seeds = SLR_MEMBERSHIP_SEEDS;
    selora_status status =
        slr_audit_latents(&run->job, run->cache, groups.items, groups.members + groups.others, &latents, err);
    if (status == SELORA_OK)
        status = test_set(run, run->set, &groups, latents, &r->membership, err);
    r->has_membership = status == SELORA_OK;
    bool all = !run->options->checkpoints || strcmp(run->options->checkpoints, "all") == 0;
    if (status == SELORA_OK && all && !run->options->adapter)
        status = test_checkpoints(run, &groups, latents, err);
    slr_latent_cache_free(latents);
    slr_audit_groups_free(&groups);
    return status;
}
