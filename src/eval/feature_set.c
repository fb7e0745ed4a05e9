/* SPDX-License-Identifier: MIT
 * Feature sets in memory, and the safetensors form of their files. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "eval/feature_set.h"
#include "io/regular_file.h"
#include "io/safetensors.h"

#define FORMAT "selora-features/1"

enum { MOST_BYTES_SHIFT = 36 }; /* of a .npy or CSV file */

typedef struct label {
    int64_t value;
    size_t place;
} label;

static int by_value(const void *a, const void *b)
{
    const label *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

selora_status slr_dense_groups(const int64_t *labels, size_t count, int32_t *groups, size_t *distinct, slr_error *err)
{
    label *sorted = slr_alloc(count, sizeof *sorted);
    size_t *first = slr_alloc(count, sizeof *first); /* row -> the first row of its label */
    selora_status status = SELORA_OK;
    int32_t next = 0;
    if (count > INT32_MAX || !sorted || !first) {
        status = slr_fail_memory(err, count, "the groups of features");
        goto out;
    }
    for (size_t i = 0; i < count; i++)
        sorted[i] = (label){labels[i], i};
    qsort(sorted, count, sizeof *sorted, by_value);
    for (size_t i = 0; i < count; i++)
        first[sorted[i].place] = i > 0 && sorted[i].value == sorted[i - 1].value ? first[sorted[i - 1].place]
                                                                                 : sorted[i].place;
    for (size_t i = 0; i < count; i++)
        groups[i] = first[i] == i ? next++ : groups[first[i]];
    if (distinct)
        *distinct = (size_t)next;
out:
    free(sorted);
    free(first);
    return status;
}

selora_status slr_feature_set_new(size_t count, size_t dim, slr_feature_set *set, slr_error *err)
{
    size_t cells;
    *set = (slr_feature_set){.count = count, .dim = dim, .extractor = SLR_FEATURES_UNNAMED};
    if (!slr_mul_size(count, dim, &cells) || count > INT32_MAX)
        return slr_fail(err, SELORA_BAD_INPUT, "%zu rows of %zu features are too many", count, dim);
    set->values = slr_alloc(cells, sizeof *set->values);
    set->rows = slr_alloc(count, sizeof *set->rows);
    set->groups = slr_alloc(count, sizeof *set->groups);
    if (!set->values || !set->rows || !set->groups) {
        slr_feature_set_free(set);
        return slr_fail_memory(err, cells * sizeof(double), "features");
    }
    for (size_t i = 0; i < count; i++) {
        set->rows[i] = (int64_t)i + 1;
        set->groups[i] = (int32_t)i;
    }
    return SELORA_OK;
}

void slr_feature_set_free(slr_feature_set *set)
{
    free(set->values);
    free(set->texts);
    free(set->rows);
    free(set->groups);
    *set = (slr_feature_set){0};
}

bool slr_feature_set_alike(const slr_feature_set *a, const slr_feature_set *b, const char **why)
{
    *why = strcmp(a->extractor, b->extractor) != 0             ? "extractor"
           : strcmp(a->weights_sha256, b->weights_sha256) != 0 ? "weights"
           : strcmp(a->preproc, b->preproc) != 0               ? "preparation"
           : a->dim != b->dim                                  ? "number of features"
                                                               : NULL;
    return !*why;
}

selora_status slr_feature_set_take(const slr_feature_set *set, const size_t *chosen, size_t count, slr_feature_set *out,
                                   slr_error *err)
{
    slr_feature_set some;
    SLR_TRY(slr_feature_set_new(count, set->dim, &some, err));
    int64_t *labels = slr_alloc(count, sizeof *labels);
    some.texts = set->texts ? slr_alloc(count * set->dim, sizeof *some.texts) : NULL;
    selora_status status = !labels || (set->texts && !some.texts) ? slr_fail_memory(err, count, "features") : SELORA_OK;
    for (size_t i = 0; status == SELORA_OK && i < count; i++) {
        memcpy(some.values + i * set->dim, set->values + chosen[i] * set->dim, set->dim * sizeof *set->values);
        if (set->texts)
            memcpy(some.texts + i * set->dim, set->texts + chosen[i] * set->dim, set->dim * sizeof *set->texts);
        some.rows[i] = set->rows[chosen[i]];
        labels[i] = set->groups[chosen[i]];
    }
    if (status == SELORA_OK)
        status = slr_dense_groups(labels, count, some.groups, NULL, err);
    some.rounded = set->rounded;
    memcpy(some.extractor, set->extractor, sizeof some.extractor);
    memcpy(some.weights_sha256, set->weights_sha256, sizeof some.weights_sha256);
    memcpy(some.preproc, set->preproc, sizeof some.preproc);
    memcpy(some.source, set->source, sizeof some.source);
    memcpy(some.data_sha256, set->data_sha256, sizeof some.data_sha256);
    free(labels);
    if (status != SELORA_OK)
        slr_feature_set_free(&some);
    *out = some;
    return status;
}

selora_status slr_feature_set_check(const slr_feature_set *set, const char *name, slr_error *err)
{
    if (set->count == 0 || set->dim == 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %zu rows of %zu features; expected at least one of each", name,
                        set->count, set->dim);
    for (size_t i = 0; i < set->count * set->dim; i++)
        if (!isfinite(set->values[i]) || (set->texts && !isfinite(set->texts[i])))
            return slr_fail(err, SELORA_BAD_INPUT, "%s: feature %zu of row %zu is not a finite number; leave the picture "
                            "out or mend its extractor", name, i % set->dim, i / set->dim + 1);
    return SELORA_OK;
}

static selora_status read_matrix(const slr_stored_tensor *tensor, const char *name, size_t count, size_t dim,
                                 double **values, slr_error *err)
{
    if (tensor->dims != 2 || tensor->shape[0] != (int64_t)count || tensor->shape[1] != (int64_t)dim)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s is not of the shape (%zu, %zu) that `features` has", name,
                        tensor->name, count, dim);
    *values = slr_alloc(count * dim, sizeof **values);
    if (!*values)
        return slr_fail_memory(err, count * dim * sizeof **values, "features");
    if (!slr_stored_to_f64(tensor, 0, slr_stored_count(tensor), *values))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s has numbers of type %s; expected F32, F16, BF16 or F64", name,
                        tensor->name, slr_dtype_name(tensor->dtype));
    return SELORA_OK;
}

