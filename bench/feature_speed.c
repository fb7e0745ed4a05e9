/* SPDX-License-Identifier: MIT
 *
 * How fast an extractor's network is: for every line on stdin one batch of random pictures, its seconds on stdout. With
 * bench/compare_features.py, which measures the same in PyTorch in turn.
 *
 *     build/feature_speed NAME FILE [THREADS [BATCH]]     (2, 8)
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/memory.h"
#include "models/feature_net.h"

static int fail(const slr_error *err)
{
    fprintf(stderr, "%s\n", err->message);
    return 1;
}

int main(int argc, char **argv)
{
    slr_feature_net *net;
    slr_error err = {0};
    int threads = argc > 3 ? atoi(argv[3]) : 2, batch = argc > 4 ? atoi(argv[4]) : 8;
    if (argc < 3 || threads < 1 || batch < 1)
        return fprintf(stderr, "feature_speed NAME FILE [THREADS [BATCH]]\n"), 2;
    if (slr_feature_net_open(argv[1], argv[2], 0, &net, &err) != SELORA_OK)
        return fail(&err);
    const slr_feature_info *info = slr_feature_net_info(net);
    size_t count = (size_t)batch * (size_t)info->side * (size_t)info->side * (size_t)info->channels;
    float *pictures = slr_alloc(count, sizeof *pictures);
    slr_real *features = slr_alloc((size_t)batch * (size_t)info->dim, sizeof *features);
    if (!pictures || !features ||
        slr_feature_net_plan(net, slr_backend_cpu(), threads, batch, info->side, &err) != SELORA_OK)
        return fail(&err);
    for (size_t i = 0; i < count; i++)
        pictures[i] = (float)(i * 7919 % 1000) / 1000.0f;
    for (int c = getchar(); c != EOF; c = getchar()) {
        double start = slr_clock_seconds();
        slr_feature_net_run(net, pictures, features);
        printf("%.6f\n", slr_clock_seconds() - start);
        fflush(stdout);
    }
    free(pictures);
    free(features);
    slr_feature_net_close(net);
    return 0;
}
