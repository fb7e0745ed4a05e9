/* SPDX-License-Identifier: MIT
 *
 * Jobs of `selora prepare` in the scratch folder.
 *
 *     prepare_write_source("in", 10, 1);
 *     assert_int_equal(prepare_plain("in", "out"), SELORA_OK);
 *     slr_table *table = prepare_table("out", "metadata.csv");
 */
#ifndef PREPARE_RUN_H
#define PREPARE_RUN_H

#include <jansson.h>
#include <stdint.h>

#include "io/csv.h"
#include "selora.h"

/* What a job said, and the poll at which it is to be stopped (0: never). */
typedef struct prepare_heard {
    char notes[1 << 16], warnings[1 << 16];
    int polls, stop_at;
} prepare_heard;

/* A picture of its own for each seed, `bits` deep. */
void prepare_write_picture(const char *name, int width, int height, int bits, uint32_t seed);
/* FOLDER/p<patient>_<k>.png for 2 * patients pictures, and FOLDER/metadata.csv (file_name,text,who,kind). */
void prepare_write_source(const char *folder, int patients, uint32_t seed);
/* `h` and `error` (4096 bytes) may be NULL; errors are then printed. Names are those of the scratch folder.
 */
selora_status prepare_run(const selora_prepare_options *options, const char *const *names, int count,
                          prepare_heard *h, char *error);
/* The defaults with two workers. */
selora_prepare_options prepare_options(const char *out);
selora_status prepare_plain(const char *source, const char *out);
/* A file of a folder; fails the test when it cannot be read. free() it. */
char *prepare_read(const char *folder, const char *name);
/* FOLDER, still missing, will have the salt of another: keys are the same then. */
void prepare_share_salt(const char *from, const char *folder);
void prepare_assert_same(const char *a, const char *b, const char *name);
slr_table *prepare_table(const char *folder, const char *name);
json_t *prepare_manifest(const char *folder);
json_int_t prepare_number(const json_t *root, const char *part, const char *key);

#endif
