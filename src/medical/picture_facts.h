/* SPDX-License-Identifier: MIT
 *
 * What is known about one picture that came out of a medical file: the allow-listed values of its
 * header, which rules made its greys, what was odd about it, or why there is no picture. A plain
 * struct of one size without pointers: a worker sends it through a pipe as it is.
 *
 * The keys (patient_id, study_uid, series_uid) identify people: they stay in memory, where they are
 * hashed. They are never written, logged or put into a message.
 */
#ifndef SLR_PICTURE_FACTS_H
#define SLR_PICTURE_FACTS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SLR_FACT_TEXT = 17, /* a DICOM code string: 16 characters and a NUL */
    SLR_FACT_KEY = 65   /* an identifier: 64 characters and a NUL; longer ones become their SHA-256 */
};

typedef enum slr_picture_kind {
    SLR_KIND_UNKNOWN,
    SLR_KIND_PNG,
    SLR_KIND_JPEG,
    SLR_KIND_DICOM,
    SLR_KIND_NIFTI,
    SLR_KIND_COUNT
} slr_picture_kind;

/* Why a file or frame gave no picture. */
typedef enum slr_picture_skip {
    SLR_SKIP_NONE,
    SLR_SKIP_FORMAT,          /* no PNG, JPEG, DICOM or NIfTI */
    SLR_SKIP_UNREADABLE,      /* missing, empty, no permission */
    SLR_SKIP_DAMAGED,         /* truncated, contradictory or broken */
    SLR_SKIP_NO_PIXELS,       /* reports, plans, presentation states */
    SLR_SKIP_PDF,             /* encapsulated document */
    SLR_SKIP_FLOAT_PIXELS,    /* Float or Double Float Pixel Data */
    SLR_SKIP_ONE_BIT,         /* segmentations */
    SLR_SKIP_WIDE_BITS,       /* neither 8 nor 16 bits allocated */
    SLR_SKIP_LOCALIZER,       /* unless asked for */
    SLR_SKIP_FOR_PROCESSING,  /* unless asked for */
    SLR_SKIP_BURNED_IN,       /* says that text is burned in, unless allowed */
    SLR_SKIP_COLOUR,          /* true colour where only grey was asked for */
    SLR_SKIP_TRANSFER_SYNTAX, /* a coding that is not read */
    SLR_SKIP_COLOUR_MODEL,    /* a photometric interpretation, CMYK or pixel layout that is not read */
    SLR_SKIP_VALUES,          /* lookup table, palette, slope or window that makes no sense */
    SLR_SKIP_ORIENTATION,     /* EXIF says that the picture lies on its side, unless turning is allowed */
    SLR_SKIP_NO_FRAME,        /* the frame, volume or slice asked for is not there */
    SLR_SKIP_NOT_BUILT,       /* this build reads no DICOM or no NIfTI */
    SLR_SKIP_COUNT
} slr_picture_skip;

/* What turned values into greys. */
typedef enum slr_voi_source {
    SLR_VOI_NONE, /* colour, PNG, JPEG: the values are greys already */
    SLR_VOI_LUT,
    SLR_VOI_WINDOW, /* of the file */
    SLR_VOI_USER,   /* a window given as an option */
    SLR_VOI_PERCENTILE,
    SLR_VOI_MINMAX,
    SLR_VOI_FULL,
    SLR_VOI_SOURCE_COUNT
} slr_voi_source;

typedef enum slr_colour {
    SLR_COLOUR_GREY,      /* one channel in the file */
    SLR_COLOUR_GREY_RGB,  /* three channels that never differ by more than 2 of 255: made grey */
    SLR_COLOUR_ANNOTATED, /* coloured marks: over 8 of 255 apart in at most a tenth of the pixels */
    SLR_COLOUR_TRUE,
    SLR_COLOUR_COUNT
} slr_colour;

typedef enum slr_answer { SLR_ABSENT, SLR_NO, SLR_YES } slr_answer;

