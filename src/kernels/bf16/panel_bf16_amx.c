/* SPDX-License-Identifier: MIT
 *
 * Tiles of 16 x 16 results: two by two of them, 32 rows x 32 columns, take in 32 steps of the depth with four loads and
 * four multiplications. A comes straight from its rows, B from the panel, whose rows of pairs are what the unit wants.
 * Fewer rows or columns are tiles of fewer rows or columns.
 */
#include "kernels/bf16/panel_bf16.h"

#if defined __AMX_BF16__ || defined __AMXBF16__ /* gcc, older clang */
#include <immintrin.h>

enum { TILE = 16, STEP = 32, C_TILES = 4, A_TILES = 2, B_TILES = 2, LINE = 64 };

typedef struct tile_shapes {
    uint8_t palette, start, unused[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_shapes;

/* Tiles 0 to 3 are C, row-major two by two; 4 and 5 the rows of A, 6 and 7 the columns of B. Loading costs as much as
 * ten multiplications: *loaded is what the last call loaded, 0 at first. */
static void load_shapes(int rows, int columns, int *loaded)
{
    const int wanted = rows % TILE == 0 && columns % TILE == 0 ? 1 : rows << 8 | columns; /* 1: whole tiles */
    if (*loaded == wanted)
        return;
    *loaded = wanted;
    tile_shapes s = {.palette = 1};
    const int height[2] = {rows < TILE ? rows : TILE, rows > TILE ? rows - TILE : TILE};
    const int width[2] = {columns < TILE ? columns : TILE, columns > TILE ? columns - TILE : TILE};
    for (int t = 0; t < C_TILES; t++) {
        s.rows[t] = (uint8_t)height[t / 2];
        s.row_bytes[t] = (uint16_t)(width[t % 2] * 4);
    }
    for (int t = 0; t < A_TILES; t++) {
        s.rows[C_TILES + t] = (uint8_t)height[t];
        s.row_bytes[C_TILES + t] = STEP * 2;
    }
    for (int t = 0; t < B_TILES; t++) {
        s.rows[C_TILES + A_TILES + t] = STEP / 2;
        s.row_bytes[C_TILES + A_TILES + t] = (uint16_t)(width[t] * 4);
    }
    __asm__ volatile("" : : "r"(&s) : "memory"); /* gcc's intrinsic reads eight bytes as far as gcc knows */
    _tile_loadconfig(&s);
}

/* Cache lines of what the caller reads next, some with every step. */
typedef struct fetch {
    const char *from;
    int shift;
    int64_t stride, at, end, lines; /* at, end: bytes; lines: of a step */
} fetch;

static fetch fetch_of(const slr_panel_product *q)
{
    const int64_t steps = (q->rows + 2 * TILE - 1) / (2 * TILE) * (q->depth / STEP);
    const int64_t bytes = q->ahead ? q->ahead_runs << q->ahead_shift : 0;
    return (fetch){q->ahead, q->ahead_shift, q->ahead_stride, 0, bytes, steps ? (bytes / LINE + steps - 1) / steps : 0};
}

static inline void fetch_lines(fetch *f)
{
    for (int64_t i = 0; i < f->lines && f->at < f->end; i++, f->at += LINE)
        __builtin_prefetch(f->from + (f->at >> f->shift) * f->stride + (f->at & (((int64_t)1 << f->shift) - 1)), 0, 2);
}

/* `tall` and `wide` are constants where this is inlined: whether there is a second row, a second column of tiles. */
static inline __attribute__((always_inline)) void block(bool tall, bool wide, const slr_panel_product *q, int64_t row,
                                                        fetch *ahead)
{
    const uint16_t *a = (const uint16_t *)q->a + row * q->a_row, *low_a = a + TILE * q->a_row, *b = q->panel;
    const int64_t a_bytes = q->a_row * 2, b_bytes = SLR_PANEL * 4, c_bytes = q->c_row * 4;
    float *c = q->c + row * q->c_row, *low_c = c + TILE * q->c_row;
    if (q->add || q->bias) {
        const float *from = q->add ? c : q->bias, *low_from = q->add ? low_c : q->bias;
        const int64_t stride = q->add ? c_bytes : 0; /* each row of the tile is the bias */
        _tile_loadd(0, from, stride);
        if (wide)
            _tile_loadd(1, from + TILE, stride);
        if (tall)
            _tile_loadd(2, low_from, stride);
        if (tall && wide)
            _tile_loadd(3, low_from + TILE, stride);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    /* The rows of C that the next block will write, some with every step. */
    const int64_t next = row + 2 * TILE, end = next + 2 * TILE < q->rows ? next + 2 * TILE : q->rows;
    const int64_t pace = (2 * TILE * STEP + q->depth - 1) / q->depth;
    int64_t claimed = next, claim = next + pace - 1;
    for (int64_t p = 0; p < q->depth; p += STEP, b += STEP * SLR_PANEL) {
        _tile_loadd(6, b, b_bytes);
        _tile_loadd(4, a + p, a_bytes);
        if (wide)
            _tile_loadd(7, b + 2 * TILE, b_bytes);
        _tile_dpbf16ps(0, 4, 6);
        if (tall)
            _tile_loadd(5, low_a + p, a_bytes);
        if (wide)
            _tile_dpbf16ps(1, 4, 7);
        if (tall)
            _tile_dpbf16ps(2, 5, 6);
        if (tall && wide)
            _tile_dpbf16ps(3, 5, 7);
        fetch_lines(ahead);
        for (; claimed < end && claimed <= claim; claimed++) {
            __builtin_prefetch(q->c + claimed * q->c_row, 1, 3);
            __builtin_prefetch(q->c + claimed * q->c_row + TILE, 1, 3);
        }
        claim += pace;
    }
    _tile_stored(0, c, c_bytes);
    if (wide)
        _tile_stored(1, c + TILE, c_bytes);
    if (tall)
        _tile_stored(2, low_c, c_bytes);
    if (tall && wide)
        _tile_stored(3, low_c + TILE, c_bytes);
}

static void one_panel(const slr_panel_product *q, fetch *ahead, int *loaded)
{
    const bool wide = q->columns > TILE;
    int64_t row = 0, left = q->rows % (2 * TILE);
    if (q->rows > left)
        load_shapes(2 * TILE, q->columns, loaded);
    for (; row < q->rows - left; row += 2 * TILE)
        wide ? block(true, true, q, row, ahead) : block(true, false, q, row, ahead);
    if (left > 0) {
        load_shapes((int)left, q->columns, loaded);
        if (left > TILE)
            wide ? block(true, true, q, row, ahead) : block(true, false, q, row, ahead);
        else
            wide ? block(false, true, q, row, ahead) : block(false, false, q, row, ahead);
    }
}

void slr_panel_product_amx(const slr_panel_product *q)
{
    fetch ahead = fetch_of(q);
    int loaded = 0;
    for (int first = 0; first < q->columns; first += SLR_PANEL) {
        const slr_panel_product p = slr_panel_at(q, first);
        one_panel(&p, &ahead, &loaded);
    }
    _tile_release();
}

#endif
