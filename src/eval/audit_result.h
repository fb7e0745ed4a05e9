/* SPDX-License-Identifier: MIT
 *
 * All that an audit found, for report/audit_file.h and report/audit_page.h.
 */
#ifndef SLR_AUDIT_RESULT_H
#define SLR_AUDIT_RESULT_H

#include "eval/membership.h"
#include "eval/memorisation.h"
#include "io/checksum.h"

enum { SLR_AUDIT_SPACES = 8, SLR_AUDIT_STEPS = 256, SLR_AUDIT_REPEATS = 4 };

/* Copies in one space of pictures, such as "pixel". */
typedef struct slr_audit_space {
    char name[64];
    slr_memorisation copies;
    /* Training pictures by how many share their prompt (1, 2..3, 4..9, 10 and more), and how many of them are
     * memorised. */
    size_t repeated[SLR_AUDIT_REPEATS], memorised[SLR_AUDIT_REPEATS];
} slr_audit_space;

/* Pictures drawn from the prompts of pictures, compared with these very pictures. */
typedef struct slr_own_prompts {
    char space[64];
    size_t prompts, others, seeds;  /* of training pictures; of held-out ones; pictures for each */
    double least, mean;             /* over training prompts: mean of the smallest and of the mean distance */
    double other_least, other_mean; /* over held-out prompts */
    slr_roc roc; /* of -smallest distance: do training prompts come nearer to their picture? */
} slr_own_prompts;

typedef struct slr_audit_step {
    int64_t step;
    slr_membership membership;
} slr_audit_step;

typedef struct slr_audit_result {
    const char *kind; /* "small": at the end of training; "full" */
    int64_t step;     /* of the adapter in training; 0: the one in the file with this hash */
    char adapter_sha256[SLR_SHA256_HEX], model_sha256[SLR_SHA256_HEX], data_sha256[SLR_SHA256_HEX];
    size_t train, held_out; /* pictures */
    bool patients_known;    /* the held-out pictures are of other patients */
    bool has_membership;
    int seeds; /* of its noise */
    slr_membership membership;
    size_t step_count;
    slr_audit_step steps[SLR_AUDIT_STEPS]; /* the same by checkpoint, ascending */
    size_t synthetic;
    size_t space_count;
    slr_audit_space spaces[SLR_AUDIT_SPACES];
    size_t own_count;
    slr_own_prompts own[SLR_AUDIT_SPACES];
} slr_audit_result;

/* The worst verdict of all spaces. */
slr_copying slr_audit_verdict(const slr_audit_result *result);
void slr_audit_result_free(slr_audit_result *result); /* zeroes it */

#endif
