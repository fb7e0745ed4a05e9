/* SPDX-License-Identifier: MIT */
#include "api/audit_draw.h"

#include <stdlib.h>

#include "core/free_memory.h"
#include "core/memory.h"
#include "diffusion/text_to_image.h"

enum { TOGETHER = 8 };

typedef struct drawing {
    const slr_hooks *hooks;
    slr_task task;
    int64_t done;
} drawing;

static selora_status after_call(void *context, int call, int calls, const slr_real *x, slr_error *err)
{
    const drawing *d = context;
    (void)x;
    if (slr_interrupted(d->hooks))
        return slr_fail(err, SELORA_INTERRUPTED, "stopped while drawing");
    slr_task_report(&d->task, d->done, "step %d of %d", call + 1, calls);
    return SELORA_OK;
}

/* As many together as half of the free memory holds. */
static selora_status open_artist(const slr_train_job *job, slr_adapter_set *set,
                                 const selora_audit_options *o, size_t count, int *batch,
                                 slr_text_to_image **artist, slr_error *err)
{
    slr_text_to_image_options options = {
        .backend = job->settings.trainer.backend,
        .threads = job->settings.trainer.threads,
        .width = job->settings.prepare.width,
        .height = job->settings.prepare.height,
        .sampler = SLR_SAMPLER_PNDM,
        .steps = (int)o->steps,
        .guidance = o->guidance,
        .negative = "",
    };
    for (*batch = count < TOGETHER ? (int)count : TOGETHER;; *batch = *batch / 2) {
        options.batch = *batch;
        SLR_TRY(slr_text_to_image_new(job->model, set, &options, artist, err));
        if (*batch == 1 || slr_text_to_image_bytes(*artist) <= slr_free_memory() / 2)
            return slr_text_to_image_allocate(*artist, err);
        slr_text_to_image_free(*artist);
        *artist = NULL;
    }
}

static selora_status draw_batch(slr_text_to_image *artist, uint64_t seed, const slr_audit_drawing *list,
                                int count, int width, int height, float *pixels, drawing *d, slr_error *err)
{
    const char *prompts[TOGETHER];
    uint32_t indices[TOGETHER];
    for (int i = 0; i < count; i++) {
        prompts[i] = list[i].prompt;
        indices[i] = list[i].index;
    }
    SLR_TRY(slr_text_to_image_draw(artist, prompts, indices, count, seed, pixels, after_call, d, err));
    for (int i = 0; i < count; i++) {
        slr_image image = {.width = width,
                           .height = height,
                           .channels = 3,
                           .bits = 8,
                           .pixels = pixels + (size_t)i * (size_t)width * (size_t)height * 3};
        slr_png_text comment = {"Comment", "synthetic image, selora " SELORA_VERSION ", not for diagnosis"};
        SLR_TRY(slr_png_write(list[i].path, &image, 8, &comment, 1, err));
    }
    d->done += count;
    slr_task_report(&d->task, d->done, NULL);
    return SELORA_OK;
}

selora_status slr_audit_draw(const slr_train_job *job, slr_adapter_set *set,
                             const selora_audit_options *options, const slr_audit_drawing *list, size_t count,
                             slr_error *err)
{
    int width = job->settings.prepare.width, height = job->settings.prepare.height, batch;
    slr_text_to_image *artist = NULL;
    float *pixels = NULL;
    drawing d = {.hooks = &job->context->hooks};
    selora_status status = open_artist(job, set, options, count, &batch, &artist, err);
    size_t values = (size_t)batch * (size_t)width * (size_t)height * 3;
    if (status == SELORA_OK && !(pixels = slr_alloc(values, sizeof *pixels)))
        status = slr_fail_memory(err, values * sizeof *pixels, "the pictures");
    d.task = slr_task_begin(d.hooks, "draw pictures", (int64_t)count);
    for (size_t first = 0; status == SELORA_OK && first < count; first += (size_t)batch) {
        size_t left = count - first;
        status = draw_batch(artist, options->seed, list + first, left < (size_t)batch ? (int)left : batch,
                            width, height, pixels, &d, err);
    }
    slr_text_to_image_free(artist);
    free(pixels);
    return status;
}
