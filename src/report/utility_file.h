/* SPDX-License-Identifier: MIT
 *
 * What `selora utility` found: utility.json ("selora-utility/1"), utility.html, a table for a terminal.
 */
#ifndef SLR_UTILITY_FILE_H
#define SLR_UTILITY_FILE_H

#include "eval/utility.h"

/* What the numbers are of. */
typedef struct slr_utility_facts {
    const char *extractor, *weights_sha256, *preproc;
    size_t dim, train, validation, test, test_patients, synthetic;
    const char *const *labels; /* as given */
    const char *const *subgroups;
} slr_utility_facts;

selora_status slr_utility_file_save(const slr_utility *u, const slr_utility_facts *facts, const char *path,
                                    slr_error *err);
selora_status slr_utility_page_save(const slr_utility *u, const slr_utility_facts *facts, const char *path,
                                    slr_error *err);
/* NULL when memory lacks; free() it. */
char *slr_utility_table(const slr_utility *u, const slr_utility_facts *facts);

#endif
