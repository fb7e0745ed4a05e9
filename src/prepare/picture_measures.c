/* SPDX-License-Identifier: MIT */
#include "prepare/picture_measures.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static const float saturated = 0.995f;
static const double coloured_step = 8.0 / 255, border_step = 2.0 / 255;

/* One row as greys; in `row` where it has to be computed. */
static const float *grey_row(const slr_image *image, int y, float *row)
{
    const float *at = image->pixels + (size_t)y * (size_t)image->width * (size_t)image->channels;
    if (image->channels == 1)
        return at;
    for (int x = 0; x < image->width; x++, at += 3)
        row[x] = 0.299f * at[0] + 0.587f * at[1] + 0.114f * at[2];
    return row;
}

/* ---- colour ---- */

static void measure_colour(const slr_image *image, slr_picture_measures *m)
{
    size_t count = (size_t)image->width * (size_t)image->height, coloured = 0;
    float largest = 0;
    if (image->channels == 3)
        for (size_t i = 0; i < count; i++) {
            const float *p = image->pixels + 3 * i;
            float step = fmaxf(fabsf(p[0] - p[1]), fabsf(p[1] - p[2]));
            largest = fmaxf(largest, step);
            coloured += step > coloured_step;
        }
    m->residual = 255.0 * largest;
    m->coloured = (double)coloured / (double)count;
}

/* ---- steps between neighbours ---- */

typedef struct sums {
    double value, square, step_square; /* over all pixels, of steps down and right */
    double edge, inner;                /* absolute steps over edges of blocks, elsewhere */
    size_t edges, inners, zeros;
} sums;

/* Sums of a row in lanes: exact enough, in an order of their own, and fast. */
enum { LANES = 16, LARGE = 512, BAND = 16 };

static double lane_sum(const float lanes[LANES])
{
    double sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += lanes[i];
    return sum;
}

static void add_values(const float *row, int width, sums *s)
{
    float value[LANES] = {0}, square[LANES] = {0}, zero[LANES] = {0};
    int x = 0;
    for (; x + LANES <= width; x += LANES)
        for (int i = 0; i < LANES; i++) {
            float v = row[x + i];
            value[i] += v;
            square[i] += v * v;
            zero[i] += v == 0.0f ? 1.0f : 0.0f;
        }
    for (; x < width; x++) {
        value[0] += row[x];
        square[0] += row[x] * row[x];
        zero[0] += row[x] == 0.0f ? 1.0f : 0.0f;
    }
    s->value += lane_sum(value);
    s->square += lane_sum(square);
    s->zeros += (size_t)lane_sum(zero);
}

/* Of steps from a to b: their squares, and their absolute values (returned). */
static double add_steps(const float *a, const float *b, int count, sums *s)
{
    float square[LANES] = {0}, absolute[LANES] = {0};
    int x = 0;
    for (; x + LANES <= count; x += LANES)
        for (int i = 0; i < LANES; i++) {
            float step = b[x + i] - a[x + i];
            square[i] += step * step;
            absolute[i] += fabsf(step);
        }
    for (; x < count; x++) {
        square[0] += (b[x] - a[x]) * (b[x] - a[x]);
        absolute[0] += fabsf(b[x] - a[x]);
    }
    s->step_square += lane_sum(square);
    return lane_sum(absolute);
}

static void add_across(const float *row, int width, sums *s)
{
    double all = add_steps(row, row + 1, width - 1, s), edge = 0;
    size_t edges = (size_t)(width - 1) / 8;
    for (int x = 8; x < width; x += 8)
        edge += (double)fabsf(row[x] - row[x - 1]);
    s->edge += edge;
    s->inner += all - edge;
    s->edges += edges;
    s->inners += (size_t)(width - 1) - edges;
}

static void add_down(const float *above, const float *row, int width, bool is_edge, sums *s)
{
    double all = add_steps(above, row, width, s);
    *(is_edge ? &s->edge : &s->inner) += all;
    *(is_edge ? &s->edges : &s->inners) += (size_t)width;
}

/* ---- things near the border ---- */

enum { MAP_SIDE = 256, SMALL_LOW = 2, SMALL_HIGH = 40, BAND_PARTS = 5, BORDER = 3 };

typedef struct mark_map {
    int width, height;
    unsigned char *bright, *dark; /* a cell holds a saturated pixel; one below half */
    int *stack;
    int ends[MAP_SIDE]; /* where the pixels of a column of cells end */
} mark_map;

static void map_row(mark_map *map, const float *row, int y, int height)
{
    unsigned char *bright = map->bright + (size_t)((int64_t)y * map->height / height) * (size_t)map->width;
    unsigned char *dark = map->dark + (bright - map->bright);
    for (int cell = 0, x = 0; cell < map->width; cell++) {
        int is_bright = 0, is_dark = 0;
        for (int end = map->ends[cell]; x < end; x++) {
            is_bright |= row[x] >= saturated;
            is_dark |= row[x] < 0.5f;
        }
        bright[cell] |= (unsigned char)is_bright;
        dark[cell] |= (unsigned char)is_dark;
    }
}

