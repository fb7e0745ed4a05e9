/* SPDX-License-Identifier: MIT
 *
 * RUN/run.json: what made a run. Its "options" repeat the run (`selora train --config RUN/run.json`), the rest says what
 * they met: version, backend, SHA-256 of the base model and of the data list, counts. Nothing of any picture.
 *
 *     SLR_TRY(slr_run_file_save("run", list, count, &options, &facts, err));
 *     SLR_TRY(slr_run_file_check("run", list, count, &options, &facts, &earlier_steps, err));      (before resuming)
 */
#ifndef SLR_RUN_FILE_H
#define SLR_RUN_FILE_H

#include <jansson.h>
#include <stdbool.h>

#include "core/hooks.h"
#include "io/checksum.h"

typedef struct slr_run_facts {
    const char *backend;
    int threads;
    char model_sha256[SLR_SHA256_HEX], data_sha256[SLR_SHA256_HEX];
    int64_t steps; /* of the whole run */
    int64_t train, validation, test; /* pictures */
    int64_t captions_empty, captions_cut;
    int64_t layers, parameters; /* adapted; trainable at the start */
    char init_adapter_sha256[SLR_SHA256_HEX], rank_pattern_sha256[SLR_SHA256_HEX]; /* "": none */
} slr_run_facts;

/* One option as JSON, null where it was not given; and whether two such values mean the same. */
json_t *slr_option_json(const selora_option *option, const void *options);
bool slr_option_values_equal(const json_t *a, const json_t *b);

/* Numbers, flags and words of a list; of free texts only those that cannot hold a path, a column's name or a prompt. */
bool slr_option_may_be_shown(const selora_option *option);

/* True when the folder holds (part of) a run. */
bool slr_run_file_exists(const char *folder);

/* `options`: a struct that the list describes. Written aside and renamed. */
selora_status slr_run_file_save(const char *folder, const selora_option *list, size_t count, const void *options,
                                const slr_run_facts *facts, slr_error *err);

/* SELORA_USAGE names every option that may not change when a run goes on and differs from what the folder says. */
selora_status slr_run_file_compare(const char *folder, const selora_option *list, size_t count, const void *options,
                                   slr_error *err);
/* The same, and more: compares with what the folder says. SELORA_USAGE names every option that may not change when a run goes on;
 * SELORA_BAD_INPUT: model or data are others. Another backend or thread count is a warning: bits may differ. *steps is the
 * length the run had; a shorter one is refused. */
selora_status slr_run_file_check(const char *folder, const selora_option *list, size_t count, const void *options,
                                 const slr_run_facts *facts, const slr_hooks *hooks, int64_t *steps, slr_error *err);

#endif
