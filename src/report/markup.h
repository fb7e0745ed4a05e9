/* SPDX-License-Identifier: MIT
 *
 * Text for SVG and HTML: escaped, and with a decimal point whatever the locale of the caller.
 *
 *     slr_markup(out, "<rect x='%.2f' y='%.2f'/>", x, y);      (our own words and numbers)
 *     slr_markup_text(out, "layer <1> & \"2\"");               (anybody's words)
 *
 * Failures to write show in ferror(out); whoever opened the stream looks.
 */
#ifndef SLR_MARKUP_H
#define SLR_MARKUP_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

void slr_markup(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What is not valid UTF-8, control characters and marks that turn the direction of writing become U+FFFD. */
void slr_markup_text(FILE *out, const char *text);
/* printf, then escaped. */
void slr_markup_vtext(FILE *out, const char *format, va_list arguments);
void slr_markup_base64(FILE *out, const void *data, size_t size);

/* Numbers as people read them. Each returns `text`, a dash where the value is no number. */
enum { SLR_NUMBER_TEXT = 40 };
const char *slr_number_text(double value, int digits, char text[SLR_NUMBER_TEXT]);  /* significant digits: 0.0312, 1.2e-07 */
const char *slr_count_text(int64_t value, char text[SLR_NUMBER_TEXT]);              /* 27 840: thin spaces */
const char *slr_bytes_text(double bytes, char text[SLR_NUMBER_TEXT]);               /* 1.23 GB, powers of 1000 */
const char *slr_seconds_text(double seconds, char text[SLR_NUMBER_TEXT]);           /* 12.3 ms, 4.2 s, 3 min 05 s, 2 h 07 min */
const char *slr_percent_text(double share, char text[SLR_NUMBER_TEXT]);             /* of 1: 0.04 %, 12.3 % */

#endif
