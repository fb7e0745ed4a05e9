/* SPDX-License-Identifier: MIT
 *
 * A fresh folder for the files of one test, removed afterwards.
 *
 *     cmocka_unit_test_setup_teardown(test_x, scratch_setup, scratch_teardown)
 *     scratch_write("a.txt", "text", 4);
 *     slr_thing_read(scratch_path("a.txt"), ...);
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

int scratch_setup(void **state);
int scratch_teardown(void **state);

/* The name inside the folder; the text stays valid for the next seven calls. */
const char *scratch_path(const char *name);
void scratch_write(const char *name, const void *data, size_t size);
/* All bytes of a file and a NUL behind them; free() it. NULL when it cannot be read. */
char *scratch_read(const char *name, size_t *size);
bool scratch_exists(const char *name);
size_t scratch_count(const char *name); /* entries of a folder, "" for the scratch folder itself */

#endif
