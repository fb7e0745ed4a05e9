/* SPDX-License-Identifier: MIT
 *
 * A block of up to BLOCK_ROWS x 2 vectors of C stays in registers while the depth goes by: one broadcast of A and two
 * multiply-adds a row and step. B comes from a packed panel, (depth, panel columns), which streams from the
 * second-level cache; A is broadcast from where it lies.
 */
#include "kernels/cpu/cpu_gemm.h"

#include <omp.h>

#if defined __AVX512F__
enum { WIDTH = 16, BLOCK_ROWS = 14 }; /* 28 accumulators of 32 registers */
#elif defined __AVX2__
enum { WIDTH = 8, BLOCK_ROWS = 6 }; /* 12 of 16 */
#else
enum { WIDTH = 4, BLOCK_ROWS = 6 };
#endif
enum { PANEL = 2 * WIDTH, MAX_DEPTH = 512, MAX_CHUNK_ROWS = 512 };

typedef float vector __attribute__((vector_size(WIDTH * sizeof(float))));
typedef float unaligned_vector __attribute__((vector_size(WIDTH * sizeof(float)), aligned(4)));

/* Where a block of C goes: `columns` of the panel's columns are real. */
typedef struct target {
    float *c;
    int64_t row;
    int columns;
    const float *bias; /* PANEL values, or NULL */
    bool add;
} target;

static void store_part(const target *t, const float *values, int rows)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < t->columns; j++) {
            float *c = t->c + i * t->row + j;
            *c = t->add ? *c + values[i * PANEL + j] : values[i * PANEL + j];
        }
}

/* C block (rows, vectors * WIDTH); `rows` and `vectors` are constants where this is inlined. */
static inline __attribute__((always_inline)) void block(const int rows, const int vectors, int64_t depth,
                                                        const float *a, int64_t a_row, int64_t a_step,
                                                        const float *panel, const target *t)
{
    vector sum[BLOCK_ROWS][2];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            sum[i][v] = (vector){0};
    for (int64_t p = 0; p < depth; p++, panel += PANEL, a += a_step) {
        vector b[2];
        for (int v = 0; v < vectors; v++)
            b[v] = *(const vector *)(const void *)(panel + v * WIDTH);
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                sum[i][v] += a[i * a_row] * b[v];
    }
    if (t->bias)
        for (int i = 0; i < rows; i++)
            for (int v = 0; v < vectors; v++)
                sum[i][v] += *(const vector *)(const void *)(t->bias + v * WIDTH);
    if (t->columns < vectors * WIDTH) {
        vector copy[BLOCK_ROWS][2]; /* an address of `sum` itself would drive it out of the registers */
        for (int i = 0; i < rows; i++)
            for (int v = 0; v < vectors; v++)
                copy[i][v] = sum[i][v];
        store_part(t, (const float *)copy, rows);
        return;
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) {
            unaligned_vector *c = (unaligned_vector *)(void *)(t->c + i * t->row + v * WIDTH);
            *c = t->add ? *c + sum[i][v] : sum[i][v];
        }
}

/* One function for each number of rows, so that the accumulators are registers. */
#define BLOCK_CASE(r)                                                                              \
    case r:                                                                                        \
        block(r, vectors, depth, a, a_row, a_step, panel, t);                                      \
        break;

static inline __attribute__((always_inline)) void some_rows(int rows, const int vectors, int64_t depth,
                                                            const float *a, int64_t a_row, int64_t a_step,
                                                            const float *panel, const target *t)
{
    switch (rows) {
        BLOCK_CASE(1)
        BLOCK_CASE(2)
        BLOCK_CASE(3)
        BLOCK_CASE(4)
        BLOCK_CASE(5)
        BLOCK_CASE(6)
#ifdef __AVX512F__
        BLOCK_CASE(7)
        BLOCK_CASE(8)
        BLOCK_CASE(9)
        BLOCK_CASE(10)
        BLOCK_CASE(11)
        BLOCK_CASE(12)
        BLOCK_CASE(13)
        BLOCK_CASE(14)
#endif
    default:
        break;
    }
}

static void narrow_rows(int rows, int64_t depth, const float *a, int64_t a_row, int64_t a_step,
                        const float *panel, const target *t)
{
    some_rows(rows, 1, depth, a, a_row, a_step, panel, t);
}

static void wide_rows(int rows, int64_t depth, const float *a, int64_t a_row, int64_t a_step,
                      const float *panel, const target *t)
{
    some_rows(rows, 2, depth, a, a_row, a_step, panel, t);
}

/* `total` in equal parts of at most `most`: the size of a part. */
static int64_t even_part(int64_t total, int64_t most)
{
    int64_t parts = (total + most - 1) / most;
    return parts > 0 ? (total + parts - 1) / parts : total;
}

