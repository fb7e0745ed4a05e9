/* SPDX-License-Identifier: MIT */
#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/adapter_state.h"
#include "core/clock.h"
#include "core/memory.h"
#include "train/ema.h"

static const char advice[] = "a lower --lr or --max-grad-norm may help";
static const double largest_norm = 1e18; /* its square is far from the end of floats: Adam's second moments are finite */

struct slr_trainer {
    const slr_model *model;
    slr_adapter_set *set;
    slr_trainer_options options;
    slr_method *method;
    slr_ema *ema;           /* NULL: none */
    slr_text_states *texts; /* NULL: the text encoder is trained */
    slr_train_graph *graph;
    slr_real *scratch; /* latent and noise of one sample */
    int64_t done;
    slr_step_costs costs;
    bool allocated, failed;
};

static selora_status record_graph(slr_trainer *t, slr_error *err)
{
    const slr_trainer_options *o = &t->options;
    slr_train_shape shape = {.batch = o->batch, .height = o->height, .width = o->width, .tokens = o->tokens,
                             .states_given = !o->train_text, .recompute = o->recompute};
    slr_train_graph_free(t->graph);
    t->graph = NULL;
    SLR_TRY(slr_train_graph_new(t->model, t->set, &shape, o->backend, o->threads, &t->graph, err));
    return t->allocated ? slr_train_graph_allocate(t->graph, err) : SELORA_OK;
}

static selora_status build(slr_trainer *t, slr_error *err)
{
    const slr_trainer_options *o = &t->options;
    SLR_TRY(slr_method_new(&o->method, t->set, o->steps, &t->method, err));
    if (o->ema > 0)
        SLR_TRY(slr_ema_new(t->set, o->ema, &t->ema, err));
    if (!o->train_text)
        SLR_TRY(slr_text_states_new(t->model, o->tokens, o->backend, o->threads, &t->texts, err));
    return record_graph(t, err);
}

selora_status slr_trainer_new(const slr_model *model, slr_adapter_set *set, const slr_trainer_options *options,
                              slr_trainer **result, slr_error *err)
{
    *result = NULL;
    slr_trainer *t = slr_alloc(1, sizeof *t);
    if (!t)
        return slr_fail_memory(err, sizeof *t, "the trainer");
    t->model = model;
    t->set = set;
    t->options = *options;
    t->options.draw.area = options->height * options->width;
    t->options.draw.channels = model->vae.latent_channels;
    t->options.draw.scaling_factor = model->vae.scaling_factor;
    selora_status status = build(t, err);
    if (status != SELORA_OK) {
        slr_trainer_free(t);
        return status;
    }
    *result = t;
    return SELORA_OK;
}

void slr_trainer_free(slr_trainer *t)
{
    if (!t)
        return;
    slr_train_graph_free(t->graph);
    slr_text_states_free(t->texts);
    slr_ema_free(t->ema);
    slr_method_free(t->method);
    free(t->scratch);
    free(t);
}

selora_status slr_trainer_set_recompute(slr_trainer *t, slr_recompute recompute, slr_error *err)
{
    if (t->options.recompute == recompute)
        return SELORA_OK;
    t->options.recompute = recompute;
    return record_graph(t, err);
}

size_t slr_trainer_bytes(const slr_trainer *t)
{
    return slr_train_graph_bytes(t->graph) + (t->texts ? slr_text_states_bytes(t->texts) : 0);
}

int64_t slr_trainer_macs(const slr_trainer *t)
{
    return slr_train_graph_macs(t->graph);
}

selora_status slr_trainer_allocate(slr_trainer *t, slr_error *err)
{
    size_t count = (size_t)(t->options.draw.area * t->options.draw.channels);
    if (t->allocated)
        return SELORA_OK;
    if (t->texts)
        SLR_TRY(slr_text_states_allocate(t->texts, err));
    free(t->scratch);
    t->scratch = slr_alloc(2 * count, sizeof *t->scratch);
    if (!t->scratch)
        return slr_fail_memory(err, 2 * count * sizeof *t->scratch, "a batch");
    SLR_TRY(slr_train_graph_allocate(t->graph, err));
    t->allocated = true;
    return SELORA_OK;
}

