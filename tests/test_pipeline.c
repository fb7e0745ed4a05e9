/* SPDX-License-Identifier: MIT
 * Drawing: a picture's bits depend on its prompt and its noise, not on what else is in the batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/rng.h"
#include "diffusion/pipeline.h"

enum { SIDE = 16, TOKENS = 24, STEPS = 3, MOST = 5 };

static slr_model *model;

static int open_model(void **state)
{
    (void)state;
    return slr_model_open(TEST_SOURCE_DIR "/models/tiny", &(slr_model_options){0}, &model, NULL) == SELORA_OK ? 0 : -1;
}

static int close_model(void **state)
{
    (void)state;
    slr_model_free(model);
    return 0;
}

/* Latents of the first `batch` pictures after a few steps, then the decoded pictures. */
static void draw(const slr_backend *backend, bool guided, int64_t batch, slr_real *latents, slr_real *images)
{
    slr_pipeline *pipe;
    slr_schedule schedule;
    slr_scheduler_config config;
    slr_pipeline_options options = {.backend = backend, .threads = 2, .batch = batch, .height = SIDE, .width = SIDE,
                                    .tokens = TOKENS, .denoise = true, .guided = guided, .decode = true};
    slr_scheduler_config_sd15(&config);
    slr_schedule_init(&schedule, &config);
    assert_int_equal(slr_pipeline_new(model, NULL, &options, &pipe, NULL), SELORA_OK);
    assert_int_equal(slr_pipeline_allocate(pipe, NULL), SELORA_OK);
    int64_t count = slr_pipeline_state_count(pipe), each = slr_pipeline_latent_count(pipe) / batch;
    slr_real *states = malloc((size_t)(2 * batch * count) * sizeof *states);
    for (int64_t n = 0; n < 2 * batch; n++) {
        int64_t ids[TOKENS];
        for (int t = 0; t < TOKENS; t++)
            ids[t] = n < batch ? 10 + 3 * n + t : 5;
        slr_pipeline_encode_text(pipe, ids, states + n * count);
    }
    for (int64_t n = 0; n < batch; n++) {
        slr_rng rng = slr_rng_at(7, SLR_STREAM_TEST, 0, (uint32_t)n);
        slr_rng_fill_normal(&rng, latents + n * each, (size_t)each);
    }
    slr_sample_request request = {.schedule = &schedule, .sampler = SLR_SAMPLER_DDIM, .steps = STEPS, .guidance = 7.5,
                                  .states = states, .negatives = states + batch * count};
    assert_int_equal(slr_pipeline_sample(pipe, &request, latents, NULL), SELORA_OK);
    assert_int_equal(slr_pipeline_decode(pipe, latents, images, NULL), SELORA_OK);
    free(states);
    slr_pipeline_free(pipe);
}

static void a_picture_is_the_same_in_every_batch(void **state)
{
    (void)state;
    static slr_real latents[2][MOST * SIDE * SIDE * 4], images[2][MOST * SIDE * SIDE * 16 * 3];
    static const char *const variants[] = {"generic", "avx2", "avx512", "avx512bf16", "amx"};
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        const slr_backend *backend = slr_backend_cpu_variant(variants[v]);
        for (int guided = 0; backend && guided < 2; guided++) {
            draw(backend, guided, 1, latents[0], images[0]);
            for (int64_t batch = 2; batch <= MOST; batch += 3) {
                draw(backend, guided, batch, latents[1], images[1]);
                if (memcmp(latents[0], latents[1], sizeof latents[0] / MOST) != 0)
                    fail_msg("%s: other latents in a batch of %d", variants[v], (int)batch);
                assert_memory_equal(images[0], images[1], sizeof images[0] / MOST);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_picture_is_the_same_in_every_batch)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