/* A list of whole numbers, one a row; a file without it is fine. */
static selora_status read_labels(const slr_safetensors *file, const char *key, const char *name, size_t count,
                                 int64_t *labels, bool *found, slr_error *err)
{
    const slr_stored_tensor *tensor = slr_safetensors_find(file, key);
    *found = tensor;
    if (!tensor)
        return SELORA_OK;
    if (tensor->dims != 1 || tensor->shape[0] != (int64_t)count ||
        !slr_stored_to_i64(tensor, 0, slr_stored_count(tensor), labels))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: `%s` is not a list of %zu numbers of type I64", name, key, count);
    return SELORA_OK;
}

static void read_word(const slr_safetensors *file, const char *key, char *word, size_t size)
{
    const char *value = slr_safetensors_metadata(file, key);
    if (value)
        snprintf(word, size, "%s", value);
}

static selora_status read_container(const slr_safetensors *file, const char *name, slr_feature_set *set, slr_error *err)
{
    const slr_stored_tensor *features = slr_safetensors_find(file, "features");
    const slr_stored_tensor *texts = slr_safetensors_find(file, "text_features");
    const char *format = slr_safetensors_metadata(file, "format");
    bool found;
    if (format && strcmp(format, FORMAT) != 0 && strcmp(format, "pt") != 0 && strcmp(format, "np") != 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: format \"%s\"; expected %s", name, format, FORMAT);
    if (!features || features->dims != 2)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: no tensor `features` of two axes (pictures, features)", name);
    size_t count = (size_t)features->shape[0], dim = (size_t)features->shape[1];
    SLR_TRY(slr_feature_set_new(count, dim, set, err));
    free(set->values);
    set->values = NULL;
    SLR_TRY(read_matrix(features, name, count, dim, &set->values, err));
    if (texts)
        SLR_TRY(read_matrix(texts, name, count, dim, &set->texts, err));
    set->rounded = features->dtype != SLR_DTYPE_F64;
    int64_t *labels = slr_alloc(count, sizeof *labels);
    selora_status status = labels ? read_labels(file, "row", name, count, set->rows, &found, err)
                                  : slr_fail_memory(err, count, "groups");
    if (status == SELORA_OK)
        status = read_labels(file, "group", name, count, labels, &found, err);
    if (status == SELORA_OK && found)
        status = slr_dense_groups(labels, count, set->groups, NULL, err);
    free(labels);
    read_word(file, "extractor", set->extractor, sizeof set->extractor);
    read_word(file, "weights_sha256", set->weights_sha256, sizeof set->weights_sha256);
    read_word(file, "preproc", set->preproc, sizeof set->preproc);
    read_word(file, "source", set->source, sizeof set->source);
    read_word(file, "data_sha256", set->data_sha256, sizeof set->data_sha256);
    return status;
}

