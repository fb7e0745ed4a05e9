/* SPDX-License-Identifier: MIT
 *
 * Folders and tables for classifiers elsewhere, and augmented pictures.
 *
 *     SLR_TRY(slr_utility_export("arms/R+S", parts, 2, &labels, err));
 *     SLR_TRY(slr_utility_augment(&train, "out/augmented", hooks, err));
 *
 * Pictures of patients: folders are 0700, files 0600.
 */
#ifndef SLR_UTILITY_EXPORT_H
#define SLR_UTILITY_EXPORT_H

#include "api/utility_rows.h"

/* Copies the pictures of the sides (the first counts[i] of each) and writes metadata.csv: file_name, source,
 * patient (a number), labels. */
selora_status slr_utility_export(const char *folder, const slr_utility_side *const *sides,
                                 const size_t *counts, size_t side_count, const slr_utility_labels *labels,
                                 slr_error *err);

/* Every picture of the side once more, cut by up to a tenth and lit otherwise: 000000.png .. in the order of
 * its rows. */
selora_status slr_utility_augment(const slr_utility_side *side, const char *folder, const slr_hooks *hooks,
                                  slr_error *err);

#endif
