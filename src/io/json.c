/* SPDX-License-Identifier: MIT */
#include "io/json.h"

#include <stdlib.h>
#include <string.h>

#include "io/atomic_file.h"

selora_status slr_json_load_memory(const void *data, size_t size, const char *name, json_t **root,
                                   slr_error *err)
{
    json_error_t detail;
    *root = json_loadb(data, size, JSON_REJECT_DUPLICATES, &detail);
    if (!*root)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: line %d, column %d: %s", name, detail.line, detail.column,
                        detail.text);
    return SELORA_OK;
}

selora_status slr_json_load_file(const char *path, size_t max_bytes, json_t **root, slr_error *err)
{
    char *data;
    size_t size;
    *root = NULL;
    SLR_TRY(slr_read_file(path, max_bytes, &data, &size, err));
    selora_status status = slr_json_load_memory(data, size, path, root, err);
    free(data);
    return status;
}

selora_status slr_json_save_file(const json_t *root, const char *path, slr_error *err)
{
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    if (!text)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: a value cannot be written as JSON", path);
    size_t length = strlen(text);
    text[length] = '\n'; /* over the terminator: written by length */
    selora_status status = slr_atomic_write(path, 0644, text, length + 1, err);
    free(text);
    return status;
}

static selora_status wrong_type(const char *file, const char *key, const char *wanted, slr_error *err)
{
    return slr_fail(err, SELORA_BAD_INPUT, "%s: %s must be %s", file, key, wanted);
}

static const json_t *present(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value && !json_is_null(value) ? value : NULL;
}

selora_status slr_json_int(const json_t *object, const char *file, const char *key, int64_t low,
                           int64_t high, int64_t *value, slr_error *err)
{
    const json_t *item = present(object, key);
    if (!item)
        return SELORA_OK;
    if (!json_is_integer(item))
        return wrong_type(file, key, "a whole number", err);
    int64_t number = json_integer_value(item);
    if (number < low || number > high)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s is %lld, allowed are %lld to %lld", file, key,
                        (long long)number, (long long)low, (long long)high);
    *value = number;
    return SELORA_OK;
}

selora_status slr_json_double(const json_t *object, const char *file, const char *key, double low,
                              double high, double *value, slr_error *err)
{
    const json_t *item = present(object, key);
    if (!item)
        return SELORA_OK;
    if (!json_is_number(item))
        return wrong_type(file, key, "a number", err);
    double number = json_number_value(item);
    if (!(number >= low && number <= high))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s is %g, allowed are %g to %g", file, key, number, low, high);
    *value = number;
    return SELORA_OK;
}

selora_status slr_json_bool(const json_t *object, const char *file, const char *key, bool *value,
                            slr_error *err)
{
    const json_t *item = present(object, key);
    if (!item)
        return SELORA_OK;
    if (!json_is_boolean(item))
        return wrong_type(file, key, "true or false", err);
    *value = json_is_true(item);
    return SELORA_OK;
}

selora_status slr_json_string(const json_t *object, const char *file, const char *key,
                              const char **value, slr_error *err)
{
    const json_t *item = present(object, key);
    if (!item)
        return SELORA_OK;
    if (!json_is_string(item))
        return wrong_type(file, key, "a text", err);
    *value = json_string_value(item);
    return SELORA_OK;
}

selora_status slr_json_int_required(const json_t *object, const char *file, const char *key,
                                    int64_t low, int64_t high, int64_t *value, slr_error *err)
{
    if (!present(object, key))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s is missing", file, key);
    return slr_json_int(object, file, key, low, high, value, err);
}

selora_status slr_json_string_required(const json_t *object, const char *file, const char *key,
                                       const char **value, slr_error *err)
{
    if (!present(object, key))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s is missing", file, key);
    return slr_json_string(object, file, key, value, err);
}
