/* SPDX-License-Identifier: MIT
 * Cases of a whole sampling run: captions to text states, noise to latents, latents to an image. */
#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "diffusion/pipeline.h"
#include "eval/case_adapters.h"
#include "eval/case_run.h"

/* One sampling run: the pipeline and everything that lies between its stages. */
typedef struct sampling {
    const slr_case_run *run;
    slr_pipeline *pipe;
    int64_t *ids;
    slr_real *states, *negatives, *latents, *image; /* image NULL: the case has none */
} sampling;

static selora_status stop_if_asked(void *context, int call, int calls, const slr_real *x,
                                   slr_error *err)
{
    const sampling *s = context;
    (void)call, (void)calls, (void)x;
    return slr_interrupted(s->run->hooks) ? slr_fail(err, SELORA_INTERRUPTED, "interrupted")
                                          : SELORA_OK;
}

static int64_t image_count(const slr_reference_case *c)
{
    const slr_stored_tensor *image = slr_case_find(c, "expect.image");
    return image ? slr_stored_count(image) : 0;
}

static selora_status allocate(sampling *s, slr_error *err)
{
    const slr_reference_case *c = s->run->c;
    size_t ids = (size_t)(slr_case_size(c, 'N') * slr_case_size(c, 'P')),
           image = (size_t)image_count(c);
    size_t states = (size_t)(slr_case_size(c, 'N') * slr_pipeline_state_count(s->pipe)),
           latents = (size_t)slr_pipeline_latent_count(s->pipe);
    s->ids = slr_alloc(ids, sizeof *s->ids);
    s->states = slr_alloc(2 * states + latents + image, sizeof *s->states);
    if (!s->ids || !s->states)
        return slr_fail_memory(err, (2 * states + latents + image) * sizeof *s->states,
                               "text states and latents");
    s->negatives = s->states + states;
    s->latents = s->negatives + states;
    s->image = image ? s->latents + latents : NULL;
    SLR_TRY(slr_case_check_memory(s->run, slr_pipeline_bytes(s->pipe), err));
    return slr_pipeline_allocate(s->pipe, err);
}

static void encode(sampling *s, const char *name, slr_real *states)
{
    const slr_stored_tensor *tensor = slr_case_find(s->run->c, name);
    slr_stored_to_i64(tensor, 0, slr_stored_count(tensor), s->ids);
    for (int64_t n = 0; n < slr_case_size(s->run->c, 'N'); n++)
        slr_pipeline_encode_text(s->pipe, s->ids + n * slr_case_size(s->run->c, 'P'),
                                 states + n * slr_pipeline_state_count(s->pipe));
}

static selora_status draw(sampling *s, bool guided, slr_error *err)
{
    const slr_case_run *run = s->run;
    slr_schedule schedule;
    SLR_TRY(slr_case_schedule(run, &schedule, err));
    encode(s, "in.input_ids", s->states);
    if (guided)
        encode(s, "in.negative_input_ids", s->negatives);
    slr_case_read(run->c, "in.latents", SLR_CASE_MAP, s->latents);
    slr_sample_request request = {.schedule = &schedule,
                                  .sampler = run->c->sampler,
                                  .steps = run->c->steps,
                                  .guidance = run->c->guidance,
                                  .states = s->states,
                                  .negatives = s->negatives,
                                  .after_call = stop_if_asked,
                                  .context = s};
    SLR_TRY(slr_pipeline_sample(s->pipe, &request, s->latents, err));
    return s->image ? slr_pipeline_decode(s->pipe, s->latents, s->image, err) : SELORA_OK;
}

/* Numbers that overflow are a difference like any other: the rows fail. */
static void spoil(sampling *s, const slr_error *err)
{
    int64_t latents = slr_pipeline_latent_count(s->pipe), image = image_count(s->run->c);
    slr_warn(s->run->hooks, "%s", err ? err->message : "not finite");
    for (int64_t i = 0; i < latents + image; i++)
        s->latents[i] = (slr_real)NAN;
}

static selora_status run_pipeline(sampling *s, bool guided, slr_error *err)
{
    SLR_TRY(allocate(s, err));
    selora_status status = draw(s, guided, err);
    if (status == SELORA_NUMERIC)
        spoil(s, err);
    else if (status != SELORA_OK)
        return status;
    slr_case_compare(s->run->report, "expect.latents", SLR_CASE_MAP, s->latents);
    if (s->image)
        slr_case_compare(s->run->report, "expect.image", SLR_CASE_MAP, s->image);
    return SELORA_OK;
}

selora_status slr_case_run_sample(const slr_case_run *run, slr_error *err)
{
    const slr_reference_case *c = run->c;
    slr_adapter_set *own;
    sampling s = {.run = run};
    bool guided = c->guidance > 1;
    slr_pipeline_options options = {.backend = run->backend,
                                    .threads = run->threads,
                                    .batch = slr_case_size(c, 'N'),
                                    .height = slr_case_size(c, 'H'),
                                    .width = slr_case_size(c, 'W'),
                                    .tokens = slr_case_size(c, 'P'),
                                    .denoise = true,
                                    .guided = guided,
                                    .decode = image_count(c) > 0};
    SLR_TRY(slr_case_adapters(c, &own, err));
    selora_status status = slr_pipeline_new(run->model, own ? own : run->adapters, &options, &s.pipe, err);
    if (status == SELORA_OK)
        status = run_pipeline(&s, guided, err);
    free(s.states);
    free(s.ids);
    slr_pipeline_free(s.pipe);
    slr_adapter_set_free(own);
    return status;
}
