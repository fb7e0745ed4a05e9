/* SPDX-License-Identifier: MIT */
#include "train/noised_look.h"

void slr_put_noised_look(const slr_train_graph *graph, const slr_draw_rules *rules, slr_rng rng, int timestep,
                         const slr_real *latent, int64_t n)
{
    slr_train_inputs in = slr_train_graph_inputs(graph);
    int64_t numbers = rules->area * rules->channels;
    slr_real *noise = in.target + n * numbers; /* the target's memory, until the target replaces it */
    slr_rng_fill_normal(&rng, noise, (size_t)numbers);
    slr_schedule_add_noise(rules->schedule, timestep, numbers, latent, noise, in.sample + n * numbers);
    slr_schedule_target(rules->schedule, timestep, numbers, latent, noise, noise);
    in.timestep[n] = (slr_real)timestep;
    in.weight[n] = 1;
}

double slr_noised_look_error(const slr_train_graph *graph, const slr_draw_rules *rules, int64_t n)
{
    int64_t numbers = rules->area * rules->channels;
    const slr_real *prediction = slr_train_graph_prediction(graph) + n * numbers;
    const slr_real *target = slr_train_graph_inputs(graph).target + n * numbers;
    double sum = 0;
    for (int64_t e = 0; e < numbers; e++) {
        double d = (double)prediction[e] - (double)target[e];
        sum += d * d;
    }
    return sum;
}
