/* SPDX-License-Identifier: MIT */
#include "api/sample_grid.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "diffusion/text_to_image.h"

static selora_status new_artist(const slr_train_job *job, slr_text_to_image **artist, slr_error *err)
{
    const selora_train_options *o = job->options;
    slr_text_to_image_options options = {
        .backend = job->settings.trainer.backend, .threads = job->settings.trainer.threads, .batch = 1,
        .width = job->settings.prepare.width, .height = job->settings.prepare.height, .sampler = SLR_SAMPLER_PNDM,
        .steps = (int)o->validation_steps, .guidance = o->validation_guidance, .negative = "",
    };
    return slr_text_to_image_new(job->model, job->set, &options, artist, err);
}

selora_status slr_sample_grid_bytes(const slr_train_job *job, size_t *bytes, slr_error *err)
{
    slr_text_to_image *artist;
    *bytes = 0;
    if (job->options->validation_images == 0)
        return SELORA_OK;
    selora_status status = new_artist(job, &artist, err);
    if (status == SELORA_USAGE)
        slr_fail_within(err, "--validation-steps");
    if (status != SELORA_OK)
        return status;
    *bytes = slr_text_to_image_bytes(artist);
    slr_text_to_image_free(artist);
    return SELORA_OK;
}

/* The prompt of picture i: --validation-prompt by turns, or a caption. Caller frees. */
static char *prompt_of(const slr_train_job *job, int64_t i)
{
    const char *text = job->options->validation_prompts;
    if (text) {
        int64_t count = 1;
        for (const char *bar = strchr(text, '|'); bar; bar = strchr(bar + 1, '|'))
            count++;
        for (int64_t skip = i % count; skip > 0; skip--)
            text = strchr(text, '|') + 1;
        return slr_copy_text_n(text, strcspn(text, "|"));
    }
    const slr_split *split = &job->split;
    uint32_t item = split->validation_count ? split->validation[(size_t)i % split->validation_count]
                                            : split->train[(size_t)i % split->train_count];
    return slr_copy_text(slr_dataset_item(job->data, item)->caption);
}

/* The drawing of one grid. */
typedef struct drawing {
    const slr_hooks *hooks;
    slr_task task;
    int64_t picture;
} drawing;

static selora_status after_call(void *context, int call, int calls, const slr_real *x, slr_error *err)
{
    drawing *d = context;
    (void)x;
    if (slr_interrupted(d->hooks))
        return slr_fail(err, SELORA_INTERRUPTED, "stopped while drawing");
    slr_task_report(&d->task, d->picture * calls + call + 1, NULL);
    return SELORA_OK;
}

static selora_status draw_all(const slr_train_job *job, slr_text_to_image *artist, slr_picture_grid *grid,
                              float *pixels, slr_error *err)
{
    int64_t count = job->options->validation_images;
    drawing d = {.hooks = &job->context->hooks};
    d.task = slr_task_begin(d.hooks, "draw samples", count * (job->options->validation_steps + 1));
    for (; d.picture < count; d.picture++) {
        char *prompt = prompt_of(job, d.picture);
        if (!prompt)
            return slr_fail_memory(err, 0, "a prompt");
        uint32_t index = (uint32_t)d.picture;
        selora_status status = slr_text_to_image_draw(artist, (const char *const *)&prompt, &index, 1, job->options->seed,
                                                      pixels, after_call, &d, err);
        free(prompt);
        SLR_TRY(status);
        slr_picture_grid_put(grid, (int)d.picture, pixels);
    }
    return SELORA_OK;
}

selora_status slr_sample_grid_draw(const slr_train_job *job, slr_picture_grid *grid, slr_error *err)
{
    selora_status status;
    int width = job->settings.prepare.width, height = job->settings.prepare.height;
    slr_text_to_image *artist = NULL;
    float *pixels = slr_alloc((size_t)width * (size_t)height * 3, sizeof *pixels);
    *grid = (slr_picture_grid){0};
    if (!pixels)
        return slr_fail_memory(err, (size_t)width * (size_t)height * 3 * sizeof *pixels, "a picture");
    SLR_TRY_OUT(new_artist(job, &artist, err));
    SLR_TRY_OUT(slr_text_to_image_allocate(artist, err));
    SLR_TRY_OUT(slr_picture_grid_new(width, height, (int)job->options->validation_images, 0, grid, err));
    status = draw_all(job, artist, grid, pixels, err);
out:
    slr_text_to_image_free(artist);
    free(pixels);
    return status;
}
