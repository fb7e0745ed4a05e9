/* SPDX-License-Identifier: MIT */
#include "io/json.h"

#include <stdlib.h>
#include <string.h>

#include "io/atomic_file.h"

/* jansson quotes the offending bytes; a hostile file must not send escape sequences to the terminal. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
            *text = '?';
}

selora_status slr_json_load_memory(const void *data, size_t size, const char *name, json_t **root,
                                   slr_error *err)
{
    json_error_t detail;
    const char *text = data;
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        size -= 3;
    }
    *root = json_loadb(size ? text : "", size, JSON_REJECT_DUPLICATES, &detail);
    if (*root)
        return SELORA_OK;
    if (json_error_code(&detail) == json_error_out_of_memory)
        return slr_fail(err, SELORA_NO_RESOURCE, "%s: not enough memory for its values", name);
    make_printable(detail.text);
    return slr_fail(err, SELORA_BAD_INPUT, "%s: not valid JSON at line %d, column %d: %s", name, detail.line,
                    detail.column, detail.text);
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
    char *text = slr_json_text(root, 2);
    if (!text)
        return slr_fail(err, SELORA_NO_RESOURCE, "%s: not enough memory for its text", path);
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

/* The member, or NULL when it is missing or null. */
static selora_status find_member(const json_t *object, const char *file, const char *key,
                                 const json_t **item, slr_error *err)
{
    *item = NULL;
    if (!json_is_object(object))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: an object with a member %s was expected", file, key);
    const json_t *value = json_object_get(object, key);
    *item = value && !json_is_null(value) ? value : NULL;
    return SELORA_OK;
}

static selora_status insist(const json_t *object, const char *file, const char *key, slr_error *err)
{
    const json_t *item;
    SLR_TRY(find_member(object, file, key, &item, err));
    return item ? SELORA_OK : slr_fail(err, SELORA_BAD_INPUT, "%s: %s is missing", file, key);
}

selora_status slr_json_int(const json_t *object, const char *file, const char *key, int64_t low,
                           int64_t high, int64_t *value, slr_error *err)
{
    const json_t *item;
    SLR_TRY(find_member(object, file, key, &item, err));
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
    const json_t *item;
    SLR_TRY(find_member(object, file, key, &item, err));
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
    const json_t *item;
    SLR_TRY(find_member(object, file, key, &item, err));
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
    const json_t *item;
    SLR_TRY(find_member(object, file, key, &item, err));
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
    SLR_TRY(insist(object, file, key, err));
    return slr_json_int(object, file, key, low, high, value, err);
}

selora_status slr_json_string_required(const json_t *object, const char *file, const char *key,
                                       const char **value, slr_error *err)
{
    SLR_TRY(insist(object, file, key, err));
    return slr_json_string(object, file, key, value, err);
}
