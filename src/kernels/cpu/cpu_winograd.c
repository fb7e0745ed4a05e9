/* SPDX-License-Identifier: MIT
 *
 * Two ways through the same arithmetic. By panels: V of all tiles, shared; each thread transforms the weights of a panel of
 * 32 output channels and runs it over the tiles. By tiles, where there are many more tiles than weights: U of all
 * panels, shared; each thread takes some tiles through all panels.
 */
#include "kernels/cpu/cpu_winograd.h"

#include <omp.h>
#include <string.h>

#include "kernels/cpu/bf16_pack.h"
#include "kernels/cpu/cpu_pack.h"
#include "kernels/cpu/panel_product.h"
#include "kernels/cpu/winograd_transforms.h"

enum {
    TAPS = 9,
    TAP_ROWS = 16,      /* weights of so many channels are transformed at once: they stay in the first-level cache */
    FEW_TILES = 16,     /* up to so many, the weights are most of the work: U is made and used in steps of STEP channels */
    STEP = 160,
    TASK_ROWS = 64,     /* those of a task, where all weights are transformed first */
    LINE = 64,          /* strides are kept off multiples of a page by a cache line */
    PAGE = 4096,
    V_BYTES = 56 << 20, /* of V that is held at once, by panels */
    U_BYTES = 40 << 20, /* of U, by tiles */
    TILES_BYTES = 1 << 20 /* of V of a thread, by tiles: it stays in the second-level cache */
};

typedef struct plan {
    int m, positions;
    int64_t lines, columns, tiles; /* of a map, of all maps */
    int64_t panels, depth, step;   /* depth: channels in, in bf16 filled up; `step` of them go through U at once */
    int64_t block, chunk;          /* tiles of V at once, of a product */
    bool by_tiles;
    int64_t v_row, v_stride, u_stride, m_stride; /* bytes; strides are from position to position */
    int64_t zeros, shared, own;                  /* bytes of the workspace: a row of zeros, one of shared, one of own a thread */
} plan;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t round_up(int64_t a, int64_t b)
{
    return divide_up(a, b) * b;
}

/* Tiles of a product: whole blocks of the micro-kernels, whose results (M) fit the second-level cache. */
static int64_t chunk_of(const plan *p, bool bf16, int64_t most)
{
    int64_t high = bf16 ? 32 : divide_up(p->tiles, divide_up(p->tiles, 14));
    int64_t blocks = most / (bf16 ? 32 : 14);
    return least(p->tiles, high * (blocks > 1 ? blocks : 1));
}

/* Channels of a step: equal ones, a multiple of 32 as bf16 wants it. */
static int64_t even_step(int64_t depth)
{
    return round_up(divide_up(depth, divide_up(depth, STEP)), 32);
}

static plan plan_of(const slr_winograd *c)
{
    bool bf16 = c->bf16 != NULL;
    plan p = {.m = bf16 ? 2 : 4};
    p.positions = (p.m + 2) * (p.m + 2);
    p.lines = divide_up(c->h, p.m);
    p.columns = divide_up(c->w, p.m);
    p.tiles = c->n * p.lines * p.columns;
    p.panels = divide_up(c->out, SLR_PANEL);
    p.depth = bf16 ? round_up(c->in, 32) : c->in;
    p.v_row = bf16 ? slr_bf16_row(c->in) * 2 : round_up(c->in * 4, LINE) + LINE;
    int64_t u_row = SLR_PANEL * (bf16 ? 2 : 4), v_tile = p.positions * p.v_row;
    int64_t all_u = p.positions * p.depth * u_row * p.panels;
    p.step = c->judged * p.lines * p.columns > FEW_TILES ? p.depth : least(even_step(p.depth), p.depth);
    p.by_tiles = p.step == p.depth && all_u <= U_BYTES && all_u * 2 <= v_tile * p.tiles;
    p.chunk = chunk_of(&p, bf16, p.by_tiles ? least(28, TILES_BYTES / v_tile) : 56);
    p.block = p.by_tiles ? p.chunk : divide_up(p.tiles, divide_up(v_tile * p.tiles, V_BYTES));
    p.u_stride = p.step * u_row + LINE;
    p.v_stride = (p.block + 15) * p.v_row + LINE;
    p.m_stride = (p.step < p.depth ? p.block : p.chunk) * SLR_PANEL * 4 + LINE;
    p.zeros = round_up(c->in * 4, LINE);
    int64_t u = p.positions * p.u_stride, v = p.positions * p.v_stride;
    p.shared = p.by_tiles ? u * p.panels : v;
    p.own = (p.by_tiles ? v : u) + p.positions * p.m_stride + TAPS * TAP_ROWS * SLR_PANEL * 4;
    return p;
}

