/* SPDX-License-Identifier: MIT */
#include "api/drawing.h"

#include <stdlib.h>
#include <string.h>

#include "core/free_memory.h"
#include "core/memory.h"
#include "core/utf8.h"
#include "data/picture_size.h"

static selora_status check_text(const char *option, const char *text, slr_error *err)
{
    if (!text || slr_utf8_valid(text, strlen(text)) == strlen(text))
        return SELORA_OK;
    return slr_fail(err, SELORA_USAGE, "--%s: not UTF-8 text; set the terminal to UTF-8", option);
}

selora_status slr_drawing_check(const selora_generate_options *options, slr_error *err)
{
    size_t count;
    const selora_option *list = selora_generate_option_list(&count);
    const selora_generate_options defaults = selora_generate_defaults();
    SLR_TRY(check_text("prompt", options->prompt, err));
    SLR_TRY(check_text("negative", options->negative, err));
    return slr_options_check_ranges(list, count, options, &defaults, err);
}

selora_status slr_drawing_open(slr_drawing *drawing, selora_context *context, const slr_model *model,
                               slr_adapter_set *adapters, const selora_generate_options *options, int batch,
                               slr_error *err)
{
    *drawing = (slr_drawing){.context = context, .batch = batch, .steps = (int)options->steps,
                              .seed = options->seed};
    int factor = slr_vae_factor(&model->vae), step = factor < 8 ? 8 : factor;
    slr_sampler_kind sampler;
    SLR_TRY(slr_sampler_by_name(options->sampler, &sampler, err));
    SLR_TRY(slr_picture_size(options->size, (int)model->unet.sample_size * factor, step, &drawing->width,
                             &drawing->height, err));
    SLR_TRY(slr_context_backend(context, options->compute, &drawing->backend, err));
    slr_text_to_image_options artist = {.backend = drawing->backend, .threads = context->threads, .batch = batch,
                                        .width = drawing->width, .height = drawing->height, .sampler = sampler,
                                        .steps = drawing->steps, .guidance = options->guidance,
                                        .negative = options->negative};
    return slr_text_to_image_new(model, adapters, &artist, &drawing->artist, err);
}

selora_status slr_drawing_start(slr_drawing *drawing, int64_t total, slr_error *err)
{
    SLR_TRY(slr_check_free_memory(slr_text_to_image_bytes(drawing->artist), "drawing",
                                  "choose a smaller --size or --batch-size", err));
    SLR_TRY(slr_text_to_image_allocate(drawing->artist, err));
    size_t values = (size_t)drawing->batch * (size_t)drawing->width * (size_t)drawing->height * 3;
    drawing->pixels = slr_alloc(values, sizeof *drawing->pixels);
    if (!drawing->pixels)
        return slr_fail_memory(err, values * sizeof *drawing->pixels, "the pictures");
    drawing->task = slr_task_begin(&drawing->context->hooks, "generate", total);
    return SELORA_OK;
}

static selora_status after_call(void *user, int call, int calls, const slr_real *x, slr_error *err)
{
    slr_drawing *drawing = user;
    (void)x;
    if (slr_interrupted(&drawing->context->hooks))
        return slr_fail(err, SELORA_INTERRUPTED, "interrupted; %lld pictures are finished",
                        (long long)drawing->done);
    slr_task_report(&drawing->task, drawing->done, "step %d of %d", call + 1, calls);
    return SELORA_OK;
}

selora_status slr_drawing_draw(slr_drawing *drawing, const char *const *prompts, const uint32_t *indices, int count,
                               slr_error *err)
{
    SLR_TRY(slr_text_to_image_draw(drawing->artist, prompts, indices, count, drawing->seed,
                                   drawing->pixels, after_call, drawing, err));
    drawing->done += count;
    slr_task_report(&drawing->task, drawing->done, NULL);
    return SELORA_OK;
}

void slr_drawing_close(slr_drawing *drawing)
{
    slr_text_to_image_free(drawing->artist);
    free(drawing->pixels);
    *drawing = (slr_drawing){0};
}
