/* SPDX-License-Identifier: MIT
 *
 * Heap memory with checked sizes. Nothing here aborts; NULL means "could not be had".
 */
#ifndef SLR_MEMORY_H
#define SLR_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* `count` elements of `size` bytes, zeroed; NULL when the product overflows or memory lacks. free() it. */
void *slr_alloc(size_t count, size_t size);

/* The same on a 64-byte boundary, NOT zeroed. free() it. */
void *slr_alloc_aligned(size_t count, size_t size);

/* Grows *items so that `count` + 1 elements fit (capacity doubles); false when memory lacks, *items intact.
 *     if (!slr_grow((void **)&list->items, &list->capacity, list->count, sizeof *list->items)) ...   */
bool slr_grow(void **items, size_t *capacity, size_t count, size_t size);

/* a * b and a + b; false on overflow of size_t, *result then untouched. */
bool slr_mul_size(size_t a, size_t b, size_t *result);
bool slr_add_size(size_t a, size_t b, size_t *result);

/* A copy of `text` (or its first `length` bytes) on the heap; NULL when memory lacks. free() it. */
char *slr_copy_text(const char *text);
char *slr_copy_text_n(const char *text, size_t length);

/* Is `tail` the end of `text`? */
bool slr_ends_in(const char *text, const char *tail);

/* printf into fresh heap memory; NULL when memory lacks. free() it. */
char *slr_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
