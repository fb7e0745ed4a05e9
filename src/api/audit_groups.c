/* SPDX-License-Identifier: MIT */
#include "api/audit_groups.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "report/audit_file.h"

enum { SMALL_LEAST = 8, SMALL_MOST = 64 };

/* The first `count` of a random order of `items`. */
static selora_status draw(const uint32_t *items, size_t available, size_t count, uint32_t stream_item,
                          uint32_t *out, slr_error *err)
{
    uint32_t *order = slr_alloc(available, sizeof *order);
    if (!order)
        return slr_fail_memory(err, available * sizeof *order, "the order of pictures");
    slr_rng rng = slr_rng_at(0, SLR_STREAM_AUDIT, 0, stream_item);
    slr_rng_permutation(&rng, order, (uint32_t)available);
    for (size_t i = 0; i < count; i++)
        out[i] = items[order[i]];
    free(order);
    return SELORA_OK;
}

selora_status slr_audit_groups_choose(const slr_train_job *job, size_t most, bool tests,
                                      slr_audit_groups *groups, slr_error *err)
{
    const slr_split *split = &job->split;
    size_t held_out = split->validation_count + (tests ? split->test_count : 0), count = most;
    *groups = (slr_audit_groups){0};
    count = count < held_out ? count : held_out;
    count = count < split->train_count ? count : split->train_count;
    if (count < 2)
        return SELORA_OK;
    uint32_t *pool = slr_alloc(held_out, sizeof *pool);
    groups->items = slr_alloc(2 * count, sizeof *groups->items);
    selora_status status =
        pool && groups->items ? SELORA_OK : slr_fail_memory(err, held_out * sizeof *pool, "pictures");
    if (status == SELORA_OK) {
        memcpy(pool, split->validation, split->validation_count * sizeof *pool);
        memcpy(pool + split->validation_count, split->test,
               (held_out - split->validation_count) * sizeof *pool);
        status = draw(split->train, split->train_count, count, 0, groups->items, err);
    }
    if (status == SELORA_OK)
        status = draw(pool, held_out, count, 1, groups->items + count, err);
    free(pool);
    groups->members = groups->others = count;
    if (status != SELORA_OK)
        slr_audit_groups_free(groups);
    return status;
}

void slr_audit_groups_free(slr_audit_groups *groups)
{
    free(groups->items);
    *groups = (slr_audit_groups){0};
}

bool slr_audit_patients_known(const slr_train_job *job)
{
    return job->groups > 0 && job->groups_on_two_sides == 0 &&
           (job->options->group_column || slr_dataset_side_source(job->data) != SLR_SIDES_BY_PICTURE);
}

selora_status slr_audit_latents(const slr_train_job *job, const char *folder, const uint32_t *items,
                                size_t count, slr_latent_cache **latents, slr_error *err)
{
    slr_latent_cache_options options = {.folder = folder,
                                        .model_sha256 = job->facts.model_sha256,
                                        .prepare = job->settings.prepare,
                                        .seed = job->options->seed};
    options.prepare.random_crop = options.prepare.random_flip = false;
    SLR_TRY(slr_latent_cache_new(&options, job->encoder, job->data, items, count, latents, err));
    selora_status status = slr_latent_cache_fill(*latents, 0, &job->context->hooks, err);
    if (status != SELORA_OK) {
        slr_latent_cache_free(*latents);
        *latents = NULL;
    }
    return status;
}

static selora_status two_models(const slr_train_job *job, const slr_membership_network *network,
                                slr_adapter_set *set, int seeds, const slr_train_sample *samples,
                                size_t count, double *adapted, double *base, slr_error *err)
{
    const slr_hooks *hooks = &job->context->hooks;
    slr_draw_rules rules = job->settings.trainer.draw;
    rules.area = job->settings.trainer.height * job->settings.trainer.width;
    rules.channels = job->model->vae.latent_channels;
    rules.scaling_factor = job->model->vae.scaling_factor;
    SLR_TRY(slr_membership_losses(network, &rules, seeds, samples, count, hooks, adapted, err));
    slr_adapter_set_strength(set, NULL, 0);
    selora_status status = slr_membership_losses(network, &rules, seeds, samples, count, hooks, base, err);
    slr_adapter_set_strength(set, NULL, 1);
    return status;
}

