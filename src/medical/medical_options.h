/* SPDX-License-Identifier: MIT
 *
 * How medical files become pictures. One set of options holds for a whole data set.
 *
 *     slr_medical_options options = slr_medical_options_default();
 *     SLR_TRY(slr_medical_parse_window("lung", &options, err));
 *     SLR_TRY(slr_medical_parse_slice("every:4", &options, err));
 */
#ifndef SLR_MEDICAL_OPTIONS_H
#define SLR_MEDICAL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"
#include "medical/voi.h"

typedef enum slr_no_voi { SLR_NO_VOI_PERCENTILE, SLR_NO_VOI_MINMAX, SLR_NO_VOI_FULL } slr_no_voi;

typedef enum slr_slice_rule {
    SLR_SLICE_MID,
    SLR_SLICE_ALL,
    SLR_SLICE_EVERY,  /* slice_number apart, from 0 */
    SLR_SLICE_INDEX,  /* slice_number alone */
    SLR_SLICE_LARGEST /* most values above the 5th percentile of the whole volume */
} slr_slice_rule;

typedef enum slr_axis { SLR_AXIS_AXIAL, SLR_AXIS_CORONAL, SLR_AXIS_SAGITTAL } slr_axis;

enum { SLR_BLACKOUT_MAX = 16 };

typedef struct slr_blackout {
    int32_t x, y, width, height; /* in pixels of the file, from its upper left corner */
} slr_blackout;

typedef struct slr_medical_options {
    /* one window for all files instead of each file's own; given by name it is in Hounsfield units, and
     * DICOM files of other modalities than CT keep their own */
    bool has_window, window_named;
    double window_centre, window_width;
    slr_voi_function window_function;
    int voi_item;      /* which window or table of a file that has several */
    slr_no_voi no_voi; /* for files with neither */
    bool mixed_voi;    /* given and own windows may mix in a modality; for whoever sees all files */
    bool keep_padding; /* padding counts as any value; else it is masked and becomes black */

    slr_slice_rule slice;
    int64_t slice_number;
    slr_axis axis;     /* NIfTI: through which plane */
    int64_t volume;    /* NIfTI of several */
    bool neurological; /* NIfTI: left of the patient on the left */

    bool grey_only;                                   /* true colour is refused */
    bool localizers, for_processing, allow_burned_in; /* kept instead of skipped */
    bool exif_rotate; /* JPEG: turn as EXIF says; else such files are refused */
    int32_t png_max;  /* 16-bit grey PNG: the value that is white; 0: 65535 */
    slr_blackout blackout[SLR_BLACKOUT_MAX];
    int blackouts;
} slr_medical_options;

/* Windows of the files, percentiles where there is none, the middle slice, axial, radiological. */
slr_medical_options slr_medical_options_default(void);

/* Texts of the command line; SELORA_USAGE with what is accepted. */
/* "lung", "mediastinum", "brain", "bone", "abdomen", or "CENTRE/WIDTH". */
selora_status slr_medical_parse_window(const char *text, slr_medical_options *options, slr_error *err);
/* "percentile", "minmax", "full". */
selora_status slr_medical_parse_no_voi(const char *text, slr_medical_options *options, slr_error *err);
/* "black", "keep". */
selora_status slr_medical_parse_padding(const char *text, slr_medical_options *options, slr_error *err);
/* "mid", "all", "every:N", "index:K", "largest". */
selora_status slr_medical_parse_slice(const char *text, slr_medical_options *options, slr_error *err);
/* "axial", "coronal", "sagittal". */
selora_status slr_medical_parse_axis(const char *text, slr_medical_options *options, slr_error *err);
/* "X,Y,WIDTH,HEIGHT"; may be given several times, each adds one. */
selora_status slr_medical_parse_blackout(const char *text, slr_medical_options *options, slr_error *err);

#endif
