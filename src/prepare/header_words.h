/* SPDX-License-Identifier: MIT
 *
 * Texts of DICOM headers as words of prompts. Only defined terms pass: what else may stand in such an element
 * is somebody's free text. All return NULL for the rest.
 *
 *     const char *view = slr_view_name("LL");           ("LL")
 *     const char *words = slr_view_words("LL");         ("left lateral")
 */
#ifndef SLR_HEADER_WORDS_H
#define SLR_HEADER_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* The term itself, in capitals without blanks at its ends. Any case is read. */
const char *slr_view_name(const char *value);       /* AP, PA, LL, RL, LATERAL, CC, MLO ... */
const char *slr_modality_name(const char *value);   /* CR, DX, CT ... */
const char *slr_body_part_name(const char *value);  /* CHEST, HEAD ... */
const char *slr_laterality_name(const char *value); /* L, R, B */
const char *slr_sex_name(const char *value);        /* M, F, O */

/* As a prompt says it; `name` is one of the above. */
const char *slr_view_words(const char *name);       /* AP, PA, left lateral, right lateral, lateral ... */
const char *slr_laterality_words(const char *name); /* left, right, bilateral */
const char *slr_sex_words(const char *name);        /* male, female, other */

enum { SLR_BODY_PART_WORDS = 48 };
bool slr_body_part_words(const char *name,
                         char words[SLR_BODY_PART_WORDS]); /* chest; false: no defined term */

/* The view that a caption names, when it names one alone: "Xray Chest PA and Lateral" gives NULL. */
const char *slr_view_in_caption(const char *caption);

enum { SLR_AGE_TEXT = 8 };
/* "032Y", "006M", "32", "32.5" as "30-34" or, exact, "32"; over 89 as "90+". False for anything else. */
bool slr_age_words(const char *value, bool exact, char text[SLR_AGE_TEXT]);

#endif
