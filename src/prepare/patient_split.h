/* SPDX-License-Identifier: MIT
 *
 * Which pictures train, validate and test: patients, and all that `clusters` joins (copies, pictures of one
 * report), are never cut.
 *
 *     slr_patient_split_options options = {.seed = 42};
 *     slr_side *sides = slr_alloc(count, sizeof *sides);
 *     slr_split_report report;
 *     SLR_TRY(slr_patient_split(&options, pictures, count, &clusters, sides, &report, err));
 *     slr_split_report_free(&report);
 *
 * hash: the side of a group depends on SHA-256(seed, patient) alone, so it stays when files are added; shares
 * hold on average. exact: groups in the order of their hashes fill the parts to their sizes. Groups with a
 * known side keep it in both.
 */
#ifndef SLR_PATIENT_SPLIT_H
#define SLR_PATIENT_SPLIT_H

#include <stdint.h>

#include "core/status.h"
#include "data/dataset.h"
#include "prepare/clusters.h"

typedef enum slr_split_rule {
    SLR_SPLIT_AUTO, /* hash; exact when there are labels to stratify by */
    SLR_SPLIT_HASH,
    SLR_SPLIT_EXACT
} slr_split_rule;

/* Zero-initialised: 80 % / 16 % / 4 % by hash. */
typedef struct slr_patient_split_options {
    slr_split_rule rule;
    uint64_t seed;
    double shares[3]; /* train, validation, test; any scale; all 0: the paper's */
    bool stratify;    /* by the pictures' labels; SELORA_USAGE together with SLR_SPLIT_HASH */
} slr_patient_split_options;

/* "80/16/4" or "0.8,0.1,0.1"; two numbers leave no test part. */
selora_status slr_split_shares_parse(const char *text, double shares[3], slr_error *err);

typedef struct slr_split_picture {
    const char *patient; /* as slr_patient_choose() gave it; NULL or "": not known */
    const char *key;     /* tells patients apart where `patient` is not known of all; NULL: `patient` does */
    const char *picture; /* what stands for it when the patient is not known: SHA-256 of its pixels */
    const char *label;   /* NULL or "": none */
    slr_side known;      /* of an earlier split; SLR_SIDE_NONE: new */
} slr_split_picture;

typedef struct slr_label_count {
    char *label;
    size_t pictures[4]; /* [slr_side] */
} slr_label_count;

/* Arrays are indexed by slr_side; [SLR_SIDE_NONE] is the sum. */
typedef struct slr_split_report {
    size_t pictures[4], patients[4]; /* a picture of an unknown patient counts as a patient */
    size_t unknown;                  /* pictures of unknown patients; all of them: a split by picture */
    size_t groups, largest_group;    /* units of the split; pictures of the largest */
    size_t largest_patient;          /* pictures of one patient; near all: the IDs are no IDs */
    size_t patients_on_two_sides;    /* counted afresh from the result: 0 */
    slr_label_count *labels;         /* when there are labels: sorted, label "" for pictures without */
    size_t label_count;
} slr_split_report;

/* Joins patients in `clusters`, fills sides[count]. SELORA_BAD_INPUT when a group holds two known sides; the
 * message names pictures by number, from 1. */
selora_status slr_patient_split(const slr_patient_split_options *options, const slr_split_picture *pictures,
                                size_t count, slr_clusters *clusters, slr_side *sides,
                                slr_split_report *report, slr_error *err);
/* The report alone, counted from given sides: all but the groups. `report` is zeroed before. */
selora_status slr_split_report_fill(const slr_split_picture *pictures, const slr_side *sides, size_t count,
                                    slr_split_report *report, slr_error *err);
void slr_split_report_free(slr_split_report *report); /* also of a zeroed one */

#endif
