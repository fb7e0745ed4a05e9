/* SPDX-License-Identifier: MIT
 * Training step by step, with pictures that the caller brings. */
#include <stdlib.h>

#include "api/train_settings.h"
#include "core/memory.h"
#include "data/latent_encoder.h"

struct selora_trainer {
    selora_context *context;
    slr_train_settings settings;
    slr_adapter_set *set;
    slr_trainer *trainer;
    slr_latent_encoder *encoder;
    selora_adapter adapter; /* what the caller sees of `set` */
    int64_t places;
    float *pixels;    /* (H,W,3) of one picture */
    float *moments;   /* (places, h, w, 2L) */
    int64_t *ids;     /* (places, T) */
    slr_train_sample *samples;
};

static selora_status allocate(selora_trainer *t, slr_error *err)
{
    size_t places = (size_t)t->places, tokens = (size_t)t->settings.trainer.tokens;
    size_t area = (size_t)t->settings.prepare.width * (size_t)t->settings.prepare.height;
    size_t per = (size_t)slr_latent_encoder_count(t->encoder);
    t->pixels = slr_alloc(3 * area, sizeof *t->pixels);
    t->moments = slr_alloc(places * per, sizeof *t->moments);
    t->ids = slr_alloc(places * tokens, sizeof *t->ids);
    t->samples = slr_alloc(places, sizeof *t->samples);
    if (!t->pixels || !t->moments || !t->ids || !t->samples)
        return slr_fail_memory(err, (3 * area + places * per) * sizeof(float), "a batch");
    for (size_t i = 0; i < places; i++)
        t->samples[i] = (slr_train_sample){t->moments + i * per, t->ids + i * tokens, (uint32_t)i};
    SLR_TRY(slr_latent_encoder_allocate(t->encoder, err));
    return slr_trainer_allocate(t->trainer, err);
}

static selora_status build(selora_trainer *t, const slr_model *model, const selora_train_options *options,
                           slr_error *err)
{
    slr_trainer_options *inner = &t->settings.trainer;
    size_t peak;
    if (options->steps < 1 || options->steps > UINT32_MAX)
        return slr_fail(err, SELORA_USAGE, "steps: found %lld, expected how many there will be (schedules and expand_until "
                        "need it)", (long long)options->steps);
    SLR_TRY(slr_train_settings_read(&t->settings, t->context, model, options, err));
    SLR_TRY(slr_train_settings_adapters(&t->settings, model, &t->context->hooks, &t->set, err));
    inner->steps = inner->schedule.steps = options->steps;
    t->places = inner->batch * inner->accumulate;
    t->adapter = (selora_adapter){.set = t->set, .borrowed = true};
    SLR_TRY(slr_trainer_new(model, t->set, inner, &t->trainer, err));
    SLR_TRY(slr_latent_encoder_new(model, t->settings.prepare.width, t->settings.prepare.height, inner->backend,
                                   inner->threads, &t->encoder, err));
    SLR_TRY(slr_memory_fit(t->trainer, &t->settings.memory, slr_weight_store_bytes(model->weights),
                           slr_adapter_set_bytes(t->set) + slr_latent_encoder_bytes(t->encoder),
                           "choose a smaller size or batch_size", &peak, err));
    return allocate(t, err);
}

selora_status selora_trainer_new(selora_context *context, const selora_model *model,
                                 const selora_train_options *options, selora_trainer **result)
{
    slr_error *err = slr_context_begin(context);
    *result = NULL;
    selora_trainer *t = slr_alloc(1, sizeof *t);
    if (!t)
        return slr_fail_memory(err, sizeof *t, "a trainer");
    t->context = context;
    selora_status status = build(t, model->model, options, err);
    if (status != SELORA_OK) {
        selora_trainer_free(t);
        return status;
    }
    *result = t;
    return SELORA_OK;
}

void selora_trainer_free(selora_trainer *t)
{
    if (!t)
        return;
    slr_latent_encoder_free(t->encoder);
    slr_trainer_free(t->trainer);
    slr_adapter_set_free(t->set);
    slr_train_settings_free(&t->settings);
    free(t->pixels);
    free(t->moments);
    free(t->ids);
    free(t->samples);
    free(t);
}

static selora_status take_picture(selora_trainer *t, const selora_image *image, const char *caption, int64_t i,
                                  slr_error *err)
{
    if (!image->pixels || image->width < 1 || image->height < 1 || (image->channels != 1 && image->channels != 3))
        return slr_fail(err, SELORA_USAGE, "picture %lld: %dx%d with %d channels; 1 or 3 channels of pixels are expected",
                        (long long)i, image->width, image->height, image->channels);
    slr_image inner = {.width = image->width, .height = image->height, .channels = image->channels, .bits = 16,
                       .pixels = image->pixels};
    uint32_t step = (uint32_t)slr_trainer_steps_done(t->trainer) + 1;
    int64_t per = slr_latent_encoder_count(t->encoder), tokens = t->settings.trainer.tokens;
    SLR_TRY(slr_image_prepare(&inner, &t->settings.prepare, t->settings.adapter.seed, step, (uint32_t)i, t->pixels, err));
    SLR_TRY(slr_latent_encoder_run(t->encoder, t->pixels, t->moments + i * per, err));
    return slr_train_settings_encode(&t->settings, caption ? caption : "", t->ids + i * tokens, NULL, err);
}

selora_status selora_train_step(selora_trainer *t, const selora_image *images, const char *const *captions,
                                  int count, selora_step_result *result)
{
    slr_error *err = slr_context_begin(t->context);
    *result = (selora_step_result){.step = slr_trainer_steps_done(t->trainer)};
    if (count != t->places)
        return slr_fail(err, SELORA_USAGE, "%d pictures given, a step takes batch_size * accumulate = %lld", count,
                        (long long)t->places);
    for (int64_t i = 0; i < count; i++)
        SLR_TRY(take_picture(t, &images[i], captions[i], i, err));
    slr_train_result inner;
    SLR_TRY(slr_trainer_step(t->trainer, t->samples, &inner, err));
    *result = (selora_step_result){.step = inner.step, .loss = inner.loss, .gradient_norm = inner.gradient_norm,
                                   .learning_rate = t->settings.unet ? inner.rates.unet : inner.rates.text_encoder,
                                   .total_rank = inner.total_rank};
    return SELORA_OK;
}

const selora_adapter *selora_trainer_adapter(const selora_trainer *t)
{
    return &t->adapter;
}
