/* SPDX-License-Identifier: MIT */
#include "diffusion/text_to_image.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "models/clip_tokenizer.h"

struct slr_text_to_image {
    const slr_model *model;
    slr_text_to_image_options options;
    slr_tokenizer *tokenizer;
    slr_schedule schedule;
    slr_pipeline *pipe;
    bool guided;
    int64_t *ids;                                    /* (2, T): of the text at hand, of the one encoded last */
    slr_real *text;                                  /* (T, D): states of the latter */
    slr_real *states, *negatives, *latents, *images; /* of a whole batch */
    char *negative;
    bool has_text, has_negatives; /* `text` and `negatives` hold something */
};

static int64_t image_count(const slr_text_to_image *artist)
{
    return (int64_t)artist->options.width * artist->options.height * artist->model->vae.out_channels;
}

static selora_status open_parts(slr_text_to_image *artist, slr_adapter_set *adapters, slr_error *err)
{
    const slr_model *model = artist->model;
    const slr_text_to_image_options *o = &artist->options;
    slr_scheduler_config scheduler;
    if (!model->tokenizer_path)
        return slr_fail(err, SELORA_USAGE, "%s holds no tokenizer; name a tokenizer folder or tokenizer.json with "
                        "--tokenizer", model->path);
    SLR_TRY(slr_tokenizer_open(model->tokenizer_path, model->text.positions, &artist->tokenizer, err));
    if (slr_tokenizer_vocabulary(artist->tokenizer) > model->text.vocabulary)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the tokenizer gives ids up to %lld, the text encoder has a table "
                        "of %lld; they do not belong together", model->tokenizer_path,
                        (long long)slr_tokenizer_vocabulary(artist->tokenizer) - 1, (long long)model->text.vocabulary);
    SLR_TRY(slr_scheduler_config_read(model->scheduler_path, &scheduler, err));
    slr_schedule_init(&artist->schedule, &scheduler);
    double *timesteps;
    int calls;
    SLR_TRY(slr_sampler_timesteps(&artist->schedule, o->sampler, o->steps, &timesteps, &calls, err));
    free(timesteps);
    int factor = slr_vae_factor(&model->vae);
    slr_pipeline_options pipe = {.backend = o->backend, .threads = o->threads, .batch = o->batch,
                                 .height = o->height / factor, .width = o->width / factor,
                                 .tokens = slr_tokenizer_length(artist->tokenizer),
                                 .denoise = true, .guided = artist->guided, .decode = true};
    return slr_pipeline_new(model, adapters, &pipe, &artist->pipe, err);
}

selora_status slr_text_to_image_new(const slr_model *model, slr_adapter_set *adapters,
                                    const slr_text_to_image_options *options, slr_text_to_image **result,
                                    slr_error *err)
{
    *result = NULL;
    slr_text_to_image *artist = slr_alloc(1, sizeof *artist);
    if (!artist)
        return slr_fail_memory(err, sizeof *artist, "drawing");
    artist->model = model;
    artist->options = *options;
    artist->guided = options->guidance > 1;
    artist->negative = slr_copy_text(options->negative ? options->negative : "");
    selora_status status = artist->negative ? open_parts(artist, adapters, err)
                                            : slr_fail_memory(err, 1, "drawing");
    if (status != SELORA_OK) {
        slr_text_to_image_free(artist);
        return status;
    }
    *result = artist;
    return SELORA_OK;
}

void slr_text_to_image_free(slr_text_to_image *artist)
{
    if (!artist)
        return;
    slr_pipeline_free(artist->pipe);
    slr_tokenizer_free(artist->tokenizer);
    free(artist->ids);
    free(artist->text);
    free(artist->states);
    free(artist->negatives);
    free(artist->latents);
    free(artist->images);
    free(artist->negative);
    free(artist);
}

size_t slr_text_to_image_bytes(const slr_text_to_image *artist)
{
    int64_t batch = artist->options.batch;
    size_t reals = (size_t)((2 * batch + 1) * slr_pipeline_state_count(artist->pipe) +
                            slr_pipeline_latent_count(artist->pipe) + batch * image_count(artist));
    return slr_pipeline_bytes(artist->pipe) + reals * sizeof(slr_real);
}

/* A text that is asked for again and again, as the prompt of many pictures is, goes through the network once. */
static selora_status encode_one(slr_text_to_image *artist, const char *text, slr_real *states, slr_error *err)
{
    int64_t length = slr_tokenizer_length(artist->tokenizer), *last = artist->ids + length;
    size_t bytes = (size_t)length * sizeof *last;
    SLR_TRY(slr_tokenizer_encode(artist->tokenizer, text, strlen(text), artist->ids, NULL, err));
    if (!artist->has_text || memcmp(artist->ids, last, bytes) != 0) {
        slr_pipeline_encode_text(artist->pipe, artist->ids, artist->text);
        memcpy(last, artist->ids, bytes);
        artist->has_text = true;
    }
    memcpy(states, artist->text, (size_t)slr_pipeline_state_count(artist->pipe) * sizeof *states);
    return SELORA_OK;
}

