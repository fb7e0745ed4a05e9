/* SPDX-License-Identifier: MIT
 *
 * What things on disk hold, gathered as a JSON object and shown as text. Captions, names and paths of patient data are
 * never part of it.
 *
 *     json_t *facts = NULL;
 *     SLR_TRY(slr_inspect_model("models/tiny", &facts, err));
 *     char *text = slr_inspect_text(facts);
 *     json_decref(facts);
 */
#ifndef SLR_INSPECT_H
#define SLR_INSPECT_H

#include <jansson.h>

#include "core/hooks.h"

/* Each gives a new object whose first member is "kind"; caller json_decref()s it. NULL on failure. */
selora_status slr_inspect_model(const char *path, json_t **facts, slr_error *err);
selora_status slr_inspect_adapter(const char *path, json_t **facts, slr_error *err);
selora_status slr_inspect_run(const char *path, json_t **facts, slr_error *err);
/* Decodes every picture; long for large folders, so it reports progress and can be interrupted. */
selora_status slr_inspect_data(const char *path, const slr_hooks *hooks, json_t **facts, slr_error *err);

/* True when some tensor of the safetensors file is a low-rank factor. */
bool slr_is_adapter_file(const char *path);

/* Members as "key  value" lines, objects indented, lists of objects as tables. NULL when memory lacks; free() it. */
char *slr_inspect_text(const json_t *facts);

#endif
