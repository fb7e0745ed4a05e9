/* SPDX-License-Identifier: MIT
 * From the names and numbers of a file to the weights of a graph. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/free_memory.h"
#include "core/memory.h"
#include "models/feature_builder.h"

/* One file on its way into a store. */
typedef struct loading {
    slr_feature_builder *f;
    slr_weight_store *store;
    slr_problems missing, shapes;
    bool quiet; /* what is wrong has been listed when another weight was made of the same tensor */
} loading;

/* The part of a spec's name that the file has, and whether it is a bias. */
static const char *stored_name(const slr_weight_spec *spec)
{
    return spec->name + sizeof SLR_FEATURE_COMPONENT;
}

static bool is_bias(const slr_weight_spec *spec)
{
    size_t length = strlen(spec->name);
    return length > 5 && strcmp(spec->name + length - 5, ".bias") == 0;
}

static const slr_recipe *recipe_of(const slr_feature_builder *f, const slr_weight_spec *spec)
{
    const char *name = stored_name(spec), *dot = strrchr(name, '.');
    size_t length = dot ? (size_t)(dot - name) : strlen(name);
    for (size_t i = 0; i < f->count; i++)
        if (strlen(f->recipes[i].path) == length && memcmp(f->recipes[i].path, name, length) == 0)
            return &f->recipes[i];
    return NULL;
}

/* The tensor `name`.`suffix` with `count` numbers, or NULL and a problem. */
static const slr_stored_tensor *take(loading *l, const char *name, const char *suffix, int64_t count)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", name, suffix);
    const slr_stored_tensor *tensor = slr_feature_file_take(l->f->file, full);
    double probe;
    if (l->quiet && (!tensor || slr_stored_count(tensor) != count))
        return NULL;
    if (!tensor)
        slr_problems_add(&l->missing, "%s%s: missing", l->f->file->prefix, full);
    else if (slr_stored_count(tensor) != count)
        slr_problems_add(&l->shapes, "%s: %lld numbers, expected %lld", tensor->name,
                         (long long)slr_stored_count(tensor), (long long)count);
    else if (count > 0 && !slr_stored_to_f64(tensor, 0, 1, &probe))
        slr_problems_add(&l->shapes, "%s: stored as %s, expected F32, F16, BF16 or F64", tensor->name,
                         slr_dtype_name(tensor->dtype));
    else
        return tensor;
    return NULL;
}

/* The numbers of a vector as doubles in `values`; false after a problem. */
static bool take_vector(loading *l, const char *name, const char *suffix, int64_t count, double *values)
{
    const slr_stored_tensor *tensor = take(l, name, suffix, count);
    return tensor && slr_stored_to_f64(tensor, 0, count, values);
}

/* y = scale x + shift of a batch norm with n channels: gamma / sqrt(var + eps), beta - mean scale. */
static bool take_norm(loading *l, const slr_recipe *recipe, int64_t n, double *scale, double *shift)
{
    for (int64_t i = 0; i < n; i++) {
        scale[i] = 1;
        shift[i] = 0;
    }
    if (!recipe->other[0])
        return true;
    double *mean = slr_alloc((size_t)n * 2, sizeof *mean), *var = mean ? mean + n : NULL;
    if (!mean)
        return false;
    bool all = take_vector(l, recipe->other, ".weight", n, scale);
    all = take_vector(l, recipe->other, ".bias", n, shift) && all;
    all = take_vector(l, recipe->other, ".running_mean", n, mean) && all;
    all = take_vector(l, recipe->other, ".running_var", n, var) && all;
    for (int64_t i = 0; all && i < n; i++) {
        scale[i] /= sqrt(var[i] + recipe->eps);
        shift[i] -= mean[i] * scale[i];
    }
    free(mean);
    return all;
}

/* The weight of `recipe->source` times scale[row] for each row. */
static bool scale_rows(loading *l, const slr_recipe *recipe, const slr_weight_spec *spec, const double *scale,
                       double *values)
{
    int64_t count = slr_weight_elements(spec), per = count / spec->shape[0];
    if (!take_vector(l, recipe->source, ".weight", count, values))
        return false;
    for (int64_t i = 0; i < count; i++)
        values[i] *= scale[i / per];
    return true;
}

