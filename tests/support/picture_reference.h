/* SPDX-License-Identifier: MIT
 *
 * Pictures of medical files in tests, and what dcm2pnm makes of the same files.
 */
#ifndef PICTURE_REFERENCE_H
#define PICTURE_REFERENCE_H

#include "medical/medical_picture.h"

/* Lines for dicom_fixture(). */
#define WINDOW "(0028,1050) DS [2000]\n(0028,1051) DS [1500]\n"
#define INVERTED "(0028,0004) CS [MONOCHROME1]\n"

enum { SIDE = 16, PIXELS = SIDE * SIDE }; /* of the pictures of dicom_fixture() */

/* A frame of a file of the scratch folder; `options` NULL: the defaults. Fails the test with the message. */
slr_image picture_read(const char *name, int64_t frame, const slr_medical_options *options,
                       slr_picture_facts *facts);
/* Fails the test unless reading it is SELORA_BAD_INPUT for this reason, with a message that has `text` and
 * neither the file's name nor its folder. */
void picture_refused(const char *name, int64_t frame, const slr_medical_options *options,
                     slr_picture_skip skip, const char *text);

/* Words as raw bytes, low ones first, in the scratch folder. */
void picture_words(const char *name, const uint16_t *words, size_t count);
void picture_near(float found, double expected, double tolerance, size_t pixel);

/* The 8-bit picture that dcm2pnm draws with these options; free() it. */
uint8_t *dcm2pnm_picture(const char *name, const char *options, int *width, int *height);

#endif
