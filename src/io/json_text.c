/* SPDX-License-Identifier: MIT
 * JSON values as text. jansson's own dump writes 0.1 as 0.10000000000000001; people read these files. */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/json.h"

typedef struct text {
    char *bytes;
    size_t length, capacity;
    bool failed;
} text;

static void add_bytes(text *out, const char *bytes, size_t size)
{
    if (out->failed)
        return;
    size_t needed = out->length + size;
    if (needed >= out->capacity) {
        size_t capacity = needed < 128 ? 256 : 2 * needed;
        char *grown = realloc(out->bytes, capacity);
        if (!grown) {
            out->failed = true;
            return;
        }
        out->bytes = grown;
        out->capacity = capacity;
    }
    memcpy(out->bytes + out->length, bytes, size);
    out->length = needed;
    out->bytes[needed] = 0;
}

static void add(text *out, const char *piece)
{
    add_bytes(out, piece, strlen(piece));
}

static void add_break(text *out, int indent, int depth)
{
    if (indent == 0)
        return;
    add(out, "\n");
    for (int i = 0; i < indent * depth; i++)
        add(out, " ");
}

static void add_real(text *out, double value)
{
    char digits[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    char *comma = strchr(digits, ','); /* the decimal sign of some locales */
    if (comma)
        *comma = '.';
    add(out, digits);
    if (!strpbrk(digits, ".e"))
        add(out, ".0"); /* stays a real when read back */
}

static void add_key(text *out, const char *key)
{
    json_t *name = json_string(key);
    char *quoted = name ? json_dumps(name, JSON_ENCODE_ANY) : NULL;
    if (quoted)
        add(out, quoted);
    else
        out->failed = true;
    add(out, ": ");
    free(quoted);
    json_decref(name);
}

static void add_value(text *out, const json_t *value, int indent, int depth)
{
    bool object = json_is_object(value);
    size_t count = object ? json_object_size(value) : json_array_size(value);
    if (json_is_real(value)) {
        add_real(out, json_real_value(value));
    } else if (!object && !json_is_array(value)) {
        char *scalar = json_dumps(value, JSON_ENCODE_ANY);
        if (scalar)
            add(out, scalar);
        else
            out->failed = true;
        free(scalar);
    } else if (count == 0) {
        add(out, object ? "{}" : "[]");
    } else {
        add(out, object ? "{" : "[");
        void *at = object ? json_object_iter((json_t *)(uintptr_t)value) : NULL;
        for (size_t i = 0; i < count && !out->failed; i++) {
            add(out, i == 0 ? "" : indent ? "," : ", ");
            add_break(out, indent, depth + 1);
            if (object)
                add_key(out, json_object_iter_key(at));
            add_value(out, object ? json_object_iter_value(at) : json_array_get(value, i), indent, depth + 1);
            at = object ? json_object_iter_next((json_t *)(uintptr_t)value, at) : NULL;
        }
        add_break(out, indent, depth);
        add(out, object ? "}" : "]");
    }
}

char *slr_json_text(const json_t *root, int indent)
{
    text out = {0};
    add_value(&out, root, indent, 0);
    if (out.failed) {
        free(out.bytes);
        return NULL;
    }
    return out.bytes;
}
