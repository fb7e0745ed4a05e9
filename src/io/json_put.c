/* SPDX-License-Identifier: MIT
 * Members that files of results are made of. */
#include <math.h>

#include "core/memory.h"
#include "io/json.h"

json_t *slr_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

void slr_json_put_number(json_t *object, const char *key, double value)
{
    json_object_set_new(object, key, slr_json_number(value));
}

void slr_json_put_count(json_t *object, const char *key, size_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

void slr_json_put_text(json_t *object, const char *key, const char *value)
{
    if (value[0])
        json_object_set_new(object, key, json_string(value));
}

char *slr_json_plain_text(const json_t *value)
{
    return json_is_string(value) ? slr_copy_text(json_string_value(value)) : slr_json_text(value, 0);
}