void slr_trainer_put_text(slr_trainer *t, int64_t n, const int64_t *ids)
{
    slr_train_inputs in = slr_train_graph_inputs(t->graph);
    int64_t tokens = t->options.tokens;
    if (t->texts)
        slr_text_states_write(t->texts, ids, in.states + n * tokens * t->model->text.width);
    for (int64_t i = 0; in.ids && i < tokens; i++)
        in.ids[n * tokens + i] = (slr_real)ids[i];
}

/* Draws one batch straight into the graph's inputs. `first`: place of its first sample in the step. */
static void fill_batch(slr_trainer *t, int64_t step, int64_t first, const slr_train_sample *samples, bool observed)
{
    const slr_draw_rules *rules = &t->options.draw;
    slr_train_inputs in = slr_train_graph_inputs(t->graph);
    int64_t count = rules->area * rules->channels;
    for (int64_t n = 0; n < t->options.batch; n++) {
        slr_train_draw draw = {.latent = t->scratch, .noise = t->scratch + count,
                               .noisy = in.sample + n * count, .target = in.target + n * count};
        const slr_train_sample *sample = &samples[first + n];
        slr_draw_sample(rules, step, first + n, sample, &draw);
        in.timestep[n] = (slr_real)draw.timestep;
        in.weight[n] = (slr_real)draw.weight;
        slr_trainer_put_text(t, n, draw.ids);
        if (observed && t->options.observer)
            t->options.observer(t->options.observer_context, step, first + n, sample, &draw);
    }
}

static selora_status fail_loss(slr_trainer *t, int64_t step, double loss, slr_error *err)
{
    const char *layer = slr_train_graph_find_nonfinite(t->graph);
    return slr_fail(err, SELORA_NUMERIC, "step %lld: the loss is %s; the first output that is not finite is that of "
                    "%s; %s", (long long)step, isnan(loss) ? "not a number" : "infinite", layer ? layer : "the loss", advice);
}

/* Forward and backward over all batches of a step, onto gradients that are zero; *loss is their mean. */
static selora_status run_batches(slr_trainer *t, int64_t step, const slr_train_sample *samples, bool second,
                                 double *loss, slr_error *err)
{
    int64_t batches = t->options.accumulate;
    double sum = 0;
    for (int64_t j = 0; j < batches; j++) {
        fill_batch(t, step, j * t->options.batch, samples, !second);
        slr_train_graph_forward(t->graph);
        double one = slr_train_graph_loss(t->graph);
        if (!isfinite(one))
            return fail_loss(t, step, one, err);
        sum += one;
        slr_train_graph_backward(t->graph, 1.0 / (double)batches);
    }
    *loss = sum / (double)batches;
    return SELORA_OK;
}

/* The layer to name: the first whose gradient is not finite, else the one with the largest. */
static selora_status fail_gradient(slr_trainer *t, int64_t step, double norm, slr_error *err)
{
    const slr_adapter *layer = slr_adapter_set_nonfinite(t->set, true);
    double most = -1;
    for (int i = 0; isfinite(norm) && i < slr_adapter_set_count(t->set); i++) {
        double energy = slr_adapter_gradient_energy(slr_adapter_set_at(t->set, i));
        if (energy > most) {
            most = energy;
            layer = slr_adapter_set_at(t->set, i);
        }
    }
    return slr_fail(err, SELORA_NUMERIC, "step %lld: the gradient of %s is %s; %s", (long long)step,
                    layer ? layer->path : "the adapter", isfinite(norm) ? "too large to be squared" : "not finite", advice);
}

static selora_status fail_weight(const slr_adapter *layer, int64_t step, slr_error *err)
{
    return slr_fail(err, SELORA_NUMERIC, "step %lld: the adapter of %s is not finite; %s", (long long)step, layer->path,
                    advice);
}

static selora_status optimise(slr_trainer *t, int64_t step, slr_train_result *result, slr_error *err)
{
    const slr_trainer_options *o = &t->options;
    result->gradient_norm = slr_clip_gradients(t->set, o->max_grad_norm);
    if (!(result->gradient_norm < largest_norm))
        return fail_gradient(t, step, result->gradient_norm, err);
    double factor = slr_lr_factor(&o->schedule, step - 1);
    result->rates = (slr_learning_rates){.unet = o->rates.unet * factor, .text_encoder = o->rates.text_encoder * factor};
    slr_adam_step(&o->adam, t->set, &result->rates);
    const slr_adapter *bad = slr_adapter_set_nonfinite(t->set, false);
    return bad ? fail_weight(bad, step, err) : SELORA_OK;
}

