/* SPDX-License-Identifier: MIT
 * Pictures of 64 x 64 compared whatever their shift. Training pictures lie in panels of eight, so that one
 * pass of a query over a panel gives eight correlations at five shifts. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "eval/picture_space.h"

enum {
    SIDE = SLR_PIXEL_SIDE,
    PIXELS = SIDE * SIDE,
    SHIFTS = 2 * SLR_PIXEL_SHIFT + 1,
    WINDOW = SIDE - SHIFTS + 1,
    WINDOWS = SHIFTS * SHIFTS,
    PANEL = 8,
    PADDED = WINDOW + 2 * (SHIFTS - 1)
};

static const double least_energy = 1e-8; /* of a window; below, the picture is flat */

typedef float eight __attribute__((vector_size(4 * PANEL)));
typedef double eight_doubles __attribute__((vector_size(8 * PANEL)));

/* The inner loops once more for processors with wider vectors. */
#if defined __x86_64__ && !defined __SANITIZE_ADDRESS__ && !defined __clang__
#define WIDER __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define WIDER
#endif

struct slr_pixel_space {
    size_t count[3];
    eight *panels;    /* (ceil(train / 8), PIXELS) */
    double *inverse;  /* (train, WINDOWS): 1 / norm of each window about its mean; 0 for a flat one */
    float *others[3]; /* (count, PIXELS); none for the training pictures */
};

selora_status slr_pixel_space_new(const size_t counts[3], slr_pixel_space **result, slr_error *err)
{
    *result = NULL;
    slr_pixel_space *space = slr_alloc(1, sizeof *space);
    if (!space)
        return slr_fail_memory(err, sizeof *space, "pictures");
    size_t panels = (counts[SLR_AUDIT_TRAIN] + PANEL - 1) / PANEL;
    memcpy(space->count, counts, sizeof space->count);
    space->panels = slr_alloc_aligned(panels * PIXELS + 1, sizeof *space->panels);
    space->inverse = slr_alloc(counts[SLR_AUDIT_TRAIN] + 1, WINDOWS * sizeof *space->inverse);
    bool whole = space->panels && space->inverse;
    for (int side = SLR_AUDIT_HELD_OUT; side <= SLR_AUDIT_SYNTHETIC; side++) {
        space->others[side] = slr_alloc(counts[side] + 1, PIXELS * sizeof *space->others[side]);
        whole = whole && space->others[side];
    }
    if (!whole) {
        slr_pixel_space_free(space);
        return slr_fail_memory(err, (counts[0] + counts[1] + counts[2]) * PIXELS * sizeof(float), "pictures");
    }
    memset(space->panels, 0, panels * PIXELS * sizeof *space->panels);
    *result = space;
    return SELORA_OK;
}

void slr_pixel_space_free(slr_pixel_space *space)
{
    if (!space)
        return;
    free(space->panels);
    free(space->inverse);
    for (int side = 0; side < 3; side++)
        free(space->others[side]);
    free(space);
}

/* 1 / norm of the window at (dy, dx) about its mean. */
static double inverse_norm(const float *picture, int dy, int dx, double *mean)
{
    double sum = 0, squares = 0;
    for (int y = dy; y < dy + WINDOW; y++)
        for (int x = dx; x < dx + WINDOW; x++)
            sum += (double)picture[y * SIDE + x];
    *mean = sum / (WINDOW * WINDOW);
    for (int y = dy; y < dy + WINDOW; y++)
        for (int x = dx; x < dx + WINDOW; x++) {
            double d = (double)picture[y * SIDE + x] - *mean;
            squares += d * d;
        }
    return squares > least_energy ? 1 / sqrt(squares) : 0;
}

void slr_pixel_space_put(slr_pixel_space *space, slr_audit_side side, size_t i, const float *grey)
{
    double mean;
    if (side != SLR_AUDIT_TRAIN) {
        memcpy(space->others[side] + i * PIXELS, grey, PIXELS * sizeof *grey);
        return;
    }
    for (int p = 0; p < PIXELS; p++)
        space->panels[i / PANEL * PIXELS + (size_t)p][i % PANEL] = grey[p];
    for (int w = 0; w < WINDOWS; w++)
        space->inverse[i * WINDOWS + (size_t)w] = inverse_norm(grey, w / SHIFTS, w % SHIFTS, &mean);
}

