/* SPDX-License-Identifier: MIT
 *
 * Prompts from a text file (one a line, blank lines skipped) or from a table (.csv, .jsonl: the column `text`, one a
 * row, empty ones kept).
 *
 *     slr_prompt_list list;
 *     SLR_TRY(slr_prompt_list_read("prompts.txt", &list, err));
 *     ... list.prompts[i], i < list.count ...
 *     slr_prompt_list_free(&list);
 */
#ifndef SLR_PROMPT_LIST_H
#define SLR_PROMPT_LIST_H

#include "core/status.h"

typedef struct slr_prompt_list {
    size_t count;
    char **prompts;
} slr_prompt_list;

/* SELORA_BAD_INPUT for an unreadable file, text that is not UTF-8, a table without `text`, or no prompt at all. */
selora_status slr_prompt_list_read(const char *path, slr_prompt_list *list, slr_error *err);
/* A list of one. */
selora_status slr_prompt_list_single(const char *prompt, slr_prompt_list *list, slr_error *err);
void slr_prompt_list_free(slr_prompt_list *list); /* of a zeroed one too */

#endif
