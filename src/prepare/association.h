/* SPDX-License-Identifier: MIT
 *
 * Does one thing about pictures tell another? For labels and what must not tell them.
 */
#ifndef SLR_ASSOCIATION_H
#define SLR_ASSOCIATION_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* Probability that chi-square with `freedom` degrees is at least x. */
double slr_chi_square_tail(double x, double freedom);

/* Pearson's test of a table of counts (rows, columns), row after row; empty rows and columns do not count. 1
 * when there is nothing to compare. */
double slr_independence_p(const uint32_t *counts, size_t rows, size_t columns);

/* How well `scores` separate items of class 1 from those of class 0: 0.5 not at all, 1 wholly (in either
 * direction when `either`); ties count half. 0.5 when a class is empty. */
selora_status slr_separation(const double *scores, const unsigned char *classes, size_t count, int either,
                             double *auc, slr_error *err);

/* The same for categories 0 .. category_count - 1: each half of the items is scored by what the other half
 * knows. */
selora_status slr_category_separation(const uint32_t *categories, uint32_t category_count,
                                      const unsigned char *classes, size_t count, double *auc,
                                      slr_error *err);

/* Texts as numbers by first appearance. numbers[count]; *different: how many. */
selora_status slr_number_texts(const char *const *texts, size_t count, uint32_t *numbers, uint32_t *different,
                               slr_error *err);

#endif