bool SLR_CPU(winograd_pays)(const slr_winograd *c)
{
    int64_t m = c->bf16 ? 2 : 4, room = divide_up(c->h, m) * divide_up(c->w, m) * m * m; /* pixels that the tiles have */
    return c->judged * divide_up(c->h, 4) * divide_up(c->w, 4) >= 6 && 2 * c->h * c->w >= room && c->in >= 16;
}

size_t SLR_CPU(winograd_workspace)(const slr_winograd *c, int threads)
{
    plan p = plan_of(c);
    return (size_t)(p.zeros + p.shared + threads * p.own);
}

/* The workspace as one thread sees it. */
typedef struct space {
    char *u, *v;
    float *products, *taps;
    const float *zeros;
} space;

static space space_of(const plan *p, void *workspace, int thread)
{
    char *shared = (char *)workspace + p->zeros, *own = shared + p->shared + thread * p->own;
    char *rest = own + p->positions * p->m_stride;
    space s = {.zeros = workspace, .products = (float *)(void *)own, .taps = (float *)(void *)rest};
    rest += TAPS * TAP_ROWS * SLR_PANEL * 4;
    s.v = p->by_tiles ? rest : shared;
    s.u = p->by_tiles ? shared : rest;
    return s;
}

/* A tile's place: its first pixel of the output. */
typedef struct place {
    int64_t image, line, column;
} place;

static place place_of(const plan *p, int64_t tile)
{
    return (place){tile / (p->lines * p->columns), tile / p->columns % p->lines * p->m, tile % p->columns * p->m};
}

/* V of a tile, row `row` of every position. Pixels outside the map are zeros. */
static void transform_tile(const slr_winograd *c, const plan *p, const space *s, int64_t tile, int64_t row)
{
    place at = place_of(p, tile);
    const float *pixels[SLR_WINOGRAD_POSITIONS];
    for (int i = 0; i < p->m + 2; i++)
        for (int j = 0; j < p->m + 2; j++) {
            int64_t line = at.line - 1 + i, column = at.column - 1 + j;
            bool inside = line >= 0 && line < c->h && column >= 0 && column < c->w;
            pixels[i * (p->m + 2) + j] = inside ? c->x + ((at.image * c->h + line) * c->w + column) * c->in : s->zeros;
        }
    SLR_CPU(winograd_input)(p->m, c->bf16 != NULL, pixels, c->in, s->v + row * p->v_row, p->v_stride);
}

/* The weights of a tap, as products name them. */
static slr_gemm weights_of(const slr_winograd *c, int tap)
{
    return (slr_gemm){.columns = c->out, .weight = c->weight, .transposed = c->transposed,
                      .first = c->transposed ? (TAPS - 1 - tap) * c->out : tap * c->in};
}

/* The weights that will be transformed next. */
typedef struct later {
    int64_t panel, first, depth;
} later;

