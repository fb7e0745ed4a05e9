/* SPDX-License-Identifier: MIT
 *
 * DICOM files for tests, written by the programs of the Debian packages dcmtk and libgdcm-tools in the
 * scratch folder.
 *
 *     dicom_need("dump2dcm", "dcmcjpeg", NULL);            skips the test, saying which program is missing
 *     dicom_fixture("a.dcm", "(0028,0004) CS [MONOCHROME1]\n-(0028,0103)\n");
 *     assert_true(dicom_run("dcmcjpeg +e1 a.dcm b.dcm"));
 *     slr_dcm *dcm = dicom_open("b.dcm");
 */
#ifndef DICOM_FIXTURES_H
#define DICOM_FIXTURES_H

#include <stdbool.h>
#include <stdint.h>

#include "medical/dcm.h"

/* Skips the running test when one of the programs (closed by NULL) is not there, or when selora reads no
 * DICOM. */
void dicom_need(const char *program, ...);

/* dump2dcm of a 16 x 16 picture of 12 bits, dicom_ramp's values. `lines`: further elements in dump2dcm's
 * language, which replace those of the same tag; "-(gggg,eeee)" leaves one out. "=FILE" takes raw bytes from
 * the scratch folder. */
void dicom_fixture(const char *name, const char *lines);

/* The value of pixel i: (16 i + i mod 7) & 0xfff. */
uint16_t dicom_ramp(int i);

/* A shell line in the scratch folder; true when it exits with 0. What it prints is dropped. */
bool dicom_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Opens a file of the scratch folder; fails the test with the message when it cannot be. */
slr_dcm *dicom_open(const char *name);

/* One frame as slr_dcm_frame gives it; free() it. Fails the test when it cannot be decoded. */
void *dicom_frame(slr_dcm *dcm, uint32_t frame, char model[SLR_DCM_MODEL]);

#endif
