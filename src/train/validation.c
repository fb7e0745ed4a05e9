/* SPDX-License-Identifier: MIT */
#include "train/validation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "data/latent_encoder.h"
#include "train/noised_look.h"

/* Items of SLR_STREAM_VALIDATION at step 0 ... */
enum { ORDER_ITEM = 0, LOOK_ITEM = 1 };

struct slr_validation {
    slr_draw_rules rules;
    size_t pictures, looks;
    const int64_t **ids; /* per picture */
    slr_real *latents;   /* (pictures, area, L), scaled */
    int *timesteps;      /* per look; look i is of picture i mod pictures */
};

static selora_status draw_timesteps(slr_validation *v, slr_error *err)
{
    uint32_t *order = slr_alloc(v->looks, sizeof *order);
    if (!order)
        return slr_fail_memory(err, v->looks * sizeof *order, "validation");
    slr_rng rng = slr_rng_at(v->rules.seed, SLR_STREAM_VALIDATION, 0, ORDER_ITEM);
    slr_rng_permutation(&rng, order, (uint32_t)v->looks);
    for (size_t i = 0; i < v->looks; i++) {
        double place = ((double)order[i] + slr_rng_uniform(&rng)) / (double)v->looks;
        int timestep = (int)(place * SLR_TRAIN_TIMESTEPS);
        v->timesteps[i] = timestep < SLR_TRAIN_TIMESTEPS ? timestep : SLR_TRAIN_TIMESTEPS - 1;
    }
    free(order);
    return SELORA_OK;
}

/* The stream of one look: first the latent of its picture (once), then its noise. */
static slr_rng stream_of(const slr_validation *v, size_t look, bool noise)
{
    return slr_rng_at(v->rules.seed, SLR_STREAM_VALIDATION, noise ? 2 : 1, (uint32_t)(LOOK_ITEM + look));
}

selora_status slr_validation_new(const slr_draw_rules *rules, const slr_train_sample *samples, size_t count,
                                 slr_validation **result, slr_error *err)
{
    *result = NULL;
    slr_validation *v = slr_alloc(1, sizeof *v);
    if (!v)
        return slr_fail_memory(err, sizeof *v, "validation");
    int64_t numbers = rules->area * rules->channels;
    v->rules = *rules;
    v->pictures = count;
    v->looks = count * ((SLR_VALIDATION_DRAWS + count - 1) / count);
    v->ids = slr_alloc(count, sizeof *v->ids);
    v->timesteps = slr_alloc(v->looks, sizeof *v->timesteps);
    v->latents = slr_alloc(count, (size_t)numbers * sizeof *v->latents);
    selora_status status = v->ids && v->timesteps && v->latents
                               ? draw_timesteps(v, err)
                               : slr_fail_memory(err, count * (size_t)numbers * sizeof *v->latents, "validation");
    if (status != SELORA_OK) {
        slr_validation_free(v);
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        slr_rng rng = stream_of(v, i, false);
        v->ids[i] = samples[i].ids;
        slr_latent_sample(samples[i].moments, rules->area, rules->channels, rules->scaling_factor, &rng,
                          v->latents + (int64_t)i * numbers);
    }
    *result = v;
    return SELORA_OK;
}

void slr_validation_free(slr_validation *v)
{
    if (!v)
        return;
    free(v->ids);
    free(v->latents);
    free(v->timesteps);
    free(v);
}

size_t slr_validation_looks(const slr_validation *v)
{
    return v->looks;
}

int slr_validation_timestep(const slr_validation *v, size_t look)
{
    return v->timesteps[look];
}

static void put_look(slr_validation *v, slr_trainer *trainer, size_t look, int64_t n)
{
    size_t picture = look % v->pictures;
    const slr_real *latent = v->latents + (int64_t)picture * v->rules.area * v->rules.channels;
    slr_put_noised_look(slr_trainer_graph(trainer), &v->rules, stream_of(v, look, true), v->timesteps[look], latent, n);
    slr_trainer_put_text(trainer, n, v->ids[picture]);
}

selora_status slr_validation_run(slr_validation *v, slr_trainer *trainer, const slr_hooks *hooks, double *loss,
                                 slr_error *err)
{
    int64_t batch = slr_trainer_get_options(trainer)->batch, numbers = v->rules.area * v->rules.channels;
    slr_task task = slr_task_begin(hooks, "validate", (int64_t)v->looks);
    double sum = 0;
    for (size_t first = 0; first < v->looks; first += (size_t)batch) {
        if (slr_interrupted(hooks))
            return slr_fail(err, SELORA_INTERRUPTED, "stopped while validating");
        size_t count = v->looks - first < (size_t)batch ? v->looks - first : (size_t)batch;
        for (int64_t n = 0; n < batch; n++) /* a short last batch is filled up with looks that do not count */
            put_look(v, trainer, first + (size_t)n % count, n);
        slr_train_graph_forward(slr_trainer_graph(trainer));
        for (size_t n = 0; n < count; n++)
            sum += slr_noised_look_error(slr_trainer_graph(trainer), &v->rules, (int64_t)n);
        slr_task_report(&task, (int64_t)(first + count), NULL);
    }
    *loss = sum / ((double)v->looks * (double)numbers);
    if (isfinite(*loss))
        return SELORA_OK;
    const char *layer = slr_train_graph_find_nonfinite(slr_trainer_graph(trainer));
    return slr_fail(err, SELORA_NUMERIC, "validation: the loss is %g; the first output that is not finite is that of %s",
                    *loss, layer ? layer : "the loss");
}
