/* SPDX-License-Identifier: MIT
 *
 * How long metrics of features take, and in what memory: rows of N(0, 1).
 *
 *     build/metrics [N] [D] [THREADS] [frechet|kid|prdc]       10000 2048 2 kid
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/clock.h"
#include "core/memory.h"
#include "core/rng.h"
#include "eval/frechet.h"
#include "eval/kid.h"
#include "eval/prdc.h"

static double *draw(uint32_t side, size_t count, size_t dim)
{
    double *values = slr_alloc(count * dim, sizeof *values);
    slr_rng rng = slr_rng_at(1, SLR_STREAM_TEST, side, 0);
    for (size_t i = 0; values && i < count * dim; i++)
        values[i] = slr_rng_normal(&rng);
    return values;
}

static double tell(const char *what, double start)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%-40s %8.2f s   peak %.2f GB\n", what, slr_clock_seconds() - start, (double)usage.ru_maxrss / 1e6);
    fflush(stdout);
    return slr_clock_seconds();
}

static selora_status run(const double *x, const double *y, size_t n, size_t dim, int threads, const char *what,
                         slr_error *err)
{
    double start = slr_clock_seconds(), d2;
    if (strcmp(what, "frechet") == 0) {
        SLR_TRY(slr_frechet_distance(x, n, y, n, dim, &d2, err));
        tell("Frechet distance", start);
        return SELORA_OK;
    }
    slr_folds fx = {0}, fy = {0};
    int32_t *groups = slr_alloc(n, sizeof *groups);
    if (!groups)
        return slr_fail_memory(err, n, "groups");
    for (size_t i = 0; i < n; i++)
        groups[i] = (int32_t)i;
    SLR_TRY(slr_folds_new(groups, n, &fx, err));
    SLR_TRY(slr_folds_new(groups, n, &fy, err));
    slr_kid_options options = {.permutations = 999, .subsets = 100, .seed = 1, .threads = threads};
    slr_kid kid;
    slr_prdc_variant variants[2] = {{.k = 5}, {.k = 3, .closed = true}};
    slr_prdc prdc[2];
    bool neighbours = strcmp(what, "prdc") == 0;
    selora_status status = neighbours ? slr_prdc_judge(x, n, y, n, dim, &fx, &fy, variants, 2, threads, prdc, err)
                                      : slr_kid_judge(x, n, y, n, dim, &fx, &fy, &options, &kid, err);
    tell(neighbours ? "PRDC, both variants, jackknife" : "KID, jackknife, subsets, permutations", start);
    slr_folds_free(&fx);
    slr_folds_free(&fy);
    free(groups);
    return status;
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000, dim = argc > 2 ? strtoul(argv[2], NULL, 10) : 2048;
    int threads = argc > 3 ? atoi(argv[3]) : 2;
    const char *what = argc > 4 ? argv[4] : "kid";
    double *x = draw(0, n, dim), *y = draw(1, n, dim);
    slr_error err = {0};
    selora_status status = x && y ? run(x, y, n, dim, threads, what, &err) : slr_fail_memory(&err, n * dim, "rows");
    if (status != SELORA_OK)
        fprintf(stderr, "%s\n", err.message);
    free(x);
    free(y);
    return status != SELORA_OK;
}
