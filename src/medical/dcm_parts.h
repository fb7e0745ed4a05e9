/* SPDX-License-Identifier: MIT
 *
 * What stands behind the DICOM boundary in plain C: which syntaxes there are, which headers make sense, where
 * frames begin, and the decoders that are not DCMTK's. Only the files dcm*.c and dcm.cc include this.
 */
#ifndef SLR_DCM_PARTS_H
#define SLR_DCM_PARTS_H

#include "medical/dcm.h"

/* ---- transfer syntaxes ---- */

typedef enum slr_dcm_coding {
    SLR_DCM_NATIVE, /* pixels as they are */
    SLR_DCM_RLE,
    SLR_DCM_JPEG, /* 8 or 12 bits lossy, 2 to 16 bits lossless */
    SLR_DCM_JPEG_LS,
    SLR_DCM_JPEG_2000,
    SLR_DCM_UNDECODED
} slr_dcm_coding;

typedef struct slr_dcm_syntax {
    const char *uid, *name;
    slr_dcm_coding coding;
} slr_dcm_syntax;

/* NULL: no syntax that this list knows. */
const slr_dcm_syntax *slr_dcm_find_syntax(const char *uid);
/* The sentence for one that is refused; `uid` comes from a file. */
void slr_dcm_refuse_syntax(const char *uid, char *text, size_t capacity);

/* How a data set is written (implicit, explicit, big endian, deflated): by its syntax, and by the first bytes
 * of the file (NULL: they do not show it). */
enum { SLR_DCM_FILE_HEAD = 2048 };
const char *slr_dcm_syntax_encoding(const slr_dcm_syntax *syntax);
const char *slr_dcm_data_encoding(const uint8_t *head, size_t size);

/* ---- header ---- */

/* Values as they stand in the header, ABSENT where there is none. */
enum { SLR_DCM_ABSENT = -1 };
typedef struct slr_dcm_header {
    int64_t rows, columns, frames, samples, bits_allocated, bits_stored, high_bit, representation, planar;
    bool has_pixels, has_float_pixels;
    bool encapsulated;    /* Pixel Data is a sequence of fragments */
    int64_t pixel_length; /* of Pixel Data in bytes when it is not */
    char photometric[SLR_DCM_MODEL], transfer_syntax[SLR_DCM_UID];
} slr_dcm_header;

/* Everything in the description, from the header alone. */
void slr_dcm_judge(const slr_dcm_header *header, slr_dcm_desc *desc);

/* ---- fragments ---- */

enum { SLR_DCM_HEAD = 12 };
typedef struct slr_dcm_fragment {
    uint32_t length;
    uint8_t head[SLR_DCM_HEAD]; /* its first bytes, zeros behind its end */
} slr_dcm_fragment;

/* first[k] = the fragment with which frame k begins; first[frames] = count. `offsets`: the Basic Offset
 * Table. */
selora_status slr_dcm_find_frames(slr_dcm_coding coding, const slr_dcm_fragment *fragments, size_t count,
                                  const uint32_t *offsets, size_t offset_count, uint32_t frames,
                                  uint32_t *first, slr_error *err);

/* ---- decoders ---- */

/* The frame header of a JPEG or JPEG-LS stream against the DICOM header; *precision is in bits. */
selora_status slr_jpeg_check_header(const uint8_t *data, size_t size, const slr_dcm_desc *desc,
                                    int *precision, slr_error *err);

/* One frame, `desc->frame_bytes` bytes into out, samples of a pixel side by side. */
selora_status slr_rle_decode(const uint8_t *data, size_t size, const slr_dcm_desc *desc, uint8_t *out,
                             slr_error *err);
/* *other_sign: the codestream says signed where the header says unsigned or the other way round. */
selora_status slr_jpeg2000_decode(const uint8_t *data, size_t size, const slr_dcm_desc *desc, uint8_t *out,
                                  char model[SLR_DCM_MODEL], bool *other_sign, slr_error *err);

/* From plane by plane to pixel by pixel. */
void slr_dcm_interleave(const uint8_t *planes, size_t pixels, int samples, int sample_bytes, uint8_t *out);

#endif
