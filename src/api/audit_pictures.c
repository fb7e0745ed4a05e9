/* SPDX-License-Identifier: MIT */
#include "api/audit_pictures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/audit_groups.h"
#include "core/memory.h"
#include "eval/picture_space.h"
#include "io/resize.h"

enum { GREYS = SLR_PIXEL_SIDE * SLR_PIXEL_SIDE };

/* (height, width, 3), -1..1. */
static selora_status read_prepared(const slr_train_job *job, const char *path, float *pixels, slr_error *err)
{
    slr_image image = {0};
    slr_prepare_options plain = job->settings.prepare;
    plain.random_crop = plain.random_flip = false;
    SLR_TRY(slr_image_read(path, NULL, &image, err));
    selora_status status = slr_image_prepare(&image, &plain, 0, 0, 0, pixels, err);
    slr_image_free(&image);
    return status;
}

selora_status slr_audit_picture_read(const slr_train_job *job, const char *path, float *pixels,
                                     slr_error *err)
{
    size_t values = (size_t)job->settings.prepare.width * (size_t)job->settings.prepare.height * 3;
    SLR_TRY(read_prepared(job, path, pixels, err));
    for (size_t i = 0; i < values; i++)
        pixels[i] = fminf(fmaxf((pixels[i] + 1) / 2, 0), 1);
    return SELORA_OK;
}

/* BT.601, then 64 x 64. */
static selora_status shrink(const slr_train_job *job, const float *pixels, float *grey, slr_error *err)
{
    slr_image whole = {0}, small = {0};
    SLR_TRY(slr_image_new(job->settings.prepare.width, job->settings.prepare.height, 1, &whole, err));
    for (size_t i = 0; i < (size_t)whole.width * (size_t)whole.height; i++)
        whole.pixels[i] =
            0.5f + 0.5f * (0.299f * pixels[3 * i] + 0.587f * pixels[3 * i + 1] + 0.114f * pixels[3 * i + 2]);
    selora_status status =
        slr_image_resize(&whole, SLR_PIXEL_SIDE, SLR_PIXEL_SIDE, SLR_RESIZE_BICUBIC, &small, err);
    for (size_t i = 0; status == SELORA_OK && i < GREYS; i++)
        grey[i] = fminf(fmaxf(small.pixels[i], 0), 1);
    slr_image_free(&whole);
    slr_image_free(&small);
    return status;
}

static selora_status begin(const slr_train_job *job, size_t count, slr_audit_pictures *p, float **pixels,
                           slr_error *err)
{
    size_t values = (size_t)job->settings.prepare.width * (size_t)job->settings.prepare.height * 3;
    *p = (slr_audit_pictures){.count = count, .numbers = (size_t)slr_latent_encoder_count(job->encoder) / 2};
    p->grey = slr_alloc(count + 1, GREYS * sizeof *p->grey);
    p->latents = slr_alloc(count + 1, p->numbers * sizeof *p->latents);
    *pixels = slr_alloc(values, sizeof **pixels);
    if (p->grey && p->latents && *pixels)
        return SELORA_OK;
    return slr_fail_memory(err, (count + 1) * (GREYS + p->numbers) * sizeof(float),
                           "the pictures of the audit");
}

static void put_mean(const slr_train_job *job, const float *moments, slr_audit_pictures *p, size_t i)
{
    int64_t channels = job->model->vae.latent_channels;
    slr_latent_sample(moments, (int64_t)p->numbers / channels, channels, 1, NULL,
                      p->latents + i * p->numbers);
}

selora_status slr_audit_pictures_of_items(const slr_train_job *job, const char *cache, const uint32_t *items,
                                          size_t count, slr_audit_pictures *p, slr_error *err)
{
    float *pixels = NULL;
    slr_latent_cache *latents = NULL;
    const slr_hooks *hooks = &job->context->hooks;
    selora_status status = begin(job, count, p, &pixels, err);
    if (status == SELORA_OK)
        status = slr_audit_latents(job, cache, items, count, &latents, err);
    slr_task task = slr_task_begin(hooks, "read pictures", (int64_t)count);
    for (size_t i = 0; status == SELORA_OK && i < count; i++) {
        put_mean(job, slr_latent_cache_moments(latents, i), p, i);
        status = read_prepared(job, slr_dataset_item(job->data, items[i])->path, pixels, err);
        if (status == SELORA_OK)
            status = shrink(job, pixels, p->grey + i * GREYS, err);
        if (status == SELORA_OK && slr_interrupted(hooks))
            status = slr_fail(err, SELORA_INTERRUPTED, "stopped while reading pictures");
        slr_task_report(&task, (int64_t)i + 1, NULL);
    }
    slr_latent_cache_free(latents);
    free(pixels);
    return status;
}

selora_status slr_audit_pictures_of_files(const slr_train_job *job, char *const *paths, size_t count,
                                          slr_audit_pictures *p, slr_error *err)
{
    float *pixels = NULL, *moments = NULL;
    const slr_hooks *hooks = &job->context->hooks;
    selora_status status = begin(job, count, p, &pixels, err);
    if (status == SELORA_OK)
        status = slr_latent_encoder_allocate(job->encoder, err);
    if (status == SELORA_OK && !(moments = slr_alloc(2 * p->numbers, sizeof *moments)))
        status = slr_fail_memory(err, 2 * p->numbers * sizeof *moments, "latents");
    slr_task task = slr_task_begin(hooks, "encode synthetic pictures", (int64_t)count);
    for (size_t i = 0; status == SELORA_OK && i < count; i++) {
        status = read_prepared(job, paths[i], pixels, err);
        if (status == SELORA_OK)
            status = shrink(job, pixels, p->grey + i * GREYS, err);
        if (status == SELORA_OK)
            status = slr_latent_encoder_run(job->encoder, pixels, moments, err);
        if (status == SELORA_OK)
            put_mean(job, moments, p, i);
        if (status == SELORA_OK && slr_interrupted(hooks))
            status = slr_fail(err, SELORA_INTERRUPTED, "stopped while encoding synthetic pictures");
        slr_task_report(&task, (int64_t)i + 1, NULL);
    }
    slr_latent_encoder_release(job->encoder);
    free(pixels);
    free(moments);
    return status;
}

void slr_audit_pictures_free(slr_audit_pictures *p)
{
    free(p->grey);
    free(p->latents);
    *p = (slr_audit_pictures){0};
}
