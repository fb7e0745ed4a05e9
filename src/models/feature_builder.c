/* SPDX-License-Identifier: MIT */
#include "models/feature_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

void slr_feature_builder_init(slr_feature_builder *f, slr_graph *graph, slr_feature_file *file)
{
    *f = (slr_feature_builder){.file = file};
    slr_builder_init(&f->b, graph, NULL, SLR_FEATURE_COMPONENT);
}

void slr_feature_builder_free(slr_feature_builder *f)
{
    free(f->recipes);
    f->recipes = NULL;
    f->count = f->capacity = 0;
}

const char *slr_feature_path(slr_feature_builder *f, const char *name)
{
    return slr_path(&f->b, name) + sizeof SLR_FEATURE_COMPONENT; /* behind its dot */
}

int64_t slr_feature_size(slr_feature_builder *f, const char *name, int dimension)
{
    return slr_feature_file_size(f->file, slr_feature_path(f, name), dimension);
}

void slr_feature_recipe(slr_feature_builder *f, const char *name, slr_recipe recipe)
{
    if (!slr_grow((void **)&f->recipes, &f->capacity, f->count, sizeof *f->recipes)) {
        slr_graph_fail(f->b.graph, SELORA_NO_RESOURCE, "not enough memory to record the graph");
        return;
    }
    snprintf(recipe.path, sizeof recipe.path, "%s", slr_feature_path(f, name));
    f->recipes[f->count++] = recipe;
}

slr_map_window slr_square_window(int size, int stride, int pad)
{
    return (slr_map_window){size, size, stride, {pad, pad, pad, pad}};
}

slr_tid slr_feature_conv(slr_feature_builder *f, slr_tid x, const char *conv, const char *norm,
                         slr_map_window window, double eps, bool relu)
{
    char name[192];
    slr_recipe recipe = {.kind = SLR_RECIPE_NORM, .eps = eps};
    snprintf(recipe.source, sizeof recipe.source, "%s", slr_feature_path(f, conv));
    if (norm)
        snprintf(recipe.other, sizeof recipe.other, "%s", slr_feature_path(f, norm));
    slr_feature_recipe(f, conv, recipe);
    snprintf(name, sizeof name, "%s.weight", conv);
    int64_t channels = slr_feature_size(f, name, 0);
    x = slr_graph_conv2d_window(f->b.graph, x, slr_path(&f->b, conv), channels, window);
    return relu ? slr_graph_activation(f->b.graph, x, SLR_ACT_RELU, slr_path(&f->b, conv)) : x;
}

slr_tid slr_feature_norm(slr_feature_builder *f, slr_tid x, const char *norm, double eps)
{
    slr_recipe recipe = {.kind = SLR_RECIPE_NORM, .eps = eps};
    snprintf(recipe.other, sizeof recipe.other, "%s", slr_feature_path(f, norm));
    slr_feature_recipe(f, norm, recipe);
    return slr_graph_scale_shift(f->b.graph, x, slr_path(&f->b, norm), true);
}

slr_tid slr_feature_mean(slr_feature_builder *f, slr_tid x)
{
    const int64_t *shape = slr_shape(&f->b, x);
    int64_t flat[] = {shape[0], shape[3]};
    slr_map_window window = {(int)shape[1], (int)shape[2], 1, {0, 0, 0, 0}};
    x = slr_graph_pool(f->b.graph, x, SLR_POOL_MEAN, window, slr_path(&f->b, "mean"));
    return slr_graph_reshape(f->b.graph, x, 2, flat);
}
