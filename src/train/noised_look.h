/* SPDX-License-Identifier: MIT
 *
 * One look at a picture: its latent, noised at one timestep, at one place of a batch, and how far the prediction is off.
 * Validation and the test for membership look at the same pictures again and again.
 *
 *     slr_put_noised_look(graph, &rules, rng, timestep, latent, n);     (for every place n)
 *     slr_train_graph_forward(graph);
 *     double loss = slr_noised_look_error(graph, &rules, n) / numbers;
 */
#ifndef SLR_NOISED_LOOK_H
#define SLR_NOISED_LOOK_H

#include "core/rng.h"
#include "train/train_batch.h"
#include "train/train_graph.h"

/* `rng` draws the noise; `latent` (area, channels). The text of place n is the caller's. */
void slr_put_noised_look(const slr_train_graph *graph, const slr_draw_rules *rules, slr_rng rng, int timestep,
                         const slr_real *latent, int64_t n);

/* After forward: the sum of squared errors at place n. */
double slr_noised_look_error(const slr_train_graph *graph, const slr_draw_rules *rules, int64_t n);

#endif
