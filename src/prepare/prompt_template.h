/* SPDX-License-Identifier: MIT
 *
 * Prompts from a pattern: "{modality}, {view} view, {age}-year-old {sex}, findings: {findings}".
 *
 * {name} is a field of a report or a column; {{ and }} are braces. A part between commas of which all fields
 * are missing goes with its comma; where some are there, the words of the missing ones go: with no view, no
 * sex and no findings that is "DX, 32-year-old". Parts without fields stay.
 *
 *     slr_prompt_template *template;
 *     SLR_TRY(slr_prompt_template_new("{view} view, {text}", &template, err));
 *     char *text;
 *     size_t missing;
 *     SLR_TRY(slr_prompt_template_fill(template, values, &text, &missing, err));   (values: one a field)
 *     slr_prompt_template_free(template);
 */
#ifndef SLR_PROMPT_TEMPLATE_H
#define SLR_PROMPT_TEMPLATE_H

#include <stddef.h>

#include "core/status.h"

typedef struct slr_prompt_template slr_prompt_template;
selora_status slr_prompt_template_new(const char *pattern, slr_prompt_template **result, slr_error *err);
void slr_prompt_template_free(slr_prompt_template *template); /* NULL is legal */

/* Fields in the order of their first appearance, each once. */
size_t slr_prompt_template_fields(const slr_prompt_template *template);
const char *slr_prompt_template_field(const slr_prompt_template *template, size_t index);

/* values[slr_prompt_template_fields()]: NULL or "" is missing. *text: free() it; "" when all parts went. */
selora_status slr_prompt_template_fill(const slr_prompt_template *template, const char *const *values,
                                       char **text,
                                       size_t *missing, slr_error *err);

#endif
