/* SPDX-License-Identifier: MIT */
#ifndef SLR_UTF8_H
#define SLR_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* How many of the first bytes are whole, valid UTF-8 characters (no surrogates, no long forms, at
 * most U+10FFFF); `size` when all are. NUL is valid here. */
size_t slr_utf8_valid(const char *text, size_t size);

/* True when valid UTF-8 holds no control character (C0, DEL, C1): safe to print on a terminal. */
bool slr_utf8_is_printable(const char *text);

#endif
