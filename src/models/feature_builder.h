/* SPDX-License-Identifier: MIT
 *
 * What networks for features are written in: a builder (layers.h) beside the file of weights, which sizes come from,
 * and recipes for weights that are not stored as the graph wants them.
 *
 * Batch norms and layer scales only multiply and add with constants: they are folded into the convolution or linear map
 * before them when weights are read, in double.
 */
#ifndef SLR_FEATURE_BUILDER_H
#define SLR_FEATURE_BUILDER_H

#include "graph/weights.h"
#include "models/feature_file.h"
#include "models/layers.h"

typedef enum slr_recipe_kind {
    SLR_RECIPE_NORM,      /* `source`, a convolution without bias, then the batch norm `other`; either may be "" */
    SLR_RECIPE_SCALE,     /* `source` times the vector `other`, row by row */
    SLR_RECIPE_THIRD,     /* rows part/3 .. (part+1)/3 of `source` */
    SLR_RECIPE_TOKENS,    /* table: the tensor `source`, then the tensor `other`; zeros where that is "" */
    SLR_RECIPE_POSITIONS  /* the tensor `source`, its grid brought to that of the graph */
} slr_recipe_kind;

/* How the weights of the op at `path` are made. Names are those behind the file's prefix. */
typedef struct slr_recipe {
    char path[192], source[192], other[192];
    slr_recipe_kind kind;
    int part;
    double eps; /* of the batch norm */
} slr_recipe;

/* Everything stands below this component: weight names of the graph are "net." and the file's name. */
#define SLR_FEATURE_COMPONENT "net"

typedef struct slr_feature_builder {
    slr_builder b;
    slr_feature_file *file;
    slr_recipe *recipes;
    size_t count, capacity;
} slr_feature_builder;

void slr_feature_builder_init(slr_feature_builder *f, slr_graph *graph, slr_feature_file *file);
void slr_feature_builder_free(slr_feature_builder *f); /* the recipes; not graph and file */

/* Notes a recipe; its path is `name` below the builder's path. An error sticks to the graph. */
void slr_feature_recipe(slr_feature_builder *f, const char *name, slr_recipe recipe);

/* The path in the file of `name` below the builder's; valid until the next call. */
const char *slr_feature_path(slr_feature_builder *f, const char *name);
/* A size of the tensor `name` below the builder's path. */
int64_t slr_feature_size(slr_feature_builder *f, const char *name, int dimension);

/* Convolution `conv`, batch norm `norm` (NULL: none), ReLU; as many channels as the file has. */
slr_tid slr_feature_conv(slr_feature_builder *f, slr_tid x, const char *conv, const char *norm,
                         slr_map_window window, double eps, bool relu);
/* Batch norm `norm` and ReLU by themselves. */
slr_tid slr_feature_norm(slr_feature_builder *f, slr_tid x, const char *norm, double eps);
/* The mean of each channel: (N,H,W,C) -> (N,C). */
slr_tid slr_feature_mean(slr_feature_builder *f, slr_tid x);
/* A square window with equal padding. */
slr_map_window slr_square_window(int size, int stride, int pad);

/* Reads what the graph asks for into `store`, and lists what is missing, has another shape or is too much. */
selora_status slr_feature_load(slr_feature_builder *f, const char *const *ignored, slr_weight_store *store,
                               slr_error *err);

#endif