/* U of one panel for the channels [first, first + depth): rows of u from there on. */
static void transform_panel(const slr_winograd *c, const plan *p, int64_t panel, int64_t first, int64_t depth,
                            float *taps, char *u)
{
    const int64_t u_row = SLR_PANEL * (c->bf16 ? 2 : 4);
    int columns = (int)least(SLR_PANEL, c->out - panel * SLR_PANEL);
    for (int64_t d = 0; d < depth; d += TAP_ROWS) {
        int64_t rows = least(TAP_ROWS, depth - d), real = least(rows, c->in - first - d);
        const float *tap[TAPS];
        for (int t = 0; t < TAPS; t++) {
            slr_gemm g = weights_of(c, t);
            float *own = taps + t * TAP_ROWS * SLR_PANEL;
            tap[t] = real > 0 ? SLR_CPU(pack_panel)(&g, first + d, real, panel * SLR_PANEL, columns, own) : own;
            if (real < rows) { /* bf16: channels beyond the true ones are zeros */
                int64_t kept = real > 0 ? real * SLR_PANEL : 0;
                if (tap[t] != own)
                    memcpy(own, tap[t], (size_t)kept * sizeof(float));
                memset(own + kept, 0, (size_t)(rows * SLR_PANEL - kept) * sizeof(float));
                tap[t] = own;
            }
        }
        SLR_CPU(winograd_weights)(p->m, c->bf16 != NULL, tap, rows, u + d * u_row, p->u_stride);
    }
}

/* What multiplying at a position fetches for later. Where U is made in steps, V is near, and the stored weights of the
 * next step are not: position by position, tap by tap. Else rows of V of the next position, or U where V is near. */
static void look_ahead(const slr_winograd *c, const plan *p, const char *v, const char *u, int k, const later *next,
                       slr_panel_product *g)
{
    if (p->step < p->depth) {
        int parts = p->positions / TAPS, tap = k / parts;
        int64_t squares = divide_up(next->depth, SLR_PANEL), first = squares * (k % parts) / parts;
        slr_gemm w = weights_of(c, tap);
        if (tap < TAPS)
            SLR_CPU(look_ahead)(&w, next->first + first * SLR_PANEL, (squares * (k % parts + 1) / parts - first) * SLR_PANEL,
                                next->panel * SLR_PANEL, g);
        return;
    }
    int64_t near = p->by_tiles ? g->depth * SLR_PANEL * (c->bf16 ? 2 : 4) : g->rows * p->v_row;
    g->ahead = p->by_tiles ? u + (k + 1) * p->u_stride : v + (k + 1) * p->v_stride;
    g->ahead_shift = 12;
    g->ahead_stride = PAGE;
    g->ahead_runs = divide_up(near, PAGE);
}

/* M = V U at every position, for `rows` tiles. */
static void multiply(const slr_winograd *c, const plan *p, const char *v, const char *u, float *products, int64_t rows,
                     int64_t depth, bool add, const later *next)
{
    const int64_t size = c->bf16 ? 2 : 4;
    for (int k = 0; k < p->positions; k++) {
        slr_panel_product g = {.rows = rows, .depth = depth, .a = v + k * p->v_stride, .a_row = p->v_row / size,
                               .panel = u + k * p->u_stride, .c = products + k * (p->m_stride / 4), .c_row = SLR_PANEL,
                               .columns = SLR_PANEL, .add = add};
        look_ahead(c, p, v, u, k, next, &g);
        (c->bf16 ? c->bf16 : SLR_CPU(panel_product))(&g);
    }
}

/* The outputs of `rows` tiles in the columns of one panel. */
static void put_tiles(const slr_winograd *c, const plan *p, int64_t panel, int64_t first, int64_t rows,
                      const float *products)
{
    float bias[SLR_PANEL] = {0};
    int columns = (int)least(SLR_PANEL, c->out - panel * SLR_PANEL);
    if (c->bias)
        memcpy(bias, c->bias + panel * SLR_PANEL, (size_t)columns * sizeof *bias);
    for (int64_t t = 0; t < rows; t++) {
        place at = place_of(p, first + t);
        slr_winograd_target to = {
            .y = c->y + ((at.image * c->h + at.line) * c->w + at.column) * c->out + panel * SLR_PANEL,
            .line = c->w * c->out, .pixel = c->out, .lines = (int)least(p->m, c->h - at.line),
            .pixels = (int)least(p->m, c->w - at.column), .columns = columns, .bias = bias, .add = c->add};
        SLR_CPU(winograd_output)(p->m, products + t * SLR_PANEL, p->m_stride / 4, &to);
    }
}