static bool make_norm(loading *l, const slr_recipe *recipe, const slr_weight_spec *spec, double *values)
{
    int64_t n = spec->shape[0];
    double *scale = slr_alloc((size_t)n * 2, sizeof *scale);
    l->quiet = is_bias(spec);
    bool done = scale && take_norm(l, recipe, n, scale, scale + n);
    if (scale && !is_bias(spec) && recipe->source[0])
        done = scale_rows(l, recipe, spec, scale, values) && done; /* both, so that all that is missing is listed */
    else if (done)
        memcpy(values, is_bias(spec) ? scale + n : scale, (size_t)n * sizeof *values);
    free(scale);
    return done;
}

static bool make_scaled(loading *l, const slr_recipe *recipe, const slr_weight_spec *spec, double *values)
{
    int64_t n = spec->shape[0];
    double *scale = slr_alloc((size_t)n, sizeof *scale);
    l->quiet = is_bias(spec);
    bool done = scale && take_vector(l, recipe->other, "", n, scale);
    l->quiet = false;
    if (scale && !is_bias(spec)) {
        done = scale_rows(l, recipe, spec, scale, values) && done;
    } else if (scale) {
        done = take_vector(l, recipe->source, ".bias", n, values) && done;
        for (int64_t i = 0; done && i < n; i++)
            values[i] *= scale[i];
    }
    free(scale);
    return done;
}

static bool make_third(loading *l, const slr_recipe *recipe, const slr_weight_spec *spec, double *values)
{
    int64_t count = slr_weight_elements(spec);
    l->quiet = recipe->part > 0;
    const slr_stored_tensor *tensor = take(l, recipe->source, is_bias(spec) ? ".bias" : ".weight", 3 * count);
    return tensor && slr_stored_to_f64(tensor, recipe->part * count, count, values);
}

static bool make_tokens(loading *l, const slr_recipe *recipe, const slr_weight_spec *spec, double *values)
{
    int64_t width = spec->shape[1];
    bool done = take_vector(l, recipe->source, "", width, values);
    for (int64_t i = 0; i < width; i++)
        values[width + i] = 0;
    return recipe->other[0] ? take_vector(l, recipe->other, "", width, values + width) && done : done;
}

/* ---- position embeddings ---- */

/* Cubic convolution with a = -3/4, as torch resizes position embeddings: weights of the four neighbours of a point at
 * distance t behind the second. */
static void cubic_weights(double t, double w[4])
{
    const double a = -0.75;
    for (int i = 0; i < 4; i++) {
        double d = fabs(t - (i - 1));
        w[i] = d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : (((d - 5) * d + 8) * d - 4) * a;
    }
}

static int64_t clamp(int64_t value, int64_t most)
{
    return value < 0 ? 0 : value > most ? most : value;
}

/* One number of the grid `to` x `to`, from `from` x `from` rows of `width`. */
static double resized(const double *grid, int64_t from, int64_t to, int64_t row, int64_t column, int64_t width)
{
    double scale = (double)from / (double)to, wy[4], wx[4], sum = 0;
    double y = ((double)row + 0.5) * scale - 0.5, x = ((double)column + 0.5) * scale - 0.5;
    int64_t top = (int64_t)floor(y), left = (int64_t)floor(x);
    cubic_weights(y - (double)top, wy);
    cubic_weights(x - (double)left, wx);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            sum += wy[i] * wx[j] * grid[(clamp(top + i - 1, from - 1) * from + clamp(left + j - 1, from - 1)) * width];
    return sum;
}