/* Every row of the batch holds the states of one of `count` texts; rows past them repeat the last one. */
static selora_status encode(slr_text_to_image *artist, const char *const *texts, int count, slr_real *states,
                            slr_error *err)
{
    for (int i = 0; i < artist->options.batch; i++)
        SLR_TRY(encode_one(artist, texts[i < count ? i : count - 1],
                           states + i * slr_pipeline_state_count(artist->pipe), err));
    return SELORA_OK;
}

selora_status slr_text_to_image_allocate(slr_text_to_image *artist, slr_error *err)
{
    size_t batch = (size_t)artist->options.batch, real = sizeof(slr_real);
    SLR_TRY(slr_pipeline_allocate(artist->pipe, err));
    size_t states = (size_t)slr_pipeline_state_count(artist->pipe);
    artist->ids = slr_alloc(2 * (size_t)slr_tokenizer_length(artist->tokenizer), sizeof *artist->ids);
    artist->text = slr_alloc(states, real);
    artist->states = slr_alloc(batch * states, real);
    artist->negatives = slr_alloc(batch * states, real);
    artist->latents = slr_alloc((size_t)slr_pipeline_latent_count(artist->pipe), real);
    artist->images = slr_alloc(batch * (size_t)image_count(artist), real);
    if (!artist->ids || !artist->text || !artist->states || !artist->negatives || !artist->latents || !artist->images)
        return slr_fail_memory(err, slr_text_to_image_bytes(artist), "drawing");
    return SELORA_OK;
}

bool slr_text_to_image_cuts(const slr_text_to_image *artist, const char *prompt)
{
    int64_t tokens = 0;
    int64_t *ids = slr_alloc((size_t)slr_tokenizer_length(artist->tokenizer), sizeof *ids);
    bool known = ids && slr_tokenizer_encode(artist->tokenizer, prompt, strlen(prompt), ids, &tokens, NULL) == SELORA_OK;
    free(ids);
    return known && tokens > slr_tokenizer_length(artist->tokenizer) - 2;
}

/* The noise of a picture is drawn in the order of the file formats, (L,H,W), and laid out NHWC. */
static void draw_noise(const slr_text_to_image *artist, uint64_t seed, uint32_t index, double sigma,
                       slr_real *latents)
{
    slr_rng rng = slr_rng_at(seed, SLR_STREAM_SAMPLING, 0, index);
    int64_t channels = artist->model->unet.in_channels;
    int64_t pixels = slr_pipeline_latent_count(artist->pipe) / artist->options.batch / channels;
    for (int64_t c = 0; c < channels; c++)
        for (int64_t p = 0; p < pixels; p++)
            latents[p * channels + c] = (slr_real)(sigma * slr_rng_normal(&rng));
}

selora_status slr_text_to_image_draw(slr_text_to_image *artist, const char *const *prompts,
                                     const uint32_t *indices, int count, uint64_t seed, float *pixels,
                                     selora_status (*after_call)(void *context, int call, int calls,
                                                                 const slr_real *x, slr_error *err),
                                     void *context, slr_error *err)
{
    const slr_text_to_image_options *o = &artist->options;
    int64_t one = slr_pipeline_latent_count(artist->pipe) / o->batch;
    double sigma = slr_sampler_init_noise_sigma(&artist->schedule, o->sampler, o->steps);
    const char *negative = artist->negative;
    if (artist->guided && !artist->has_negatives)
        SLR_TRY(encode(artist, &negative, 1, artist->negatives, err));
    artist->has_negatives = true;
    SLR_TRY(encode(artist, prompts, count, artist->states, err));
    for (int i = 0; i < o->batch; i++)
        draw_noise(artist, seed, indices[i < count ? i : count - 1], sigma, artist->latents + i * one);
    slr_sample_request request = {.schedule = &artist->schedule, .sampler = o->sampler, .steps = o->steps,
                                  .guidance = o->guidance, .states = artist->states,
                                  .negatives = artist->negatives, .after_call = after_call, .context = context};
    SLR_TRY(slr_pipeline_sample(artist->pipe, &request, artist->latents, err));
    SLR_TRY(slr_pipeline_decode(artist->pipe, artist->latents, artist->images, err));
    for (int64_t i = 0; i < count * image_count(artist); i++) {
        double value = ((double)artist->images[i] + 1) / 2;
        pixels[i] = (float)(value < 0 ? 0 : value > 1 ? 1 : value);
    }
    return SELORA_OK;
}
