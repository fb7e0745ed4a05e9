/* SPDX-License-Identifier: MIT
 *
 * Lookup tables of DICOM (PS3.3 C.11.1.1): for the modality step, for values of interest, for palettes.
 *
 *     slr_lut lut = {0};
 *     SLR_TRY(slr_lut_unpack(descriptor, data, bytes, input_is_signed, "VOI LUT", &lut, err));
 *     y = slr_lut_grey(&lut, x);
 *     slr_lut_free(&lut);
 */
#ifndef SLR_LUT_H
#define SLR_LUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

enum { SLR_LUT_MAX_ENTRIES = 65536 };

typedef struct slr_lut {
    uint32_t entries; /* 0: no table */
    int32_t first;    /* the value that maps to entry 0; values outside take the nearest end */
    int bits;         /* 8 to 16: the largest entry is 2^bits - 1 */
    uint16_t *data;   /* masked to `bits` */
} slr_lut;

/* `descriptor`: entries, first value, bits, each as read with either sign. `data`: words in host byte
 * order, or bytes when there are as many as entries. `what` names the table in messages. On failure
 * *lut is empty. */
selora_status slr_lut_unpack(const double descriptor[3], const void *data, size_t bytes, bool input_is_signed,
                             const char *what, slr_lut *lut, slr_error *err);
void slr_lut_free(slr_lut *lut); /* zeroes it */

double slr_lut_value(const slr_lut *lut, double x); /* 0 .. 2^bits - 1 */
double slr_lut_grey(const slr_lut *lut, double x);  /* 0 .. 1 */

#endif