/* Erases the bright thing at `start`; its box, and dark cells beside its own: soft things have none. */
static void take_thing(mark_map *map, int start, int box[4], int *darks)
{
    int depth = 0;
    map->stack[depth++] = start;
    map->bright[start] = 0;
    *darks = 0;
    while (depth > 0) {
        int cell = map->stack[--depth], x = cell % map->width, y = cell / map->width;
        box[0] = x < box[0] ? x : box[0];
        box[1] = y < box[1] ? y : box[1];
        box[2] = x > box[2] ? x : box[2];
        box[3] = y > box[3] ? y : box[3];
        for (int dy = -1; dy <= 1; dy++)
            for (int dx = -1; dx <= 1; dx++) {
                int nx = x + dx, ny = y + dy, next = ny * map->width + nx;
                if (nx < 0 || ny < 0 || nx >= map->width || ny >= map->height)
                    continue;
                *darks += map->dark[next];
                if (!map->bright[next])
                    continue;
                map->bright[next] = 0;
                map->stack[depth++] = next;
            }
    }
}

/* Small, within a fifth of the border, with hard edges. What reaches the border itself is a frame or the
 * body. */
static int count_marks(mark_map *map)
{
    int marks = 0, band_x = map->width / BAND_PARTS, band_y = map->height / BAND_PARTS;
    for (int cell = 0; cell < map->width * map->height; cell++) {
        int box[4] = {map->width, map->height, 0, 0}, darks;
        if (!map->bright[cell])
            continue;
        take_thing(map, cell, box, &darks);
        int wide = box[2] - box[0] + 1, high = box[3] - box[1] + 1;
        bool small = wide <= SMALL_HIGH && high <= SMALL_HIGH && wide >= SMALL_LOW && high >= SMALL_LOW;
        bool inside = box[0] > 0 && box[1] > 0 && box[2] < map->width - 1 && box[3] < map->height - 1;
        bool near_border = box[2] < band_x || box[3] < band_y || box[0] >= map->width - band_x ||
                           box[1] >= map->height - band_y;
        marks += small && inside && near_border && darks > 0;
    }
    return marks;
}

/* ---- all of it ---- */

enum { BLOCKS_LOW = 128 }; /* edges of blocks of a smaller picture are too few: chance makes them 1.25 as well */

/* Widens [low, high] by the greys of the border of a row. */
static void widen(const float *row, int width, bool whole, float *low, float *high)
{
    for (int x = 0; x < width; x++) {
        if (!whole && x == BORDER && width > 2 * BORDER)
            x = width - BORDER;
        *low = fminf(*low, row[x]);
        *high = fmaxf(*high, row[x]);
    }
}

static void measure_greys(const slr_image *image, mark_map *map, float *rows[2], slr_picture_measures *m)
{
    int width = image->width, height = image->height;
    sums s = {0};
    float low = INFINITY, high = -INFINITY;
    const float *above = NULL;
    for (int y = 0; y < height; y++) {
        const float *row = grey_row(image, y, rows[y & 1]);
        bool counts = height < LARGE || y / BAND % 4 == 0; /* a quarter of a large picture says as much */
        add_values(row, width, &s);
        if (counts)
            add_across(row, width, &s);
        if (counts && above)
            add_down(above, row, width, y % 8 == 0, &s);
        above = row;
        map_row(map, row, y, height);
        widen(row, width, y < BORDER || y >= height - BORDER, &low, &high);
    }
    double count = (double)width * height, mean = s.value / count;
    double variance = s.square / count - mean * mean, steps = (double)(s.edges + s.inners);
    m->zeros = (double)s.zeros / count;
    m->sharpness = variance > 1e-9 && steps > 0 ? s.step_square / steps / (2 * variance) : 0;
    double inner = s.inners ? s.inner / (double)s.inners : 0, edge = s.edges ? s.edge / (double)s.edges : 0;
    bool tells = width >= BLOCKS_LOW && height >= BLOCKS_LOW && inner > 1e-7;
    m->blockiness = tells ? edge / inner : 1;
    m->frame = high - low <= border_step ? 0.5 * (high + low) : -1;
    m->marks = count_marks(map);
}

selora_status slr_picture_measure(const slr_image *image, slr_picture_measures *measures, slr_error *err)
{
    *measures = (slr_picture_measures){0};
    mark_map map = {.width = image->width < MAP_SIDE ? image->width : MAP_SIDE,
                    .height = image->height < MAP_SIDE ? image->height : MAP_SIDE};
    for (int cell = 0; cell < map.width; cell++)
        map.ends[cell] = (int)(((int64_t)(cell + 1) * image->width + map.width - 1) / map.width);
    size_t cells = (size_t)map.width * (size_t)map.height, width = (size_t)image->width;
    float *rows = slr_alloc(2 * width, sizeof *rows);
    map.bright = slr_alloc(2 * cells, 1);
    map.dark = map.bright ? map.bright + cells : NULL;
    map.stack = slr_alloc(cells, sizeof *map.stack);
    selora_status status =
        rows && map.bright && map.stack ? SELORA_OK : slr_fail_memory(err, width, "a picture");
    if (status == SELORA_OK) {
        measure_colour(image, measures);
        measure_greys(image, &map, (float *[2]){rows, rows + width}, measures);
    }
    free(rows);
    free(map.bright);
    free(map.stack);
    return status;
}

/* ---- as text ---- */

void slr_picture_measures_text(const slr_picture_measures *m, char text[SLR_MEASURES_TEXT])
{
    snprintf(text, SLR_MEASURES_TEXT, "%.5g %.5g %.5g %.5g %.5g %.5g %d", m->sharpness, m->blockiness,
             m->zeros, m->frame, m->residual, m->coloured, m->marks);
}

bool slr_picture_measures_parse(const char *text, slr_picture_measures *m)
{
    *m = (slr_picture_measures){0};
    return sscanf(text, "%lg %lg %lg %lg %lg %lg %d", &m->sharpness, &m->blockiness, &m->zeros, &m->frame,
                  &m->residual, &m->coloured, &m->marks) == 7;
}
