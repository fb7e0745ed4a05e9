/* SPDX-License-Identifier: MIT */
#include "report/markup.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"

static const char replacement[] = "\xEF\xBF\xBD", thin_space[] = "\xE2\x80\xAF", dash[] = "\xE2\x80\x93";

/* Of this thread, for the moment. */
static void print_plainly(FILE *out, const char *format, va_list arguments)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = plain ? uselocale(plain) : (locale_t)0;
    vfprintf(out, format, arguments);
    if (before)
        uselocale(before);
    if (plain)
        freelocale(plain);
}

void slr_markup(FILE *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_plainly(out, format, arguments);
    va_end(arguments);
}

/* Marks that make a text read otherwise than it is stored: U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069. */
static bool turns_text(const unsigned char *at, size_t length)
{
    if (length != 3 || at[0] != 0xE2)
        return false;
    return (at[1] == 0x80 && (at[2] == 0x8E || at[2] == 0x8F || (at[2] >= 0xAA && at[2] <= 0xAE))) ||
           (at[1] == 0x81 && at[2] >= 0xA6 && at[2] <= 0xA9);
}

static size_t put_character(FILE *out, const char *text, size_t left)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    bool whole = length <= left && slr_utf8_valid(text, length) == length;
    bool blank = at[0] == '\n' || at[0] == '\t';
    bool control = (at[0] < 0x20 && !blank) || at[0] == 0x7F || (at[0] == 0xC2 && left > 1 && at[1] < 0xA0);
    if (!whole || control || turns_text(at, length)) {
        fputs(replacement, out);
        return whole ? length : 1;
    }
    switch (at[0]) {
    case '&': fputs("&amp;", out); break;
    case '<': fputs("&lt;", out); break;
    case '>': fputs("&gt;", out); break;
    case '"': fputs("&quot;", out); break;
    case '\'': fputs("&#39;", out); break;
    default: fwrite(text, 1, length, out);
    }
    return length;
}

void slr_markup_text(FILE *out, const char *text)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size;)
        i += put_character(out, text + i, size - i);
}

void slr_markup_vtext(FILE *out, const char *format, va_list arguments)
{
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    if (memory) {
        print_plainly(memory, format, arguments);
        fclose(memory);
    }
    if (text)
        slr_markup_text(out, text);
    free(text);
}

void slr_markup_base64(FILE *out, const void *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = data;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t three = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
        char four[4] = {digits[three >> 18], digits[three >> 12 & 63], left > 1 ? digits[three >> 6 & 63] : '=',
                        left > 2 ? digits[three & 63] : '='};
        fwrite(four, 1, 4, out);
    }
}

/* ---- numbers ---- */

static void __attribute__((format(printf, 2, 3))) print(char text[SLR_NUMBER_TEXT], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, SLR_NUMBER_TEXT, format, arguments);
    va_end(arguments);
    char *comma = strchr(text, ','); /* the decimal sign of some locales */
    if (comma)
        *comma = '.';
}

const char *slr_number_text(double value, int digits, char text[SLR_NUMBER_TEXT])
{
    double size = fabs(value);
    if (!isfinite(value))
        print(text, "%s", dash);
    else if (size != 0 && (size < 1e-4 || size >= 1e7))
        print(text, "%.*e", digits > 1 ? digits - 1 : 0, value);
    else {
        int whole = size >= 1 ? (int)floor(log10(size)) + 1 : size > 0 ? (int)floor(log10(size)) + 1 : 1;
        print(text, "%.*f", digits > whole ? digits - whole : 0, value);
    }
    return text;
}

const char *slr_count_text(int64_t value, char text[SLR_NUMBER_TEXT])
{
    char plain[24];
    int length = snprintf(plain, sizeof plain, "%" PRIu64, value < 0 ? -(uint64_t)value : (uint64_t)value);
    char *to = text;
    if (value < 0)
        *to++ = '-';
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && length > 4)
            to = stpcpy(to, thin_space);
        *to++ = plain[i];
    }
    *to = 0;
    return text;
}

const char *slr_bytes_text(double bytes, char text[SLR_NUMBER_TEXT])
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    if (!isfinite(bytes) || bytes < 0)
        return slr_number_text(NAN, 1, text);
    for (; bytes >= 999.5 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1000;
    print(text, "%.*f %s", unit == 0 || bytes >= 100 ? 0 : bytes >= 10 ? 1 : 2, bytes, units[unit]);
    return text;
}

const char *slr_seconds_text(double seconds, char text[SLR_NUMBER_TEXT])
{
    if (!isfinite(seconds) || seconds < 0 || seconds > 1e12)
        return slr_number_text(NAN, 1, text);
    int64_t whole = llround(seconds);
    if (seconds < 1e-3)
        print(text, "%.3g \xC2\xB5s", seconds * 1e6);
    else if (seconds < 1)
        print(text, "%.3g ms", seconds * 1e3);
    else if (seconds < 99.95)
        print(text, "%.*f s", seconds < 10 ? 2 : 1, seconds);
    else if (whole < 3600)
        print(text, "%d min %02d s", (int)(whole / 60), (int)(whole % 60));
    else
        print(text, "%" PRId64 " h %02d min", whole / 3600, (int)(whole % 3600 / 60));
    return text;
}

const char *slr_percent_text(double share, char text[SLR_NUMBER_TEXT])
{
    double percent = share * 100;
    if (!isfinite(share))
        return slr_number_text(NAN, 1, text);
    print(text, "%.*f %%", fabs(percent) >= 9.95 ? 1 : 2, percent);
    return text;
}
