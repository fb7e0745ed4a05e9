/* SPDX-License-Identifier: MIT
 *
 * JSON files through jansson, with errors that name file, line and key.
 *
 *     json_t *root;
 *     SLR_TRY(slr_json_load_file("config.json", 1 << 20, &root, err));
 *     SLR_TRY(slr_json_int(root, "config.json", "layers_per_block", 1, 16, &layers, err));
 *     json_decref(root);
 */
#ifndef SLR_JSON_H
#define SLR_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "core/status.h"

/* Reads one JSON value (duplicate keys refused, at most `max_bytes`). Caller json_decref()s *root. */
selora_status slr_json_load_file(const char *path, size_t max_bytes, json_t **root, slr_error *err);

/* The same from memory; `name` stands for the file in messages. */
selora_status slr_json_load_memory(const void *data, size_t size, const char *name, json_t **root,
                                   slr_error *err);

/* Writes `root` (indent 2, keys in insertion order) aside and renames it onto `path`. */
selora_status slr_json_save_file(const json_t *root, const char *path, slr_error *err);

/* Typed reads of object members; `file` is for messages. A missing or null key leaves *value as it is and
 * returns SELORA_OK when `*value` already holds the default; use the _required forms to insist. Numbers are
 * checked against [low, high]. Returned strings belong to `object`. */
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
