/* SPDX-License-Identifier: MIT
 *
 * What a DICOM header says about a frame, as allow-listed facts; whether it is a picture to take at all.
 */
#ifndef SLR_DICOM_FACTS_H
#define SLR_DICOM_FACTS_H

#include "medical/dcm.h"
#include "medical/medical_options.h"
#include "medical/picture_facts.h"

/* Fills everything but what the grey rule and the pixels tell. SELORA_BAD_INPUT with facts->skip set for
 * objects without pixels that are read, and for those that the options leave out. */
selora_status slr_dicom_header_facts(const slr_dcm *dcm, uint32_t frame, const slr_medical_options *options,
                                     slr_picture_facts *facts, slr_error *err);

/* Vertical over horizontal spacing of the pixels, as (row, column): 1, 1 when the header has none. */
void slr_dicom_aspect(const slr_dcm *dcm, uint32_t frame, double aspect[2]);

/* A code string as the standard has it: capitals, digits, blank, underscore, at most 16; the first value of
 * several. Small letters become capitals; anything else empties it, for it may be free text. */
void slr_dicom_clean_code(const char *text, char code[SLR_FACT_TEXT]);

#endif