static void get(const slr_pixel_space *space, slr_audit_side side, size_t i, float *picture)
{
    if (side == SLR_AUDIT_TRAIN)
        for (int p = 0; p < PIXELS; p++)
            picture[p] = space->panels[i / PANEL * PIXELS + (size_t)p][i % PANEL];
    else
        memcpy(picture, space->others[side] + i * PIXELS, PIXELS * sizeof *picture);
}

/* The middle of a picture, mean 0 and norm 1, as it is and mirrored, with zeros left and right of each row.
 */
typedef struct query {
    float rows[2][WINDOW][PADDED];
} query;

static void make_query(const float *picture, query *q)
{
    double mean, inverse = inverse_norm(picture, SLR_PIXEL_SHIFT, SLR_PIXEL_SHIFT, &mean);
    memset(q, 0, sizeof *q);
    for (int y = 0; y < WINDOW; y++)
        for (int x = 0; x < WINDOW; x++) {
            double value = (double)picture[(y + SLR_PIXEL_SHIFT) * SIDE + x + SLR_PIXEL_SHIFT] - mean;
            q->rows[0][y][SHIFTS - 1 + x] = q->rows[1][y][SHIFTS - 1 + WINDOW - 1 - x] =
                (float)(value * inverse);
        }
}

/* Correlations of one row of the query with one row of eight pictures at all horizontal shifts are added to
 * sums. */
static inline __attribute__((always_inline)) void add_row(const float *q, const eight *pictures,
                                                          eight_doubles sums[SHIFTS])
{
    eight row[SHIFTS] = {{0}};
    for (int x = 0; x < SIDE; x++)
        for (int d = 0; d < SHIFTS; d++)
            row[d] += q[SHIFTS - 1 + x - d] * pictures[x];
    for (int d = 0; d < SHIFTS; d++)
        sums[d] += __builtin_convertvector(row[d], eight_doubles);
}

/* Distances of the query to eight pictures, `inverse` being those of the first. */
WIDER static void panel_distances(const query *q, const eight *pictures, const double *inverse, size_t count,
                                  double *distances)
{
    double best[PANEL] = {0};
    for (int w = 0; w < 2 * SHIFTS; w++) {
        eight_doubles sums[SHIFTS] = {{0}};
        int dy = w % SHIFTS;
        for (int y = 0; y < WINDOW; y++)
            add_row(q->rows[w / SHIFTS][y], pictures + (y + dy) * SIDE, sums);
        for (size_t i = 0; i < count; i++)
            for (int dx = 0; dx < SHIFTS; dx++)
                best[i] = fmax(best[i], sums[dx][i] * inverse[i * WINDOWS + (size_t)(dy * SHIFTS + dx)]);
    }
    for (size_t i = 0; i < count; i++)
        distances[i] = fmax(1 - best[i], 0);
}

static void pixel_row(const void *context, slr_audit_side side, size_t i, double *distances, void *scratch)
{
    const slr_pixel_space *space = context;
    query *q = scratch;
    float *picture = (float *)(q + 1);
    size_t train = space->count[SLR_AUDIT_TRAIN];
    get(space, side, i, picture);
    make_query(picture, q);
    for (size_t first = 0; first < train; first += PANEL)
        panel_distances(q, space->panels + first / PANEL * PIXELS, space->inverse + first * WINDOWS,
                        train - first < PANEL ? train - first : PANEL, distances + first);
}

slr_picture_space slr_pixel_picture_space(const slr_pixel_space *space)
{
    return (slr_picture_space){.train = space->count[SLR_AUDIT_TRAIN],
                               .held_out = space->count[SLR_AUDIT_HELD_OUT],
                               .synthetic = space->count[SLR_AUDIT_SYNTHETIC],
                               .context = space,
                               .row = pixel_row,
                               .scratch_bytes = sizeof(query) + PIXELS * sizeof(float)};
}

double slr_pixel_pair(const float *a, const float *b)
{
    query q;
    double best = 0, mean;
    make_query(a, &q);
    for (int w = 0; w < 2 * WINDOWS; w++) {
        int dy = w % WINDOWS / SHIFTS, dx = w % SHIFTS;
        double sum = 0;
        for (int y = 0; y < WINDOW; y++)
            for (int x = 0; x < WINDOW; x++)
                sum += (double)q.rows[w / WINDOWS][y][SHIFTS - 1 + x] * (double)b[(y + dy) * SIDE + x + dx];
        best = fmax(best, sum * inverse_norm(b, dy, dx, &mean));
    }
    return fmax(1 - best, 0);
}
