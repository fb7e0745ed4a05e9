/* SPDX-License-Identifier: MIT
 *
 * Options of `selora prepare` as the job wants them.
 *
 *     slr_prepare_arguments arguments;
 *     SLR_TRY(slr_prepare_arguments_read(&options, &arguments, err));
 *     ... slr_prepare(&arguments.job, ...) ...
 *     slr_prepare_arguments_free(&arguments);                            (also after a failure)
 */
#ifndef SLR_PREPARE_OPTIONS_H
#define SLR_PREPARE_OPTIONS_H

#include "prepare/prepare.h"

typedef struct slr_prepare_arguments {
    slr_prepare_job job;
    char *columns; /* names that the job borrows */
    slr_tokenizer *tokenizer;
} slr_prepare_arguments;

selora_status slr_prepare_arguments_read(const selora_prepare_options *options,
                                         slr_prepare_arguments *arguments, slr_error *err);
void slr_prepare_arguments_free(slr_prepare_arguments *arguments);

#endif
