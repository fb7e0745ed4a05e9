/* SPDX-License-Identifier: MIT
 * Runs of equal level along four directions (GLRLM), and zones of equal level, 8-connected (GLSZM): both are
 * pairs of a level and a length, with the same sixteen features. */
#include <math.h>
#include <string.h>

#include "eval/texture_parts.h"

enum { FEATURES = SLR_GLRLM_FEATURES };
_Static_assert((int)SLR_GLRLM_FEATURES == (int)SLR_GLSZM_FEATURES, "one set of features for both");

/* The weighted sums over cells. */
static void add_emphases(const slr_texture *t, double f[FEATURES])
{
    double sums[8] = {0};
    for (size_t c = 0; c < t->cell_count; c++) {
        double m = (double)t->cells[c].count, i = (double)t->cells[c].first, j = (double)t->cells[c].second;
        double ii = i * i, jj = j * j;
        sums[0] += m / jj;
        sums[1] += m * jj;
        sums[2] += m / ii;
        sums[3] += m * ii;
        sums[4] += m / (ii * jj);
        sums[5] += m * ii / jj;
        sums[6] += m * jj / ii;
        sums[7] += m * ii * jj;
    }
    double all = (double)t->pairs;
    f[0] += sums[0] / all;
    f[1] += sums[1] / all;
    for (int k = 0; k < 6; k++)
        f[10 + k] += sums[2 + k] / all;
}

/* Variances of level and length, entropy. */
static void add_spread(const slr_texture *t, double f[FEATURES])
{
    double all = (double)t->pairs, level = 0, length = 0, level_variance = 0, length_variance = 0, logs = 0;
    for (size_t c = 0; c < t->cell_count; c++) {
        level += (double)t->cells[c].count * (double)t->cells[c].first;
        length += (double)t->cells[c].count * (double)t->cells[c].second;
    }
    level /= all;
    length /= all;
    for (size_t c = 0; c < t->cell_count; c++) {
        double m = (double)t->cells[c].count, i = (double)t->cells[c].first - level,
               j = (double)t->cells[c].second - length;
        level_variance += m * i * i;
        length_variance += m * j * j;
        logs += m > 1 ? m * log2(m) : 0;
    }
    f[7] += level_variance / all;
    f[8] += length_variance / all;
    f[9] += log2(all) - logs / all;
}

/* Squares of how many there are of each level, of each length. */
static void add_uniformities(slr_texture *t, double f[FEATURES])
{
    double all = (double)t->pairs, levels = 0, lengths = 0;
    for (size_t c = 0; c < t->cell_count;) {
        double row = 0;
        int32_t level = t->cells[c].first;
        for (; c < t->cell_count && t->cells[c].first == level; c++)
            row += (double)t->cells[c].count;
        levels += row * row;
    }
    for (size_t c = 0; c < t->cell_count; c++)
        t->seen[t->cells[c].second] += (int32_t)t->cells[c].count;
    for (size_t c = 0; c < t->cell_count; c++) {
        double row = (double)t->seen[t->cells[c].second];
        lengths += row * row;
        t->seen[t->cells[c].second] = 0;
    }
    f[2] += levels / all;
    f[3] += levels / (all * all);
    f[4] += lengths / all;
    f[5] += lengths / (all * all);
}

static void add_features(slr_texture *t, double f[FEATURES])
{
    slr_texture_count_pairs(t);
    add_emphases(t, f);
    add_spread(t, f);
    add_uniformities(t, f);
    f[6] += (double)t->pairs / (double)slr_texture_pixels(t);
}

static void add_pair(slr_texture *t, int32_t level, int32_t length)
{
    t->first[t->pairs] = level;
    t->second[t->pairs++] = length;
}

/* ---- runs ---- */

/* The runs of one line that begins at (y, x). */
static void add_line(slr_texture *t, int y, int x, int dy, int dx)
{
    int32_t level = 0, length = 0;
    for (; y < t->height && x >= 0 && x < t->width; y += dy, x += dx) {
        int32_t here = t->levels[(size_t)y * (size_t)t->width + (size_t)x];
        if (here == level) {
            length++;
            continue;
        }
        if (length > 0)
            add_pair(t, level, length);
        level = here;
        length = 1;
    }
    if (length > 0)
        add_pair(t, level, length);
}

/* A line begins where the pixel before it lies outside. */
static void list_runs(slr_texture *t, int dy, int dx)
{
    t->pairs = 0;
    for (int y = 0; y < t->height; y++)
        if (dx != 0 && (dy == 0 || y > 0))
            add_line(t, y, dx > 0 ? 0 : t->width - 1, dy, dx);
    for (int x = 0; dy != 0 && x < t->width; x++)
        add_line(t, 0, x, dy, dx);
}

void slr_texture_glrlm(slr_texture *t, double f[SLR_GLRLM_FEATURES])
{
    memset(f, 0, FEATURES * sizeof *f);
    for (int d = 0; d < 4; d++) {
        list_runs(t, slr_texture_directions[d][0], slr_texture_directions[d][1]);
        add_features(t, f);
    }
    for (int i = 0; i < FEATURES; i++)
        f[i] /= 4;
}

/* ---- zones ---- */

/* Takes the zone around a pixel out of the picture: its levels are negated. Places wait as y and x in one
 * number. */
static int32_t take_zone(slr_texture *t, int32_t row, int32_t column)
{
    int32_t width = t->width, height = t->height, size = 0, waiting = 0;
    int32_t level = t->levels[row * width + column];
    t->levels[row * width + column] = -level;
    t->stack[waiting++] = row << 16 | column;
    while (waiting > 0) {
        int32_t at = t->stack[--waiting], y = at >> 16, x = at & 0xffff;
        int32_t left = x > 0 ? x - 1 : 0, right = x + 1 < width ? x + 1 : x;
        size++;
        for (int32_t v = y > 0 ? y - 1 : 0; v <= y + 1 && v < height; v++)
            for (int32_t u = left; u <= right; u++)
                if (t->levels[v * width + u] == level) {
                    t->levels[v * width + u] = -level;
                    t->stack[waiting++] = v << 16 | u;
                }
    }
    return size;
}

void slr_texture_glszm(slr_texture *t, double f[SLR_GLSZM_FEATURES])
{
    int32_t pixels = (int32_t)slr_texture_pixels(t);
    memset(f, 0, FEATURES * sizeof *f);
    t->pairs = 0;
    for (int32_t y = 0; y < t->height; y++)
        for (int32_t x = 0; x < t->width; x++) {
            int32_t level = t->levels[y * t->width + x];
            if (level > 0)
                add_pair(t, level, take_zone(t, y, x));
        }
    for (int32_t i = 0; i < pixels; i++)
        t->levels[i] = -t->levels[i];
    add_features(t, f);
}
