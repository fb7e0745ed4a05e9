/* SPDX-License-Identifier: MIT
 *
 * A picture size as people write it: "224" or "256x192" (width x height), in steps that the VAE can halve.
 */
#ifndef SLR_PICTURE_SIZE_H
#define SLR_PICTURE_SIZE_H

#include "core/status.h"

enum { SLR_PICTURE_SIDE_MAX = 8192 };

/* `text` NULL: fallback x fallback. Both sides must be multiples of `step`. SELORA_USAGE names the option --size. */
selora_status slr_picture_size(const char *text, int fallback, int step, int *width, int *height, slr_error *err);

#endif