/* Bits of slr_picture_facts.warnings. */
enum {
    SLR_WARN_SHAPE_CONFLICT = 1 << 0, /* MONOCHROME1 with shape IDENTITY, or MONOCHROME2 with INVERSE */
    SLR_WARN_WINDOW_IGNORED = 1 << 1, /* a width out of range: as if absent */
    SLR_WARN_BURNED_IN = 1 << 2,      /* not stated, in a kind of picture that often has text in it */
    SLR_WARN_SIGN = 1 << 3,           /* a codestream's own sign differs from the header */
    SLR_WARN_NO_ORIENTATION = 1 << 4, /* NIfTI without sform and qform: axes taken as they are */
    SLR_WARN_NAN = 1 << 5,            /* voxels that are not numbers */
    SLR_WARN_ALPHA = 1 << 6,          /* see-through pixels were put on black */
    SLR_WARN_DARK = 1 << 7,           /* 16-bit PNG that uses less than a quarter of its range */
    SLR_WARN_COLOUR_PROFILE = 1 << 8, /* gAMA, sRGB or iCCP that is ignored */
    SLR_WARN_CONSTANT = 1 << 9,       /* every pixel has the same value */
    SLR_WARN_LUT_ITEM = 1 << 10,      /* the VOI item asked for is not there: the first was taken */
    SLR_WARN_SYNTHETIC = 1 << 11,     /* the header calls the picture synthetic */
    SLR_WARN_TURNED = 1 << 12,        /* EXIF orientation was applied */
    SLR_WARN_NO_SQUARE = 1 << 13,     /* spacing that makes no sense: pixels taken as square */
    SLR_WARN_COUNT = 14
};

typedef struct slr_picture_facts {
    slr_picture_kind kind;
    slr_picture_skip skip; /* other than SLR_SKIP_NONE whenever reading failed */
    uint32_t warnings;     /* SLR_WARN_... */

    /* the picture */
    int32_t source_width, source_height; /* of the file, before pixels were made square */
    int32_t width, height, channels;     /* as handed out */
    int64_t frame, frames;               /* counted from 0; of a NIfTI: slice along the axis */
    int64_t volume, volumes;             /* 4D NIfTI, else 0 of 1 */
    char axis;                           /* NIfTI: 'a'xial, 'c'oronal, 's'agittal, else 0 */
    bool neurological;                   /* NIfTI: left of the patient is left in the picture */
    char axis_codes[4];                  /* NIfTI as stored, such as "LSA" */
    double spacing[2];                   /* mm between rows and between columns of the source; 0 unknown */
    double slice_thickness;              /* mm; 0 unknown */

    /* how its greys came about */
    int32_t bits_stored;
    bool is_signed;
    slr_voi_source voi;
    double voi_low, voi_high; /* range of a window or of percentiles, in values after the modality step */
    int32_t voi_choices;      /* windows or tables that the file offers */
    bool inverted;
    bool has_padding; /* the file states a padding value */
    int64_t padding_pixels;
    int64_t nan_voxels;
    int64_t see_through_pixels; /* PNG: alpha below 1 */
    int32_t sample_max;         /* PNG, JPEG: largest stored sample */
    int32_t significant_bits;   /* PNG: sBIT; 0 absent */
    slr_colour colour;
    double colour_residual; /* max of |R-G|, |G-B|, of 255 */
    double colour_share;    /* pixels above 8 of 255, 0..1 */

    /* the header: texts that may leave */
    char modality[SLR_FACT_TEXT];
    char view_position[SLR_FACT_TEXT];
    char laterality[SLR_FACT_TEXT]; /* Image Laterality, else Laterality */
    char body_part[SLR_FACT_TEXT];
    char sex[SLR_FACT_TEXT];        /* M, F, O or empty */
    char age[SLR_FACT_TEXT];        /* as "032Y"; whoever writes it makes a 5-year group of it */
    char image_type[SLR_FACT_TEXT]; /* value 3 of Image Type */
    char photometric[SLR_FACT_TEXT];
    char rescale_type[SLR_FACT_TEXT];
    char transfer_syntax[SLR_FACT_KEY]; /* a UID of the standard, never of a patient */
    slr_answer lossy;
    double lossy_ratio; /* 0 unknown */
    char lossy_method[SLR_FACT_TEXT];
    slr_answer burned_in;
    slr_answer deidentified;

    /* where a slice lies, for sorting a series of single files */
    bool has_position, has_orientation;
    double position[3], orientation[6];

    /* memory only, see above */
    char patient_id[SLR_FACT_KEY];
    char study_uid[SLR_FACT_KEY];
    char series_uid[SLR_FACT_KEY];
} slr_picture_facts;

/* Short English texts for counts and messages: "PNG", "no pixel data", "VOI LUT", "grey" ... */
const char *slr_picture_kind_name(slr_picture_kind kind);
const char *slr_picture_skip_name(slr_picture_skip skip);
const char *slr_voi_source_name(slr_voi_source source);
const char *slr_colour_name(slr_colour colour);
/* What the bit says, and what to do about it where there is something; `bit` from 0. */
const char *slr_picture_warning_name(int bit);
/* "JPEG Lossless SV1" for a UID of PS3.6, "" when it is not known. */
const char *slr_transfer_syntax_name(const char *uid);

#endif