/* What follows the optimiser: ranks, and the graph where one has outgrown it. */
static selora_status adapt_ranks(slr_trainer *t, int64_t step, const slr_train_sample *samples, slr_train_result *result,
                                 slr_error *err)
{
    double ignored;
    if (slr_method_wants_second_pass(t->method, step)) {
        slr_adapter_set_zero_gradients(t->set);
        slr_method_before_second_pass(t->method, step, t->options.batch);
        SLR_TRY(run_batches(t, step, samples, true, &ignored, err));
        slr_method_after_second_pass(t->method, step);
    }
    SLR_TRY(slr_method_after_step(t->method, step, &t->options.rank_log, &result->grown, err));
    return result->grown ? record_graph(t, err) : SELORA_OK;
}

static selora_status run_step(slr_trainer *t, int64_t step, const slr_train_sample *samples, slr_train_result *result,
                              slr_error *err)
{
    slr_adapter_set_zero_gradients(t->set);
    slr_method_before_step(t->method, step, t->options.batch);
    slr_step_work before = slr_step_work_of(slr_train_graph_plan(t->graph)); /* counted with the rows of this step */
    SLR_TRY(run_batches(t, step, samples, false, &result->loss, err));
    slr_step_costs_add(&t->costs, &before, slr_train_graph_plan(t->graph));
    double ran = slr_clock_seconds();
    slr_method_after_backward(t->method, step);
    double scored = slr_clock_seconds();
    SLR_TRY(optimise(t, step, result, err));
    double optimised = slr_clock_seconds();
    SLR_TRY(adapt_ranks(t, step, samples, result, err));
    result->method_seconds = scored - ran + slr_clock_seconds() - optimised;
    return t->ema ? slr_ema_update(t->ema, step, err) : SELORA_OK;
}

selora_status slr_trainer_step(slr_trainer *t, const slr_train_sample *samples, slr_train_result *result,
                               slr_error *err)
{
    *result = (slr_train_result){.step = t->done};
    if (!t->allocated || t->failed)
        return slr_fail(err, SELORA_USAGE, "the trainer cannot step: %s",
                        t->failed ? "an earlier step failed" : "it has no memory yet");
    double start = slr_clock_seconds();
    selora_status status = run_step(t, t->done + 1, samples, result, err);
    t->costs.steps++;
    t->costs.method += result->method_seconds;
    t->costs.all += slr_clock_seconds() - start;
    if (status != SELORA_OK) {
        t->failed = true;
        return status;
    }
    result->step = ++t->done;
    for (int i = 0; i < slr_adapter_set_count(t->set); i++)
        result->total_rank += slr_adapter_set_at(t->set, i)->slot.rank;
    result->parameters = slr_adapter_set_parameters(t->set);
    return SELORA_OK;
}

const slr_step_costs *slr_trainer_costs(const slr_trainer *t)
{
    return &t->costs;
}

int64_t slr_trainer_steps_done(const slr_trainer *t)
{
    return t->done;
}

const slr_trainer_options *slr_trainer_get_options(const slr_trainer *t)
{
    return &t->options;
}

const slr_method *slr_trainer_method(const slr_trainer *t)
{
    return t->method;
}

slr_text_states *slr_trainer_text_states(slr_trainer *t)
{
    return t->texts;
}

slr_train_graph *slr_trainer_graph(slr_trainer *t)
{
    return t->graph;
}

void slr_trainer_swap_average(slr_trainer *t)
{
    if (t->ema)
        slr_ema_swap(t->ema);
}

selora_status slr_trainer_save(const slr_trainer *t, slr_safetensors_writer *writer, slr_error *err)
{
    SLR_TRY(slr_adapter_state_save(t->set, writer, err));
    SLR_TRY(slr_method_save(t->method, writer, err));
    return t->ema ? slr_ema_save(t->ema, writer, err) : SELORA_OK;
}

selora_status slr_trainer_load(slr_trainer *t, const slr_safetensors *file, int64_t steps_done, slr_error *err)
{
    SLR_TRY(slr_adapter_state_load(t->set, file, err));
    SLR_TRY(slr_method_load(t->method, file, err));
    if (t->ema)
        SLR_TRY(slr_ema_load(t->ema, file, err));
    t->done = steps_done;
    return record_graph(t, err);
}
