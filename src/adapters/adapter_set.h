/* SPDX-License-Identifier: MIT
 *
 * The low-rank pairs of a model: a table of slots over four contiguous blocks (parameters,
 * gradients, Adam m, Adam v). Slots keep their addresses for the life of the set; growing a rank
 * is `rank++` within the capacity.
 *
 *     slr_adapter_set *set;
 *     slr_adapter_options options = {.seed = 1, .scale = 8, .rank = 1, .probes = 1};
 *     SLR_TRY(slr_adapter_set_new(&options, &set, err));
 *     SLR_TRY(slr_adapter_set_add(set, "unet.mid_block...to_q", 320, 320, err));
 *     SLR_TRY(slr_adapter_set_finish(set, err));       (allocates, draws A)
 *     slr_slot *slot = slr_adapter_set_find(set, "unet.mid_block...to_q");
 *     slr_adapter_set_free(set);
 */
#ifndef SLR_ADAPTER_SET_H
#define SLR_ADAPTER_SET_H

#include "core/status.h"
#include "graph/low_rank_slot.h"

typedef enum slr_adapter_init {
    SLR_INIT_KAIMING, /* A ~ U(+-sqrt(6/in)): the published code */
    SLR_INIT_LORA     /* A ~ U(+-1/sqrt(in)): LoRA, PEFT */
} slr_adapter_init;

typedef enum slr_scale_mode {
    SLR_SCALE_FIXED,        /* s = scale at every rank */
    SLR_SCALE_ALPHA_OVER_R, /* s = scale / r: LoRA */
    SLR_SCALE_RSLORA        /* s = scale / sqrt(r) */
} slr_scale_mode;

typedef struct slr_adapter_options {
    uint64_t seed;
    double scale; /* s itself, or alpha */
    slr_scale_mode scale_mode;
    slr_adapter_init init;
    int rank;   /* at the start */
    int probes; /* candidate rows beside it */
} slr_adapter_options;

/* What the set keeps of one slot beside what kernels see. */
typedef struct slr_adapter {
    slr_slot slot; /* first: a slot's address is its adapter's */
    char *path;    /* component, dot, module path */
    int index;
    int kernel; /* of the convolution it belongs to: `in` counts its taps; 0: a linear layer */
    int born;         /* its rank when training began: the rows from here on grew */
    double strength;  /* multiplies the scale when drawing; 1 in training */
    double own_scale; /* s without the strength */
    slr_real *a, *bt; /* the same memory as slot.a, slot.bt, writable */
    slr_real *m_a, *v_a, *m_bt, *v_bt;
    int64_t *age_a, *age_bt; /* Adam steps each row has seen (capacity) */
} slr_adapter;

typedef struct slr_adapter_set slr_adapter_set;

selora_status slr_adapter_set_new(const slr_adapter_options *options, slr_adapter_set **set,
                                  slr_error *err);
void slr_adapter_set_free(slr_adapter_set *set);

/* Adds a layer. What is drawn for it depends on its path, not on the order of adding. A path
 * twice is an error. */
selora_status slr_adapter_set_add(slr_adapter_set *set, const char *path, int64_t in, int64_t out,
                                  slr_error *err);
/* The same with a rank of its own. */
selora_status slr_adapter_set_add_ranked(slr_adapter_set *set, const char *path, int64_t in, int64_t out,
                                         int rank, slr_error *err);
/* The same with a rank and scale of its own (adapters from files): A and B are zero until the
 * caller fills them. */
selora_status slr_adapter_set_add_given(slr_adapter_set *set, const char *path, int64_t in,
                                        int64_t out, int rank, double scale, slr_error *err);
/* Takes a layer out; those behind it move up. */
void slr_adapter_set_remove(slr_adapter_set *set, int index);
/* Allocates the blocks, draws A of every slot added without given values; B = 0. */
selora_status slr_adapter_set_finish(slr_adapter_set *set, slr_error *err);

slr_slot *slr_adapter_set_find(slr_adapter_set *set, const char *path); /* NULL when not adapted */
int slr_adapter_set_count(const slr_adapter_set *set);
slr_adapter *slr_adapter_set_at(const slr_adapter_set *set, int index);
const slr_adapter_options *slr_adapter_set_options(const slr_adapter_set *set);

/* Parameters that act: sum of rank (in + out). */
int64_t slr_adapter_set_parameters(const slr_adapter_set *set);
size_t slr_adapter_set_bytes(const slr_adapter_set *set);

void slr_adapter_set_zero_gradients(slr_adapter_set *set);
/* Squared norms in double: of the acting rows of gA and gB together. */
double slr_adapter_gradient_energy(const slr_adapter *adapter);
/* ||g||^2 of candidate j: the gradient that its zero column of B would get. */
double slr_adapter_probe_energy(const slr_adapter *adapter, int j);
/* sqrt of the sum over all trainable slots. */
double slr_adapter_set_gradient_norm(const slr_adapter_set *set);
/* The first slot whose acting gradients (or parameters) are not finite, or NULL. */
const slr_adapter *slr_adapter_set_nonfinite(const slr_adapter_set *set, bool gradients);

/* s for a rank by the set's scale mode (a slot with a given scale keeps it). */
double slr_adapter_scale_at(const slr_adapter_set *set, int rank);
/* Sets s; with `compensate`, B goes by s_old/s_new, its m by s_new/s_old, v by the square: same
 * function, same Adam units. */
void slr_adapter_set_scale(slr_adapter *adapter, double scale, bool compensate);
/* slot.scale = own scale times strength, for every slot of the component ("unet",
 * "text_encoder", NULL: all). */
void slr_adapter_set_strength(slr_adapter_set *set, const char *component, double strength);
/* Gradients or not, for every slot of the component. */
void slr_adapter_set_trainable(slr_adapter_set *set, const char *component, bool trainable);

/* Makes room for ranks[i] components and the candidates in every slot i (0 leaves it). *moved
 * tells that memory had to grow: every old bit is kept and slots stay where they are, but
 * pointers into blocks and recorded graphs are stale. */
selora_status slr_adapter_set_reserve(slr_adapter_set *set, const int *ranks, bool *moved,
                                      slr_error *err);
/* Row `rank` of A (the tested candidate) becomes a component; its B row, moments and ages are
 * zero. Room for rank + 1 must be reserved. */
void slr_adapter_activate(slr_adapter *adapter);
/* Fills row `row` of A as the set's init says from the probe stream at (seed, step, layer,
 * draw). */
void slr_adapter_draw_row(const slr_adapter_set *set, slr_adapter *adapter, int row, uint32_t step,
                          uint32_t draw);

/* row (in) += row `o` of scale B A. */
void slr_adapter_add_row(const slr_adapter *adapter, int64_t o, double *row);

#endif