/* One panel for the tiles of a block, whose V is there. U of a part of the channels at a time, where a part stays in the
 * second-level cache and all of it would not. */
static void run_panel(const slr_winograd *c, const plan *p, const space *s, int64_t panel, int64_t block, int64_t tiles,
                      int64_t next_panel)
{
    const int64_t size = c->bf16 ? 2 : 4;
    for (int64_t d = 0; d < p->depth; d += p->step) {
        int64_t depth = least(p->step, p->depth - d), end = d + depth;
        later next = end < p->depth ? (later){panel, end, least(p->step, p->depth - end)} : (later){next_panel, 0, p->step};
        transform_panel(c, p, panel, d, depth, s->taps, s->u);
        for (int64_t first = 0; first < tiles; first += p->chunk) {
            int64_t rows = least(p->chunk, tiles - first);
            float *products = s->products + (p->step < p->depth ? first * SLR_PANEL : 0);
            multiply(c, p, s->v + first * p->v_row + d * size, s->u, products, rows, depth, d > 0, &next);
            if (d + depth == p->depth)
                put_tiles(c, p, panel, block + first, rows, products);
        }
    }
}

static void run_by_panels(const slr_winograd *c, const plan *p, void *workspace, int threads)
{
    for (int64_t block = 0; block < p->tiles; block += p->block) {
        int64_t tiles = least(p->block, p->tiles - block);
#pragma omp parallel for num_threads(threads) schedule(static)
        for (int64_t t = 0; t < tiles; t++) {
            space s = space_of(p, workspace, 0);
            transform_tile(c, p, &s, block + t, t);
        }
#pragma omp parallel for num_threads(threads) schedule(dynamic)
        for (int64_t panel = 0; panel < p->panels; panel++) {
            space s = space_of(p, workspace, omp_get_thread_num());
            run_panel(c, p, &s, panel, block, tiles, panel + threads); /* most likely */
        }
    }
}

static void run_by_tiles(const slr_winograd *c, const plan *p, void *workspace, int threads)
{
    const int64_t u_row = SLR_PANEL * (c->bf16 ? 2 : 4), parts = divide_up(p->depth, TASK_ROWS);
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t task = 0; task < p->panels * parts; task++) {
        space s = space_of(p, workspace, omp_get_thread_num());
        int64_t panel = task / parts, first = task % parts * TASK_ROWS;
        char *u = s.u + panel * p->positions * p->u_stride + first * u_row;
        transform_panel(c, p, panel, first, least(TASK_ROWS, p->depth - first), s.taps, u);
    }
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t first = 0; first < p->tiles; first += p->chunk) {
        space s = space_of(p, workspace, omp_get_thread_num());
        int64_t rows = least(p->chunk, p->tiles - first);
        for (int64_t t = 0; t < rows; t++)
            transform_tile(c, p, &s, first + t, t);
        for (int64_t panel = 0; panel < p->panels; panel++) {
            multiply(c, p, s.v, s.u + panel * p->positions * p->u_stride, s.products, rows, p->depth, false, NULL);
            put_tiles(c, p, panel, first, rows, s.products);
        }
    }
}

void SLR_CPU(winograd)(const slr_winograd *c, void *workspace, int threads)
{
    plan p = plan_of(c);
    memset(workspace, 0, (size_t)p.zeros);
    (p.by_tiles ? run_by_tiles : run_by_panels)(c, &p, workspace, threads);
}
