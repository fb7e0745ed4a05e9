/* SPDX-License-Identifier: MIT
 *
 * What a PNG or JPEG file says beside its pixels, read from its chunks or segments without decoding.
 */
#ifndef SLR_RASTER_CHECKS_H
#define SLR_RASTER_CHECKS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct slr_raster_marks {
    int bits;             /* of a sample; 0 unknown */
    int components;       /* JPEG: 1, 3, 4; PNG: samples of a pixel, palettes count as 3 */
    bool has_alpha;       /* PNG: an alpha channel or a tRNS chunk */
    bool has_profile;     /* gAMA, sRGB, iCCP, cHRM; JPEG: an ICC segment */
    int significant_bits; /* PNG sBIT: the most of its channels; 0 absent */
    int orientation;      /* JPEG EXIF: 1 to 8; 0 absent */
} slr_raster_marks;

void slr_png_marks(const void *data, size_t size, slr_raster_marks *marks);
void slr_jpeg_marks(const void *data, size_t size, slr_raster_marks *marks);

#endif