static selora_status close_checked(slr_safetensors *file, selora_status status, const char *name, slr_feature_set *set,
                                   slr_error *err)
{
    if (status == SELORA_OK) {
        status = read_container(file, name, set, err);
        if (status == SELORA_OK)
            status = slr_feature_set_check(set, name, err);
        slr_safetensors_close(file);
    }
    if (status != SELORA_OK)
        slr_feature_set_free(set);
    return status;
}

selora_status slr_feature_set_parse_safetensors(const void *data, size_t size, const char *name, slr_feature_set *set,
                                                slr_error *err)
{
    slr_safetensors *file = NULL;
    *set = (slr_feature_set){0};
    selora_status status = slr_safetensors_open_memory(data, size, name, &file, err);
    return close_checked(file, status, name, set, err);
}

static selora_status fail_name(const char *path, slr_error *err)
{
    return slr_fail(err, SELORA_USAGE, "%s: features are files that end in .safetensors, .npy or .csv", path);
}

selora_status slr_feature_set_read(const char *path, slr_feature_set *set, slr_error *err)
{
    bool npy = slr_ends_in(path, ".npy"), csv = slr_ends_in(path, ".csv");
    char *data;
    size_t size;
    *set = (slr_feature_set){0};
    if (slr_ends_in(path, ".safetensors")) {
        slr_safetensors *file = NULL;
        selora_status status = slr_safetensors_open(path, &file, err);
        return close_checked(file, status, path, set, err);
    }
    if (!npy && !csv)
        return fail_name(path, err);
    SLR_TRY(slr_read_file(path, (size_t)1 << MOST_BYTES_SHIFT, &data, &size, err));
    selora_status status = npy ? slr_feature_set_parse_npy(data, size, path, set, err)
                               : slr_feature_set_parse_csv(data, size, path, set, err);
    free(data);
    return status;
}

static selora_status write_container(const slr_feature_set *set, slr_safetensors_writer *writer, const float *features,
                                     const float *texts, const int64_t *groups, slr_error *err)
{
    int64_t shape[2] = {(int64_t)set->count, (int64_t)set->dim};
    const char *words[][2] = {{"format", FORMAT}, {"extractor", set->extractor}, {"preproc", set->preproc},
                              {"weights_sha256", set->weights_sha256}, {"source", set->source},
                              {"data_sha256", set->data_sha256}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i][1][0])
            SLR_TRY(slr_safetensors_writer_metadata(writer, words[i][0], words[i][1], err));
    SLR_TRY(slr_safetensors_writer_tensor(writer, "row", SLR_DTYPE_I64, 1, shape, set->rows, err));
    SLR_TRY(slr_safetensors_writer_tensor(writer, "group", SLR_DTYPE_I64, 1, shape, groups, err));
    if (texts)
        SLR_TRY(slr_safetensors_writer_tensor(writer, "text_features", SLR_DTYPE_F32, 2, shape, texts, err));
    return slr_safetensors_writer_tensor(writer, "features", SLR_DTYPE_F32, 2, shape, features, err);
}

static selora_status write_safetensors(const slr_feature_set *set, const char *path, slr_error *err)
{
    size_t cells = set->count * set->dim;
    float *features = slr_alloc(cells, sizeof *features);
    float *texts = set->texts ? slr_alloc(cells, sizeof *texts) : NULL;
    int64_t *groups = slr_alloc(set->count, sizeof *groups);
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    selora_status status = SELORA_OK;
    if (!features || !groups || !writer || (set->texts && !texts)) {
        status = slr_fail_memory(err, cells * sizeof *features, "features");
        goto out;
    }
    for (size_t i = 0; i < cells; i++) {
        features[i] = (float)set->values[i];
        if (texts)
            texts[i] = (float)set->texts[i];
        if (!isfinite(features[i])) {
            status = slr_fail(err, SELORA_NUMERIC, "%s: feature %zu of row %zu is %g, more than F32 holds; choose a name "
                              "that ends in .npy", path, i % set->dim, i / set->dim + 1, set->values[i]);
            goto out;
        }
    }
    for (size_t i = 0; i < set->count; i++)
        groups[i] = set->groups[i];
    SLR_TRY_OUT(write_container(set, writer, features, texts, groups, err));
    status = slr_safetensors_writer_save(writer, path, err);
out:
    slr_safetensors_writer_free(writer);
    free(features);
    free(texts);
    free(groups);
    return status;
}

selora_status slr_feature_set_write(const slr_feature_set *set, const char *path, slr_error *err)
{
    if (slr_ends_in(path, ".safetensors"))
        return write_safetensors(set, path, err);
    if (slr_ends_in(path, ".npy"))
        return slr_feature_set_write_npy(set, path, err);
    if (slr_ends_in(path, ".csv"))
        return slr_feature_set_write_csv(set, path, err);
    return fail_name(path, err);
}
