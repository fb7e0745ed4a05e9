/* SPDX-License-Identifier: MIT
 *
 * JSON files through jansson, with errors that name file, line and key.
 *
 *     json_t *root;
 *     SLR_TRY(slr_json_load_file("config.json", 1 << 20, &root, err));
 *     int64_t layers = 2;
 *     SLR_TRY(slr_json_int(root, "config.json", "layers_per_block", 1, 16, &layers, err));
 *     json_decref(root);
 *
 * Refused: repeated keys, text after the value, NUL in texts (raw or \u0000), invalid UTF-8, NaN, infinities, whole
 * numbers beyond 64 bits, reals beyond double, more than 2048 levels. A byte order mark in front is skipped.
 */
#ifndef SLR_JSON_H
#define SLR_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "core/status.h"

/* Reads one JSON object or array. Caller json_decref()s *root, which is NULL on failure. */
selora_status slr_json_load_file(const char *path, size_t max_bytes, json_t **root, slr_error *err);

/* The same from memory; `name` stands for the file in messages. */
selora_status slr_json_load_memory(const void *data, size_t size, const char *name, json_t **root,
                                   slr_error *err);

/* Rewrites in place what Python's json writes but JSON has not: -Infinity and Infinity become null, whole numbers of more
 * than 18 digits become 999999999999999999 (such as model_max_length 10^30). For files whose writer does that. */
void slr_json_tame_python(char *text, size_t size);

/* `root` as text: keys in insertion order, reals in the fewest of 15 to 17 digits that read back to the same
 * bits, whatever the locale. `indent` 0 puts all on one line. NULL when memory lacks; free() it. */
char *slr_json_text(const json_t *root, int indent);

/* A text without its quotes, and anything else as slr_json_text writes it on one line. */
char *slr_json_plain_text(const json_t *value);

/* A real; null when it is not finite, for which JSON has no form. */
json_t *slr_json_number(double value);

/* The same as a member, a whole number as one, and a text, which is left out when it is empty. */
void slr_json_put_number(json_t *object, const char *key, double value);
void slr_json_put_count(json_t *object, const char *key, size_t value);
void slr_json_put_text(json_t *object, const char *key, const char *value);

/* Writes slr_json_text(root, 2) and a line end aside and renames it onto `path` (mode 0644 less the umask). */
selora_status slr_json_save_file(const json_t *root, const char *path, slr_error *err);

/* Typed reads of object members; `file` is for messages. A missing or null key leaves *value as it is (set it
 * to the default before) and returns SELORA_OK; use the _required forms to insist. A member of another
 * type or a number outside [low, high] is SELORA_BAD_INPUT. Returned strings belong to `object`. */
selora_status slr_json_int(const json_t *object, const char *file, const char *key, int64_t low,
                           int64_t high, int64_t *value, slr_error *err);
selora_status slr_json_double(const json_t *object, const char *file, const char *key, double low,
                              double high, double *value, slr_error *err);
selora_status slr_json_bool(const json_t *object, const char *file, const char *key, bool *value,
                            slr_error *err);
selora_status slr_json_string(const json_t *object, const char *file, const char *key,
                              const char **value, slr_error *err);
selora_status slr_json_int_required(const json_t *object, const char *file, const char *key,
                                    int64_t low, int64_t high, int64_t *value, slr_error *err);
selora_status slr_json_string_required(const json_t *object, const char *file, const char *key,
                                       const char **value, slr_error *err);

#endif
