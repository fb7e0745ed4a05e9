/* SPDX-License-Identifier: MIT
 *
 * The word SYNTHETIC in the lower left corner of a picture, white on black.
 *
 *     slr_watermark(pixels, width, height, 3);
 */
#ifndef SLR_WATERMARK_H
#define SLR_WATERMARK_H

/* pixels (height, width, channels), 0..1. Its height is about a thirtieth of the picture's, at least seven
 * pixels; where the picture is too narrow for the word, its beginning is drawn. */
void slr_watermark(float *pixels, int width, int height, int channels);

#endif
