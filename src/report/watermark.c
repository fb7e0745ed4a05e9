/* SPDX-License-Identifier: MIT */
#include "report/watermark.h"

#include <stddef.h>
#include <stdint.h>

enum { LETTERS = 9, GLYPH_WIDTH = 5, GLYPH_HEIGHT = 7, LINES = 30 };

/* S Y N T H E T I C, rows of five dots, the left one highest. */
static const uint8_t glyphs[LETTERS][GLYPH_HEIGHT] = {
    {15, 16, 16, 14, 1, 1, 30}, {17, 17, 10, 4, 4, 4, 4},     {17, 25, 21, 19, 17, 17, 17},
    {31, 4, 4, 4, 4, 4, 4},     {17, 17, 17, 31, 17, 17, 17}, {31, 16, 16, 30, 16, 16, 31},
    {31, 4, 4, 4, 4, 4, 4},     {14, 4, 4, 4, 4, 4, 14},      {14, 17, 16, 16, 16, 17, 14},
};

/* Is there ink at a dot of the word? One dot of margin all around. */
static int has_ink(int x, int y)
{
    int letter = (x - 1) / (GLYPH_WIDTH + 1), column = (x - 1) % (GLYPH_WIDTH + 1);
    if (x < 1 || y < 1 || y > GLYPH_HEIGHT || letter >= LETTERS || column >= GLYPH_WIDTH)
        return 0;
    return glyphs[letter][y - 1] >> (GLYPH_WIDTH - 1 - column) & 1;
}

void slr_watermark(float *pixels, int width, int height, int channels)
{
    int scale = height / (LINES * GLYPH_HEIGHT);
    scale = scale < 1 ? 1 : scale;
    int wide = (LETTERS * (GLYPH_WIDTH + 1) + 1) * scale, high = (GLYPH_HEIGHT + 2) * scale;
    wide = wide > width ? width : wide;
    high = high > height ? height : high;
    for (int y = 0; y < high; y++)
        for (int x = 0; x < wide; x++) {
            float *at = pixels + ((size_t)(height - high + y) * (size_t)width + (size_t)x) * (size_t)channels;
            for (int c = 0; c < channels; c++)
                at[c] = (float)has_ink(x / scale, y / scale);
        }
}
