/* SPDX-License-Identifier: MIT
 *
 * Does a generator copy its training pictures? Synthetic pictures are as near to the training pictures as
 * held-out real ones of other patients when nothing was copied, whatever the distance is: the held-out ones
 * calibrate it.
 *
 *     slr_picture_space space = {.train = 500, .held_out = 100, .synthetic = 200, .row = ...};
 *     slr_memorisation m;
 *     SLR_TRY(slr_memorisation_judge(&space, threads, hooks, &m, err));
 *     puts(slr_copying_text(m.verdict));
 *     slr_memorisation_free(&m);
 *
 * eval/picture_space.h has distances: Euclidean, RMS, cosine, and of pixels whatever the shift. Equal bits
 * for any number of threads.
 */
#ifndef SLR_MEMORISATION_H
#define SLR_MEMORISATION_H

#include "core/hooks.h"
#include "eval/binomial.h"

typedef enum slr_audit_side { SLR_AUDIT_TRAIN, SLR_AUDIT_HELD_OUT, SLR_AUDIT_SYNTHETIC } slr_audit_side;

typedef struct slr_picture_space {
    size_t train, held_out, synthetic;
    const void *context;
    /* Distances of picture i of a side to every training picture; called by several threads. Never negative,
     * never NaN. `scratch`: scratch_bytes, one for each thread. */
    void (*row)(const void *context, slr_audit_side side, size_t i, double *distances, void *scratch);
    size_t scratch_bytes;
} slr_picture_space;

typedef enum slr_copying {
    SLR_COPYING_UNKNOWN,
    SLR_COPYING_NONE,
    SLR_COPYING_POSSIBLE,
    SLR_COPYING_CLEAR
} slr_copying;

enum { SLR_NEIGHBOURHOOD = 50, SLR_FEWEST_HELD_OUT = 20 };
static const double slr_innocent_rate = 0.05; /* the share of held-out pictures below tau */

typedef struct slr_neighbour {
    uint32_t index;     /* the nearest training picture */
    double distance;    /* to it */
    double local_ratio; /* distance / mean of the next training pictures, at most SLR_NEIGHBOURHOOD; NaN
                           without any */
} slr_neighbour;

typedef struct slr_memorisation {
    size_t train, held_out, synthetic;
    slr_neighbour *nearest;     /* (synthetic) */
    double *calibration;        /* (held_out): their nearest distances */
    double tau;                 /* 5 % quantile of calibration */
    size_t copies;              /* synthetic pictures nearer than tau */
    double copy_rate, tail;     /* tail: P(that many copies or more) at 5 % */
    slr_interval copy_interval; /* Wilson, 95 % */
    double median_ratio;        /* of distances, synthetic / held-out */
    double u, z;         /* C_T of Meehan et al. 2020; z > 3 means copying: synthetic pictures are nearer than
                            held-out ones */
    double authenticity; /* share at least as far from its neighbour as that one is from other training
                            pictures; NaN: one picture */
    bool *memorised;     /* (train): it is the neighbour of a copy */
    size_t memorised_count;
    size_t near_copies;  /* synthetic pictures four times nearer than the nearest held-out picture is */
    slr_copying verdict; /* unknown below SLR_FEWEST_HELD_OUT held-out pictures; all numbers but distances are
                            NaN without any */
} slr_memorisation;

/* At least one training and one synthetic picture. Free it also after a failure. */
selora_status slr_memorisation_judge(const slr_picture_space *space, int threads, const slr_hooks *hooks,
                                     slr_memorisation *m, slr_error *err);
void slr_memorisation_free(slr_memorisation *m);

const char *slr_copying_text(slr_copying verdict); /* "no sign of copying", ... */

#endif
