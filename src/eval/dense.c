/* SPDX-License-Identifier: MIT */
#include "eval/dense.h"

#include <cblas.h>
#include <limits.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* LAPACK as Fortran compilers call it; libopenblas holds it, and not every Debian has a header. The lengths of texts come
 * last. */
void dgesdd_(const char *job, const int *m, const int *n, double *a, const int *lda, double *s, double *u, const int *ldu,
             double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info, size_t job_length);
void dgelqf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work, const int *lwork, int *info);

/* OpenBLAS asks the runtime how many threads this one may start. */
static int alone(void)
{
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    return before;
}

void slr_rows_by_rows(const double *x, size_t n, const double *y, size_t m, size_t dim, double *out)
{
    int before = alone();
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)m, (int)dim, 1, x, (int)dim, y, (int)dim, 0, out,
                (int)m);
    omp_set_num_threads(before);
}

void slr_product_into(const double *a, size_t n, size_t k, const double *b, size_t m, size_t stride, double *out)
{
    int before = alone();
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)m, (int)k, 1, a, (int)k, b, (int)stride, 0, out,
                (int)m);
    omp_set_num_threads(before);
}

selora_status slr_dense_check(size_t count, size_t dim, slr_error *err)
{
    if (count > INT_MAX / 2 || dim > INT_MAX / 2)
        return slr_fail(err, SELORA_BAD_INPUT, "%zu rows of %zu features are too many", count, dim);
    return SELORA_OK;
}

selora_status slr_singular_sum(double *a, size_t rows, size_t columns, double *sum, slr_error *err)
{
    int m = (int)columns, n = (int)rows, least = m < n ? m : n, size = -1, info = 0, one = 1, before = alone();
    double best = 0, *values = slr_alloc((size_t)least, sizeof *values), *work = NULL;
    int *whole = slr_alloc((size_t)least, 8 * sizeof *whole);
    selora_status status = SELORA_OK;
    dgesdd_("N", &m, &n, a, &m, values, NULL, &one, NULL, &one, &best, &size, whole, &info, 1);
    size = (int)best;
    work = slr_alloc((size_t)size, sizeof *work);
    if (!values || !whole || !work) {
        status = slr_fail_memory(err, (size_t)size * sizeof *work, "singular values");
        goto out;
    }
    dgesdd_("N", &m, &n, a, &m, values, NULL, &one, NULL, &one, work, &size, whole, &info, 1);
    if (info != 0)
        status = slr_fail(err, SELORA_NUMERIC, "singular values could not be found (LAPACK says %d): are features finite?",
                          info);
    *sum = 0;
    for (int i = least - 1; i >= 0; i--) /* small ones first */
        *sum += values[i];
out:
    omp_set_num_threads(before);
    free(values);
    free(whole);
    free(work);
    return status;
}

/* Rows in memory are columns of Fortran, so QR of x is LQ of what LAPACK sees. */
selora_status slr_triangle(double *x, size_t n, size_t dim, slr_error *err)
{
    int rows = (int)dim, columns = (int)n, size = -1, info = 0, before = alone();
    double best = 0, *tau = slr_alloc(dim, sizeof *tau), *work = NULL;
    selora_status status = SELORA_OK;
    dgelqf_(&rows, &columns, x, &rows, tau, &best, &size, &info);
    size = (int)best;
    work = slr_alloc((size_t)size, sizeof *work);
    if (!tau || !work)
        status = slr_fail_memory(err, (size_t)size * sizeof *work, "a triangle");
    else
        dgelqf_(&rows, &columns, x, &rows, tau, work, &size, &info);
    for (size_t i = 1; status == SELORA_OK && i < dim; i++)
        memset(x + i * dim, 0, i * sizeof *x);
    omp_set_num_threads(before);
    free(tau);
    free(work);
    return status;
}

void slr_mean_row(const double *x, const size_t *chosen, size_t count, size_t dim, double *out)
{
    memset(out, 0, dim * sizeof *out);
    for (size_t i = 0; i < count; i++) {
        const double *row = x + (chosen ? chosen[i] : i) * dim;
        for (size_t j = 0; j < dim; j++)
            out[j] += row[j];
    }
    for (size_t j = 0; j < dim; j++)
        out[j] /= (double)count;
}