/* WIDTH rows of WIDTH become columns: log2(WIDTH) rounds of interleaving row i with row i + WIDTH / 2. */
static inline __attribute__((always_inline)) void transpose(vector *rows)
{
    vector next[WIDTH];
    for (int round = 1; round < WIDTH; round *= 2) {
        for (int i = 0; i < WIDTH / 2; i++) {
            vector a = rows[i], b = rows[i + WIDTH / 2];
#if defined __AVX512F__
            next[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            next[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#elif defined __AVX2__
            next[2 * i] = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
            next[2 * i + 1] = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#else
            next[2 * i] = __builtin_shufflevector(a, b, 0, 4, 1, 5);
            next[2 * i + 1] = __builtin_shufflevector(a, b, 2, 6, 3, 7);
#endif
        }
        for (int i = 0; i < WIDTH; i++)
            rows[i] = next[i];
    }
}

/* Half a panel from columns that are contiguous along the depth: B(p, j) = b[p + j * b_step], zeros from `columns` on. */
static void pack_transposed(float *panel, const float *b, int64_t b_step, int64_t depth, int columns)
{
    int64_t p = 0;
    for (; p + WIDTH <= depth; p += WIDTH) {
        vector tile[WIDTH];
        for (int j = 0; j < WIDTH; j++)
            tile[j] = j < columns ? *(const unaligned_vector *)(const void *)(b + j * b_step + p) : (vector){0};
        transpose(tile);
        for (int j = 0; j < WIDTH; j++)
            *(vector *)(void *)(panel + (p + j) * PANEL) = tile[j];
    }
    for (; p < depth; p++)
        for (int j = 0; j < WIDTH; j++)
            panel[p * PANEL + j] = j < columns ? b[j * b_step + p] : 0;
}

static void pack_rows(float *panel, const float *b, int64_t b_row, int64_t depth, int columns)
{
    for (int64_t p = 0; p < depth; p++, panel += PANEL, b += b_row) {
        if (columns == PANEL) {
            *(vector *)(void *)panel = *(const unaligned_vector *)(const void *)b;
            *(vector *)(void *)(panel + WIDTH) = *(const unaligned_vector *)(const void *)(b + WIDTH);
            continue;
        }
        for (int j = 0; j < PANEL; j++)
            panel[j] = j < columns ? b[j] : 0;
    }
}

static void pack(const slr_gemm *g, float *panel, int64_t first_depth, int64_t depth, int64_t first_column,
                 int columns)
{
    const float *b = g->b + first_depth * g->b_row + first_column * g->b_step;
    if (g->b_step == 1) {
        pack_rows(panel, b, g->b_row, depth, columns);
        return;
    }
    pack_transposed(panel, b, g->b_step, depth, columns < WIDTH ? columns : WIDTH);
    if (columns > WIDTH)
        pack_transposed(panel + WIDTH, b + WIDTH * g->b_step, g->b_step, depth, columns - WIDTH);
}

size_t SLR_CPU(gemm_packing)(void)
{
    return (MAX_DEPTH + 8) * PANEL * sizeof(float); /* a panel, the bias of its columns, a multiple of 64 */
}

/* Rows [first_row, first_row + rows) and columns of one panel, one step of the depth. */
static void run_panel(const slr_gemm *g, int64_t first_row, int64_t rows, int64_t first_depth,
                      int64_t depth, int64_t first_column, float *packing)
{
    float *bias = packing + MAX_DEPTH * PANEL;
    int64_t left = g->columns - first_column, height = even_part(rows, BLOCK_ROWS);
    int columns = (int)(left < PANEL ? left : PANEL);
    bool with_bias = g->bias && first_depth == 0;
    for (int j = 0; with_bias && j < PANEL; j++)
        bias[j] = j < columns ? g->bias[first_column + j] : 0;
    pack(g, packing, first_depth, depth, first_column, columns);
    for (int64_t i = 0; i < rows; i += height) {
        int count = (int)(rows - i < height ? rows - i : height);
        const float *a = g->a + (first_row + i) * g->a_row + first_depth * g->a_step;
        target t = {g->c + (first_row + i) * g->c_row + first_column, g->c_row, columns,
                    with_bias ? bias : NULL, g->add || first_depth > 0};
        (columns > WIDTH ? wide_rows : narrow_rows)(count, depth, a, g->a_row, g->a_step, packing, &t);
    }
}

/* All panels of [first_panel, last_panel) for some rows: those rows of A stay in the second-level cache meanwhile. */
static void run_part(const slr_gemm *g, int64_t first_row, int64_t rows, int64_t first_panel,
                     int64_t last_panel, float *packing)
{
    int64_t step = even_part(g->depth, MAX_DEPTH);
    for (int64_t p = 0; p < g->depth; p += step)
        for (int64_t panel = first_panel; panel < last_panel; panel++)
            run_panel(g, first_row, rows, p, g->depth - p < step ? g->depth - p : step, panel * PANEL,
                      packing);
}

void SLR_CPU(gemm_serial)(const slr_gemm *g, void *packing)
{
    int64_t panels = (g->columns + PANEL - 1) / PANEL, height = even_part(g->rows, MAX_CHUNK_ROWS);
    for (int64_t i = 0; i < g->rows; i += height)
        run_part(g, i, g->rows - i < height ? g->rows - i : height, 0, panels, packing);
}

void SLR_CPU(gemm)(const slr_gemm *g, void *packing, int threads)
{
    int64_t panels = (g->columns + PANEL - 1) / PANEL, wanted = 3 * threads;
    int64_t height = even_part(g->rows, MAX_CHUNK_ROWS), chunks = (g->rows + height - 1) / height;
    if (chunks * panels < wanted) { /* few columns: more chunks, down to a few blocks of rows each */
        height = even_part(g->rows, (g->rows * panels + wanted - 1) / wanted);
        height = height < 4 * BLOCK_ROWS ? 4 * BLOCK_ROWS : height;
        chunks = (g->rows + height - 1) / height;
    }
    int64_t groups = (wanted + chunks - 1) / chunks;
    groups = groups < panels ? groups : panels;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t task = 0; task < chunks * groups; task++) {
        int64_t i = task % chunks * height, group = task / chunks;
        float *own = (float *)packing + (size_t)omp_get_thread_num() * SLR_CPU(gemm_packing)() / sizeof(float);
        run_part(g, i, g->rows - i < height ? g->rows - i : height, group * panels / groups,
                 (group + 1) * panels / groups, own);
    }
}
