/* SPDX-License-Identifier: MIT */
#include "kernels/cpu/cpu_gemm.h"

#include <omp.h>
#include <string.h>

#include "kernels/cpu/bf16_pack.h"
#include "kernels/cpu/cpu_pack.h"
#include "kernels/cpu/panel_product.h"

/* A chunk of MAX_CHUNK_ROWS x MAX_DEPTH numbers of A, 1 MB, stays in the second-level cache beside a panel. In bf16 it is
 * twice as deep. */
enum { MAX_DEPTH = 512, MAX_DEPTH_BF16 = 1024, MAX_CHUNK_ROWS = 512, LEAST_ROWS = 64, ALIASED = 4096,
       A_ROW = MAX_DEPTH + 16 };

/* The scratch of one thread, for floats or for twice as many bf16: a panel, the bias of its columns, a copy of a chunk
 * of A. */
typedef struct scratch {
    float panel[MAX_DEPTH * SLR_PANEL], bias[SLR_PANEL], a[MAX_CHUNK_ROWS * A_ROW];
} scratch;

/* `total` in equal parts of at most `most`: the size of a part. */
static int64_t even_part(int64_t total, int64_t most)
{
    int64_t parts = (total + most - 1) / most;
    return parts > 0 ? (total + parts - 1) / parts : total;
}

size_t SLR_CPU(gemm_packing)(void)
{
    return sizeof(scratch);
}

/* Rows [first_row, first_row + rows) of C in one panel's columns, one step of the depth; `a` begins at that row and
 * depth. */
static void run_panel(const slr_gemm *g, const slr_panel_product *chunk, int64_t first_depth, int64_t depth,
                      int64_t first_column, scratch *own)
{
    slr_panel_product p = *chunk;
    int64_t left = g->columns - first_column;
    p.columns = (int)(left < SLR_PANEL ? left : SLR_PANEL);
    p.c += first_column;
    p.panel = g->bf16 ? SLR_CPU(pack_pairs)(g, first_depth, depth, first_column, p.columns, own->panel)
                      : SLR_CPU(pack_panel)(g, first_depth, depth, first_column, p.columns, own->panel);
    if (g->bias && first_depth == 0) {
        for (int j = 0; j < SLR_PANEL; j++)
            own->bias[j] = j < p.columns ? g->bias[first_column + j] : 0;
        p.bias = own->bias;
    }
    SLR_CPU(look_ahead)(g, first_depth, depth, first_column + SLR_PANEL, &p);
    (g->bf16 ? g->bf16 : SLR_CPU(panel_product))(&p);
}

/* As run_panel wants it in bf16: depth filled up to a multiple of 32, rows rounded. */
static void round_rows(slr_panel_product *p, int64_t true_depth, scratch *own)
{
    int64_t row = slr_bf16_row(true_depth);
    SLR_CPU(bf16_round_rows)(p->a, p->a_row, 1, p->rows, true_depth, (uint16_t *)own->a, row);
    p->a = own->a;
    p->a_row = row;
    p->depth = (true_depth + 31) / 32 * 32;
}

/* Rows that lie a multiple of a page apart fall into the same few sets of the first-level cache: they are copied. */
static void spread_rows(slr_panel_product *p, float *copy)
{
    if (p->a_row * (int64_t)sizeof(float) % ALIASED != 0 || p->rows < 16)
        return;
    for (int64_t i = 0; i < p->rows; i++)
        memcpy(copy + i * A_ROW, (const float *)p->a + i * p->a_row, (size_t)p->depth * sizeof(float));
    p->a = copy;
    p->a_row = A_ROW;
}

/* All panels of [first_panel, last_panel) for some rows. */
static void run_part(const slr_gemm *g, int64_t first_row, int64_t rows, int64_t first_panel, int64_t last_panel,
                     scratch *own)
{
    int64_t step = even_part(g->depth, g->bf16 ? MAX_DEPTH_BF16 : MAX_DEPTH);
    step = g->bf16 ? (step + 31) / 32 * 32 : step;
    for (int64_t d = 0; d < g->depth; d += step) {
        int64_t depth = g->depth - d < step ? g->depth - d : step;
        slr_panel_product p = {.rows = rows, .depth = depth,
                               .a = g->a + first_row * g->a_row + d, .a_row = g->a_row,
                               .c = g->c + first_row * g->c_row, .c_row = g->c_row,
                               .add = g->add || d > 0};
        if (g->bf16)
            round_rows(&p, depth, own);
        else if (last_panel - first_panel > 2)
            spread_rows(&p, own->a);
        for (int64_t panel = first_panel; panel < last_panel; panel++)
            run_panel(g, &p, d, depth, panel * SLR_PANEL, own);
    }
}

void SLR_CPU(gemm)(const slr_gemm *g, void *packing, int threads)
{
    int64_t panels = (g->columns + SLR_PANEL - 1) / SLR_PANEL, wanted = 3 * threads;
    int64_t height = even_part(g->rows, MAX_CHUNK_ROWS), chunks = (g->rows + height - 1) / height;
    if (chunks * panels < wanted) { /* few columns: more chunks, down to a few blocks of rows each */
        height = even_part(g->rows, (g->rows * panels + wanted - 1) / wanted);
        height = height < LEAST_ROWS ? LEAST_ROWS : height;
        chunks = (g->rows + height - 1) / height;
    }
    int64_t groups = (wanted + chunks - 1) / chunks;
    if (g->bf16) { /* each group rounds its rows of A anew: no more of them than make the threads' shares equal */
        groups = (threads + chunks - 1) / chunks;
        while (chunks * groups % threads != 0 && chunks * groups < wanted)
            groups++;
    }
    groups = groups < panels ? groups : panels;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t task = 0; task < chunks * groups; task++) {
        int64_t i = task % chunks * height, group = task / chunks;
        run_part(g, i, g->rows - i < height ? g->rows - i : height, group * panels / groups,
                 (group + 1) * panels / groups, (scratch *)packing + omp_get_thread_num());
    }
}
