/* SPDX-License-Identifier: MIT
 *
 * The grey rule of a DICOM frame, put together from its header: which table, slope, window, inversion.
 */
#ifndef SLR_DICOM_RULE_H
#define SLR_DICOM_RULE_H

#include "medical/dcm.h"
#include "medical/grey_pipeline.h"
#include "medical/medical_options.h"

/* The rule points into the tables beside it: it stays where it is. */
typedef struct slr_dicom_rule {
    slr_grey_rule grey;
    slr_lut modality_lut, voi_lut;
} slr_dicom_rule;

/* Of a grey frame. Percentiles are known only from pixels: then grey.low and high are 0 and grey.voi says
 * which. Sets facts->voi, its range and warnings, inverted, has_padding; on failure facts->skip. */
selora_status slr_dicom_rule_read(const slr_dcm *dcm, uint32_t frame, const slr_medical_options *options,
                                  slr_dicom_rule *rule, slr_picture_facts *facts, slr_error *err);
void slr_dicom_rule_free(slr_dicom_rule *rule);

/* Descriptor and data of a table, into *lut. */
selora_status slr_dicom_read_lut(const slr_dcm *dcm, const char *descriptor_path, const char *data_path,
                                 bool input_is_signed, const char *what, slr_lut *lut, slr_error *err);

#endif
