/* SPDX-License-Identifier: MIT
 *
 * Whole training runs over the tiny model and twelve made-up pictures, in the scratch folder: "model", "data", "run".
 *
 *     tiny_run_write_inputs();
 *     selora_train_options options = tiny_run_options();
 *     assert_int_equal(tiny_run(&options, NULL, NULL), SELORA_OK);
 *     assert_same_run("run", "other", 12);
 */
#ifndef TINY_RUN_H
#define TINY_RUN_H

#include <stdint.h>

#include "selora.h"

enum { TINY_ERROR = 4096 };

/* What a run said, and when it is to be stopped. */
typedef struct tiny_listener {
    int polls, stop_at; /* the poll that answers "stop", and all after it; 0: never */
    char notes[8192];
} tiny_listener;

void tiny_run_write_inputs(void);
/* 12 steps of 2 pictures of 16 pixels, a decision every 3, a checkpoint every 4, a validation every 6. */
selora_train_options tiny_run_options(void);
/* One thread. `listener` and `error` (TINY_ERROR bytes) may be NULL; errors are then printed. */
selora_status tiny_run(const selora_train_options *options, tiny_listener *listener, char *error);

/* Fails the test unless two run folders (names in the scratch folder) hold the same bytes: state after `steps` steps,
 * tables but for times, adapters, pictures of the validation at step 6. */
void assert_same_run(const char *a, const char *b, int64_t steps);

int tiny_count(const char *text, const char *what); /* occurrences */

#endif
