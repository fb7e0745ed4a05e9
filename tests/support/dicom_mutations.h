/* SPDX-License-Identifier: MIT
 *
 * Damaged DICOM files through forked workers: bytes changed, cut, cleared, moved, in files of every transfer
 * syntax.
 */
#ifndef DICOM_MUTATIONS_H
#define DICOM_MUTATIONS_H

/* Reads `count` damaged files; fails the test when one of them kills its worker, takes over 60 s or a
 * gigabyte, or fails without a word. */
void dicom_mutations_check(int count);

#endif
