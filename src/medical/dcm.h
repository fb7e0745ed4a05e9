/* SPDX-License-Identifier: MIT
 *
 * The one boundary between selora and the DICOM library: bytes in, stored pixel values and header values out.
 * No DICOM meaning lives behind it (windows, inversion, colour: picture code decides), no C++ type or
 * exception leaves it. Messages never hold the path and never text from the header but code strings of group
 * 0028 and UIDs of syntaxes; callers put the row number or the path in front.
 *
 *     SLR_TRY(slr_dcm_init(err));               once, before threads and forks
 *     slr_dcm *dcm;
 *     slr_dcm_desc desc;
 *     SLR_TRY(slr_dcm_open("chest.dcm", &dcm, err));
 *     slr_dcm_describe(dcm, &desc);
 *     if (desc.pixels == SLR_DCM_PIXELS)
 *         status = slr_dcm_frame(dcm, 0, words, desc.frame_bytes, model, err);
 *     slr_dcm_close(dcm);
 */
#ifndef SLR_DCM_H
#define SLR_DCM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"

/* Is there anything in an object that slr_dcm_frame can give? */
typedef enum slr_dcm_pixels {
    SLR_DCM_PIXELS,       /* yes */
    SLR_DCM_NO_PIXELS,    /* no Pixel Data: reports, plans, presentation states, documents */
    SLR_DCM_FLOAT_PIXELS, /* Float or Double Float Pixel Data alone */
    SLR_DCM_BIT_PIXELS,   /* one bit a pixel: segmentations */
    SLR_DCM_WIDE_PIXELS,  /* neither 8 nor 16 bits allocated: RT dose */
    SLR_DCM_OTHER_SYNTAX, /* a transfer syntax that is not decoded: video, high-throughput JPEG 2000 ... */
    SLR_DCM_BAD_PIXELS    /* header values that are missing, out of range or contradict each other */
} slr_dcm_pixels;

enum { SLR_DCM_MODEL = 24, SLR_DCM_UID = 65, SLR_DCM_REFUSAL = 320 };

/* What the header says about the pixels. Values are as stored, also where `pixels` refuses them; 0 where
 * absent. */
typedef struct slr_dcm_desc {
    slr_dcm_pixels pixels;
    uint32_t rows, columns;
    uint32_t frames; /* absent, empty or 0 in the file: 1 */
    int samples;     /* 1 or 3 */
    int bits_allocated, bits_stored, high_bit;
    bool is_signed;  /* (0028,0103) */
    int planar;      /* as stored; frames come pixel by pixel whatever it says */
    bool other_sign; /* JPEG 2000 only, known after a frame: the stream contradicts (0028,0103), which is
                        followed */
    char photometric[SLR_DCM_MODEL];
    char transfer_syntax[SLR_DCM_UID];
    size_t frame_bytes;            /* of one frame as slr_dcm_frame gives it; 0: no usable pixels */
    char refusal[SLR_DCM_REFUSAL]; /* why not, with tag, found, expected; "" when usable */
} slr_dcm_desc;

typedef struct slr_dcm slr_dcm;

/* False in a build without DCMTK, where everything else fails and says so. */
bool slr_dcm_is_built(void);

/* Registers the decoders and loads the dictionary, without which every tag reads as absent; refuses to go on
 * when it cannot be found. May be called again. Not while other threads use DICOM objects. */
selora_status slr_dcm_init(slr_error *err);
void slr_dcm_shutdown(void);

/* Can these first bytes of a file (132 or more, if it has them) be DICOM? With the letters DICM, or without a
 * preamble. */
bool slr_dcm_looks_like(const void *head, size_t size);

/* Reads the header; pixels stay in the file. Damaged, truncated and foreign files are SELORA_BAD_INPUT. */
selora_status slr_dcm_open(const char *path, slr_dcm **dcm, slr_error *err);
void slr_dcm_describe(const slr_dcm *dcm, slr_dcm_desc *desc);
void slr_dcm_close(slr_dcm *dcm); /* NULL is fine */

/* Stored values of one frame (0 is the first) into `out`, which must have frame_bytes bytes: host byte order,
 * samples of a pixel side by side, 8 bits allocated as bytes and 16 as words, bits above Bits Stored as they
 * came. model: the photometric interpretation of what is in `out` (YBR may have become RGB while decoding).
 * Uncompressed YBR_FULL_422 comes as Y0 Y1 Cb Cr for each pair of pixels. */
selora_status slr_dcm_frame(slr_dcm *dcm, uint32_t frame, void *out, size_t bytes, char model[SLR_DCM_MODEL],
                            slr_error *err);

/* Header values. `path` is "gggg,eeee" or "gggg,eeee[i]/gggg,eeee": items of sequences counted from 0.
 * -1: absent, -2: another kind of value. An element without a value has 0 values. */

/* How many numbers the element holds; the first n of them go to out. DS, IS, US, SS, UL, SL, FL, FD, words of
 * OW, bytes of OB. The sign is that of the value representation: where the standard says "US or SS" only the
 * caller knows. */
long slr_dcm_doubles(const slr_dcm *dcm, const char *path, double *out, size_t n);
/* Its length; the text, cut to n - 1 bytes and ended with NUL, goes to out. Several values are joined by a
 * backslash. Trailing blanks and NULs are cut, control characters are blanks. */
long slr_dcm_text(const slr_dcm *dcm, const char *path, char *out, size_t n);
/* How many bytes the value has; the first n of them go to out. US, SS, OW as words in host byte order, else
 * as stored. */
long slr_dcm_bytes(const slr_dcm *dcm, const char *path, void *out, size_t n);
/* Items of a sequence. */
long slr_dcm_items(const slr_dcm *dcm, const char *path);

#endif
