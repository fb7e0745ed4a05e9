/* SPDX-License-Identifier: MIT
 * Distances between rows of numbers; pixels are in pixel_space.c. */
#include "eval/picture_space.h"

#include <math.h>

double slr_ncc(const double *a, const double *b, size_t count)
{
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < count; i++) {
        ma += a[i];
        mb += b[i];
    }
    ma /= (double)count;
    mb /= (double)count;
    for (size_t i = 0; i < count; i++) {
        ab += (a[i] - ma) * (b[i] - mb);
        aa += (a[i] - ma) * (a[i] - ma);
        bb += (b[i] - mb) * (b[i] - mb);
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

static double cosine_distance(double ab, double aa, double bb)
{
    return aa > 0 && bb > 0 ? fmax(1 - ab / sqrt(aa * bb), 0) : 1;
}

/* Four sums in a fixed order, so that the compiler may use vectors. */
#define DISTANCE_OF(name, type)                                                                              \
    static double name(const type *a, const type *b, size_t dim, slr_distance kind)                          \
    {                                                                                                        \
        double s[4] = {0}, aa[4] = {0}, bb[4] = {0};                                                         \
        for (size_t i = 0; i + 4 <= dim; i += 4)                                                             \
            for (int k = 0; k < 4; k++) {                                                                    \
                double x = (double)a[i + (size_t)k], y = (double)b[i + (size_t)k];                           \
                s[k] += kind == SLR_DISTANCE_COSINE ? x * y : (x - y) * (x - y);                             \
                aa[k] += x * x;                                                                              \
                bb[k] += y * y;                                                                              \
            }                                                                                                \
        for (size_t i = dim & ~(size_t)3; i < dim; i++) {                                                    \
            double x = (double)a[i], y = (double)b[i];                                                       \
            s[0] += kind == SLR_DISTANCE_COSINE ? x * y : (x - y) * (x - y);                                 \
            aa[0] += x * x;                                                                                  \
            bb[0] += y * y;                                                                                  \
        }                                                                                                    \
        double sum = (s[0] + s[1]) + (s[2] + s[3]);                                                          \
        if (kind == SLR_DISTANCE_COSINE)                                                                     \
            return cosine_distance(sum, (aa[0] + aa[1]) + (aa[2] + aa[3]),                                   \
                                   (bb[0] + bb[1]) + (bb[2] + bb[3]));                                       \
        return sqrt(kind == SLR_DISTANCE_RMS ? sum / (double)dim : sum);                                     \
    }

DISTANCE_OF(distance_of_doubles, double)
DISTANCE_OF(distance_of_floats, float)

double slr_feature_distance(const slr_feature_space *space, slr_audit_side a, size_t i, slr_audit_side b,
                            size_t j)
{
    size_t dim = space->dim;
    if (space->side[a])
        return distance_of_doubles(space->side[a] + i * dim, space->side[b] + j * dim, dim, space->kind);
    return distance_of_floats(space->floats[a] + i * dim, space->floats[b] + j * dim, dim, space->kind);
}

static void feature_row(const void *context, slr_audit_side side, size_t i, double *distances, void *scratch)
{
    const slr_feature_space *space = context;
    (void)scratch;
    for (size_t j = 0; j < space->count[SLR_AUDIT_TRAIN]; j++)
        distances[j] = slr_feature_distance(space, side, i, SLR_AUDIT_TRAIN, j);
}

slr_picture_space slr_feature_picture_space(const slr_feature_space *space)
{
    return (slr_picture_space){.train = space->count[SLR_AUDIT_TRAIN],
                               .held_out = space->count[SLR_AUDIT_HELD_OUT],
                               .synthetic = space->count[SLR_AUDIT_SYNTHETIC],
                               .context = space,
                               .row = feature_row};
}
