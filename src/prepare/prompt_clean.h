/* SPDX-License-Identifier: MIT
 *
 * Texts of reports as prompts: blanks, and the XXXX that stands for words taken out.
 */
#ifndef SLR_PROMPT_CLEAN_H
#define SLR_PROMPT_CLEAN_H

#include <stddef.h>

typedef enum slr_xxxx_policy {
    SLR_XXXX_KEEP,
    SLR_XXXX_DROP, /* the word goes, the blanks around it become one */
    SLR_XXXX_SPLIT /* reports that have it are not used */
} slr_xxxx_policy;

/* Line ends, tabs, other control characters, no-break spaces and runs of blanks become one blank; none at the
 * ends. Case and punctuation stay. In place. */
void slr_prompt_blanks(char *text);

/* Words of four or more X and nothing else beside punctuation ("XXXX", "XXXX."). */
size_t slr_xxxx_count(const char *text);
/* Takes them out and cleans the blanks, in place; punctuation stays. */
void slr_xxxx_drop(char *text);

#endif
