/* SPDX-License-Identifier: MIT */
#include "train/ceiling.h"

#include <cblas.h>
#include <omp.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/memory.h"
#include "graph/plan.h"

enum { ROWS = 784, OUT = 1280, IN = 640, SIDE = 2048, RUNS = 6 };

static selora_status fill_store(const slr_graph *graph, slr_weight_store *store, slr_error *err)
{
    const slr_weight_spec *spec = slr_graph_weight(graph, 0);
    slr_real *values = slr_alloc((size_t)slr_weight_elements(spec), sizeof *values);
    if (!values)
        return slr_fail_memory(err, (size_t)slr_weight_elements(spec) * sizeof *values, "a measurement");
    for (int64_t i = 0; i < slr_weight_elements(spec); i++)
        values[i] = (slr_real)(i % 13) / 13;
    selora_status status = slr_weight_store_add_values(store, spec, values, err);
    free(values);
    return status;
}

static selora_status measure_backend(const slr_backend *backend, int threads, double *best, slr_error *err)
{
    selora_status status = SELORA_OK;
    slr_plan *plan = NULL;
    slr_graph *graph = slr_graph_new();
    slr_weight_store *store = slr_weight_store_new(SLR_WEIGHTS_KEEP);
    if (!graph || !store) {
        status = slr_fail_memory(err, 0, "a measurement");
        goto out;
    }
    slr_tid x = slr_graph_input(graph, "x", 2, (int64_t[]){ROWS, IN});
    slr_graph_output(graph, slr_graph_linear(graph, x, "linear", OUT, false));
    slr_plan_options options = {.threads = threads};
    SLR_TRY_OUT(slr_plan_new(graph, backend, &options, &plan, err));
    SLR_TRY_OUT(fill_store(graph, store, err));
    SLR_TRY_OUT(slr_plan_allocate(plan, store, err));
    for (int64_t i = 0; i < ROWS * IN; i++)
        slr_plan_value(plan, x)[i] = (slr_real)(i % 7) / 7;
    for (int run = 0; run < RUNS; run++) {
        double start = slr_clock_seconds();
        slr_plan_forward(plan);
        double gflops = 2e-9 * ROWS * OUT * IN / (slr_clock_seconds() - start);
        *best = gflops > *best ? gflops : *best;
    }
out:
    slr_plan_free(plan);
    slr_graph_free(graph);
    slr_weight_store_free(store);
    return status;
}

/* The OpenMP build of OpenBLAS takes the number of threads of the calling thread, which is put back afterwards. */
static selora_status measure_blas(int threads, double *best, slr_error *err)
{
    size_t cells = (size_t)SIDE * SIDE;
    float *memory = slr_alloc(3 * cells, sizeof *memory);
    if (!memory)
        return slr_fail_memory(err, 3 * cells * sizeof *memory, "a measurement");
    for (size_t i = 0; i < 2 * cells; i++)
        memory[i] = (float)(i % 11) / 11;
    int before = omp_get_max_threads();
    omp_set_num_threads(threads);
    for (int run = 0; run < RUNS / 2; run++) {
        double start = slr_clock_seconds();
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, SIDE, SIDE, SIDE, 1, memory, SIDE, memory + cells, SIDE, 0,
                    memory + 2 * cells, SIDE);
        double gflops = 2e-9 * SIDE * SIDE * SIDE / (slr_clock_seconds() - start);
        *best = gflops > *best ? gflops : *best;
    }
    omp_set_num_threads(before);
    free(memory);
    return SELORA_OK;
}

selora_status slr_ceiling_measure(const slr_backend *backend, int threads, slr_ceiling *ceiling, slr_error *err)
{
    *ceiling = (slr_ceiling){0};
    SLR_TRY(measure_backend(backend, threads, &ceiling->own, err));
    return measure_blas(threads, &ceiling->blas, err);
}

double slr_ceiling_best(const slr_ceiling *ceiling)
{
    return ceiling->own > ceiling->blas ? ceiling->own : ceiling->blas;
}