selora_status slr_audit_membership(const slr_train_job *job, const slr_audit_groups *groups,
                                   const slr_latent_cache *latents, const slr_membership_network *network,
                                   slr_adapter_set *set, int seeds, slr_membership *m, slr_error *err)
{
    size_t count = groups->members + groups->others;
    slr_train_sample *samples = slr_alloc(count, sizeof *samples);
    double *losses = slr_alloc(2 * count, sizeof *losses);
    selora_status status =
        samples && losses ? SELORA_OK : slr_fail_memory(err, count * sizeof *samples, "samples");
    for (size_t i = 0; status == SELORA_OK && i < count; i++) {
        uint32_t item = groups->items[i];
        samples[i] = (slr_train_sample){slr_latent_cache_moments(latents, i), slr_train_job_ids(job, item),
                                        (uint32_t)slr_dataset_item(job->data, item)->row};
    }
    if (status == SELORA_OK)
        status = two_models(job, network, set, seeds, samples, count, losses, losses + count, err);
    if (status == SELORA_OK)
        status = slr_membership_judge(losses, losses + count, groups->members, groups->others, m, err);
    free(samples);
    free(losses);
    return status;
}

/* ---- at the end of training ---- */

static void put_text(void *trainer, int64_t n, const int64_t *ids)
{
    slr_trainer_put_text(trainer, n, ids);
}

/* Two forward runs for each picture and timestep; a step costs three for each of its pictures. */
static size_t small_size(const slr_train_job *job)
{
    double affordable = 0.05 * 3 * (double)job->steps * (double)job->places,
           each = 4 * SLR_MEMBERSHIP_TIMESTEPS;
    double size = affordable / each;
    return size < SMALL_LEAST ? SMALL_LEAST : size > SMALL_MOST ? SMALL_MOST : (size_t)size;
}

static selora_status keep_texts(slr_train_job *job, const slr_audit_groups *groups, slr_error *err)
{
    slr_text_states *texts = slr_trainer_text_states(job->trainer);
    for (size_t i = 0; texts && i < groups->members + groups->others; i++)
        SLR_TRY(slr_text_states_keep(texts, slr_train_job_ids(job, groups->items[i]),
                                     (size_t)SLR_TEXT_BUDGET_MB << 20, err));
    return SELORA_OK;
}

static selora_status small_membership(slr_train_job *job, const slr_audit_groups *groups, const char *cache,
                                      slr_membership *m, slr_error *err)
{
    const slr_trainer_options *o = slr_trainer_get_options(job->trainer);
    slr_membership_network network = {slr_trainer_graph(job->trainer), o->batch, o->tokens, job->trainer,
                                      put_text};
    slr_latent_cache *latents;
    SLR_TRY(keep_texts(job, groups, err));
    /* where crops vary, the cache has no pictures as they are and gets none */
    bool varies = job->settings.prepare.random_crop || job->settings.prepare.random_flip;
    SLR_TRY(slr_audit_latents(job, varies ? NULL : cache, groups->items, groups->members + groups->others, &latents,
                              err));
    slr_trainer_swap_average(job->trainer);
    selora_status status = slr_audit_membership(job, groups, latents, &network, job->set, 1, m, err);
    slr_trainer_swap_average(job->trainer);
    slr_latent_cache_free(latents);
    return status;
}

static void tell(const slr_train_job *job, const slr_membership *m, const char *folder)
{
    slr_note(&job->context->hooks,
             "membership: AUC %.3f (%.3f..%.3f) over %zu + %zu pictures: %s; `selora audit %s` looks closer",
             m->ratio.roc.auc, m->ratio.roc.low, m->ratio.roc.high, m->members, m->others,
             slr_membership_text(m), folder);
}

selora_status slr_audit_after_training(slr_train_job *job, const char *folder, slr_error *err)
{
    slr_audit_groups groups;
    SLR_TRY(slr_audit_groups_choose(job, small_size(job), false, &groups, err));
    if (groups.members == 0)
        return SELORA_OK;
    slr_audit_result *result = slr_alloc(1, sizeof *result);
    char *cache = slr_format("%s/cache", folder), *path = slr_format("%s/audit.json", folder);
    selora_status status =
        result && cache && path ? SELORA_OK : slr_fail_memory(err, sizeof *result, "the audit");
    if (status == SELORA_OK)
        status = small_membership(job, &groups, cache, &result->membership, err);
    if (status == SELORA_OK) {
        result->kind = "small";
        result->step = slr_trainer_steps_done(job->trainer);
        result->train = job->split.train_count;
        result->held_out = job->split.validation_count + job->split.test_count;
        result->patients_known = slr_audit_patients_known(job);
        result->has_membership = true;
        result->seeds = 1;
        memcpy(result->model_sha256, job->facts.model_sha256, sizeof result->model_sha256);
        memcpy(result->data_sha256, job->facts.data_sha256, sizeof result->data_sha256);
        tell(job, &result->membership, folder);
        status = slr_audit_file_save(result, path, err);
    }
    slr_audit_groups_free(&groups);
    free(result);
    free(cache);
    free(path);
    return status;
}
