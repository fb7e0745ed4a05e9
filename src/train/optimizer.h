/* SPDX-License-Identifier: MIT
 *
 * Adam with decoupled weight decay (Kingma & Ba 2015; Loshchilov & Hutter 2019) over the acting
 * rows of an adapter set. Bias correction goes by each row's own age, so that a component born at
 * step 1000 moves like one born at step 1. The moments live in the set.
 *
 *     slr_adam adam = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
 *     double norm = slr_clip_gradients(set, 1.0);
 *     slr_adam_step(&adam, set, &(slr_learning_rates){.unet = 1e-4, .text_encoder = 5e-5});
 */
#ifndef SLR_OPTIMIZER_H
#define SLR_OPTIMIZER_H

#include "adapters/adapter_set.h"

typedef struct slr_adam {
    double beta1, beta2, eps, weight_decay;
} slr_adam;

typedef struct slr_learning_rates {
    double unet, text_encoder;
} slr_learning_rates;

/* Scales all gradients of trainable slots by max_norm / (norm + 1e-6) when that is below 1, as
 * torch.nn.utils.clip_grad_norm_ does; returns the norm before. max_norm 0: only measures. */
double slr_clip_gradients(slr_adapter_set *set, double max_norm);

/* One step of every trainable slot; rows that act, no others. A row of A that grew in training
 * starts to age at its first gradient that is not zero. */
void slr_adam_step(const slr_adam *adam, slr_adapter_set *set, const slr_learning_rates *rates);

/* The same for one vector at its `age`-th step (1, 2, ...): w -= lr wd w; m, v move;
 * w -= lr (m / (1 - beta1^age)) / (sqrt(v / (1 - beta2^age)) + eps). */
void slr_adam_vector(const slr_adam *adam, double lr, int64_t age, slr_real *w,
                     const slr_real *gradient, slr_real *m, slr_real *v, int64_t count);

#endif