static bool make_positions(loading *l, const slr_recipe *recipe, const slr_weight_spec *spec, double *values)
{
    int64_t width = spec->shape[1], rows = spec->shape[0];
    const slr_stored_tensor *found = slr_feature_file_find(l->f->file, recipe->source);
    int64_t stored = found ? slr_stored_count(found) / width : rows, count = stored * width;
    if (stored == rows)
        return take_vector(l, recipe->source, "", count, values);
    int64_t from = (int64_t)lrint(sqrt((double)(stored - 1))), to = (int64_t)lrint(sqrt((double)(rows - 1)));
    double *table = slr_alloc((size_t)count, sizeof *table);
    bool done = table && from > 0 && from * from + 1 == stored && take_vector(l, recipe->source, "", count, table);
    if (done)
        memcpy(values, table, (size_t)width * sizeof *values); /* of the class token */
    else if (table)
        slr_problems_add(&l->shapes, "%s: %lld positions are not a square grid and one", recipe->source, (long long)stored);
    for (int64_t e = 0; done && e < to * to * width; e++)
        values[width + e] = resized(table + width + e % width, from, to, e / width / to, e / width % to, width);
    free(table);
    return done;
}

/* ---- all of them ---- */

static bool make(loading *l, const slr_recipe *recipe, const slr_weight_spec *spec, double *values)
{
    switch (recipe->kind) {
    case SLR_RECIPE_NORM: return make_norm(l, recipe, spec, values);
    case SLR_RECIPE_SCALE: return make_scaled(l, recipe, spec, values);
    case SLR_RECIPE_THIRD: return make_third(l, recipe, spec, values);
    case SLR_RECIPE_TOKENS: return make_tokens(l, recipe, spec, values);
    case SLR_RECIPE_POSITIONS: return make_positions(l, recipe, spec, values);
    }
    return false;
}

static selora_status load_made(loading *l, const slr_recipe *recipe, const slr_weight_spec *spec, slr_error *err)
{
    size_t count = (size_t)slr_weight_elements(spec);
    l->quiet = false;
    double *values = slr_alloc(count, sizeof *values);
    slr_real *reals = slr_alloc(count, sizeof *reals);
    selora_status status = SELORA_OK;
    if (!values || !reals) {
        status = slr_fail_memory(err, count * sizeof *values, spec->name);
    } else if (make(l, recipe, spec, values)) {
        for (size_t i = 0; i < count; i++)
            reals[i] = (slr_real)values[i];
        status = slr_weight_store_add_values(l->store, spec, reals, err);
    }
    free(values);
    free(reals);
    return status;
}

static selora_status load_stored(loading *l, const slr_weight_spec *spec, slr_error *err)
{
    l->quiet = false;
    const slr_stored_tensor *tensor = take(l, stored_name(spec), "", slr_weight_elements(spec));
    if (!tensor)
        return SELORA_OK;
    SLR_TRY(slr_weight_store_add(l->store, spec, tensor, err));
    slr_stored_release(tensor);
    return SELORA_OK;
}

static selora_status load_all(loading *l, slr_error *err)
{
    const slr_graph *graph = l->f->b.graph;
    size_t bytes = 0;
    for (int i = 0; i < slr_graph_weight_count(graph); i++)
        bytes += slr_weight_store_needs(l->store, slr_graph_weight(graph, i), SLR_DTYPE_F32);
    SLR_TRY(slr_check_free_memory(bytes, "the weights of the extractor", "close other programs", err));
    for (int i = 0; i < slr_graph_weight_count(graph); i++) {
        const slr_weight_spec *spec = slr_graph_weight(graph, i);
        const slr_recipe *recipe = recipe_of(l->f, spec);
        SLR_TRY(recipe ? load_made(l, recipe, spec, err) : load_stored(l, spec, err));
    }
    return SELORA_OK;
}

selora_status slr_feature_load(slr_feature_builder *f, const char *const *ignored, slr_weight_store *store,
                               slr_error *err)
{
    const char *path = slr_safetensors_path(f->file->tensors);
    loading *l = slr_alloc(1, sizeof *l);
    if (!l)
        return slr_fail_memory(err, sizeof *l, path);
    *l = (loading){.f = f, .store = store};
    selora_status status = load_all(l, err);
    if (status == SELORA_OK && l->missing.count == 0 && slr_graph_failed(f->b.graph, err))
        status = err ? err->status : SELORA_BAD_INPUT;
    if (status == SELORA_OK) {
        slr_feature_file_list_unused(f->file, ignored, &l->missing);
        status = slr_problems_report(l->missing.count > 0 ? &l->missing : &l->shapes, path, err);
    }
    free(l);
    return status;
}
