/* SPDX-License-Identifier: MIT */
#include "report/plot_frame.h"

#include <math.h>
#include <string.h>

#include "report/markup.h"

const char slr_plot_ink[] = "#1c2733", slr_plot_soft[] = "#66727f", slr_plot_rule[] = "#e4e8ec";

/* Told apart by people who do not see red from green, and in grey print by their order of darkness. */
static const char *const colours[SLR_PLOT_COLOURS] = {"#2b5d8c", "#c4643a", "#3f8f6b", "#8a63a8",
                                                      "#b98a1f", "#3c9aa6", "#a1466b", "#5f6b76"};

const char *slr_plot_colour(int index)
{
    return colours[((index % SLR_PLOT_COLOURS) + SLR_PLOT_COLOURS) % SLR_PLOT_COLOURS];
}

/* ---- axes ---- */

/* 1, 2 or 5 times a power of ten that cuts the range into about so many pieces. */
static double round_step(double range, int about)
{
    double rough = range / about, power = pow(10, floor(log10(rough))), share = rough / power;
    return power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
}

void slr_plot_axis_fit(slr_plot_axis *axis, bool rounded)
{
    if (!(axis->low <= axis->high))
        *axis = (slr_plot_axis){.low = axis->log ? 1 : 0, .high = axis->log ? 10 : 1, .from = axis->from, .to = axis->to,
                                .log = axis->log};
    if (axis->log) {
        if (axis->high <= axis->low * 1.001) {
            axis->low /= 2;
            axis->high *= 2;
        }
        return;
    }
    double size = fmax(fabs(axis->low), fabs(axis->high));
    if (axis->high - axis->low <= 1e-9 * size || axis->high == axis->low) {
        double room = size > 0 ? 0.1 * size : 1;
        axis->low -= axis->low == 0 ? 0 : room;
        axis->high += room;
    }
    if (rounded) {
        double step = round_step(axis->high - axis->low, 5);
        axis->low = floor(axis->low / step + 1e-6) * step;
        axis->high = ceil(axis->high / step - 1e-6) * step;
    }
}

double slr_plot_axis_at(const slr_plot_axis *axis, double value)
{
    double share = axis->log ? log(value / axis->low) / log(axis->high / axis->low)
                             : (value - axis->low) / (axis->high - axis->low);
    return axis->from + share * (axis->to - axis->from);
}

static size_t log_ticks(const slr_plot_axis *axis, double ticks[SLR_PLOT_TICKS])
{
    double decades = log10(axis->high / axis->low);
    int every = decades > 8 ? (int)ceil(decades / 8) : 1, first = (int)floor(log10(axis->low));
    size_t count = 0;
    for (int power = first; count < SLR_PLOT_TICKS && pow(10, power) <= axis->high * 1.0001; power += every)
        for (int digit = 1; digit < 10 && count < SLR_PLOT_TICKS; digit++) {
            double value = digit * pow(10, power);
            bool wanted = digit == 1 || (decades < 2.2 && (digit == 2 || digit == 5)) || decades < 0.7;
            if (wanted && value >= axis->low * 0.9999 && value <= axis->high * 1.0001)
                ticks[count++] = value;
        }
    return count;
}

/* Round values inside the axis. */
static size_t plot_axis_ticks(const slr_plot_axis *axis, int about, double ticks[SLR_PLOT_TICKS])
{
    if (axis->log)
        return log_ticks(axis, ticks);
    double step = round_step(axis->high - axis->low, about);
    size_t count = 0;
    double first = ceil(axis->low / step - 1e-6);
    for (int i = 0; count < SLR_PLOT_TICKS && (first + i) * step <= axis->high + 1e-6 * step; i++)
        ticks[count++] = first + i == 0 ? 0 : (first + i) * step;
    return count;
}

/* As short as the distance to the next tick allows. */
static void plot_tick_text(const slr_plot_axis *axis, double value, double step, char text[SLR_NUMBER_TEXT])
{
    double size = fmax(fabs(axis->low), fabs(axis->high));
    if (axis->log || (value != 0 && (size >= 1e7 || size < 1e-3))) {
        double mantissa = value != 0 ? fabs(value) / pow(10, floor(log10(fabs(value)) + 1e-9)) : 0;
        if (axis->log && value >= 0.001 && value < 1e6)
            snprintf(text, SLR_NUMBER_TEXT, "%.4g", value);
        else
            snprintf(text, SLR_NUMBER_TEXT, fabs(mantissa - round(mantissa)) < 1e-6 ? "%.0e" : "%.1e", value);
        char *zero = strstr(text, "e-0"), *plus = strstr(text, "e+0");
        if (zero)
            memmove(zero + 2, zero + 3, strlen(zero + 2));
        if (plus)
            memmove(plus + 1, plus + 3, strlen(plus + 2));
    } else if (fabs(value) >= 10000 && step >= 1) {
        slr_count_text((int64_t)llround(value), text);
    } else {
        int decimals = step > 0 && step < 1 ? (int)ceil(-log10(step) - 1e-6) : 0;
        snprintf(text, SLR_NUMBER_TEXT, "%.*f", decimals > 8 ? 8 : decimals, value);
    }
    char *comma = strchr(text, ',');
    if (comma)
        *comma = '.';
}

/* ---- elements ---- */

void slr_plot_begin(FILE *out, const char *title, int width, int height)
{
    slr_markup(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
               "font-family=\"Inter,'Source Sans 3',system-ui,-apple-system,'Segoe UI','Helvetica Neue',Arial,sans-serif\" "
               "font-size=\"11\"><title>", width, height, width, height);
    slr_markup_text(out, title ? title : "plot");
    fputs("</title>\n", out);
    if (!title)
        return;
    slr_markup(out, "<text x=\"2\" y=\"14\" font-size=\"13\" font-weight=\"600\" fill=\"%s\">", slr_plot_ink);
    slr_markup_text(out, title);
    fputs("</text>\n", out);
}

void slr_plot_end(FILE *out)
{
    fputs("</svg>\n", out);
}

void slr_plot_label(FILE *out, double x, double y, slr_plot_anchor anchor, const char *colour, const char *text)
{
    static const char *const anchors[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
    slr_markup(out, "<text x=\"%.1f\" y=\"%.1f\"%s fill=\"%s\">", x, y, anchors[anchor], colour);
    slr_markup_text(out, text);
    fputs("</text>\n", out);
}

double slr_plot_text_width(const char *text)
{
    size_t characters = 0;
    for (const char *at = text; *at; at++)
        characters += ((unsigned char)*at & 0xC0) != 0x80;
    return 5.9 * (double)characters;
}

static void put_swatch(FILE *out, const slr_plot_entry *entry, double x, double y)
{
    if (entry->line)
        slr_markup(out, "<path d=\"M%.1f %.1fh16\" stroke=\"%s\" stroke-width=\"%s\"%s%s/>\n", x, y - 3.5, entry->colour,
                   entry->faint ? "1.2" : "2", entry->dashed ? " stroke-dasharray=\"4 3\"" : "",
                   entry->faint ? " stroke-opacity=\"0.45\"" : "");
    else
        slr_markup(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"10\" height=\"10\" rx=\"2\" fill=\"%s\"/>\n", x + 3, y - 9,
                   entry->colour);
}

double slr_plot_legend(FILE *out, const slr_plot_entry *entries, size_t count, double left, double top, double width)
{
    double x = left, y = top + 11;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (!entries[i].name)
            continue;
        double wide = 22 + slr_plot_text_width(entries[i].name) + 16;
        if (any && x + wide - 16 > left + width) {
            x = left;
            y += 16;
        }
        put_swatch(out, &entries[i], x, y);
        slr_plot_label(out, x + 22, y, SLR_PLOT_START, slr_plot_soft, entries[i].name);
        x += wide;
        any = true;
    }
    return any ? y + 7 - top : 0;
}

void slr_plot_axes(FILE *out, const slr_plot_axis *x, const slr_plot_axis *y, const char *x_label, const char *y_label)
{
    double ticks[SLR_PLOT_TICKS];
    char text[SLR_NUMBER_TEXT];
    size_t count = plot_axis_ticks(y, 5, ticks);
    for (size_t i = 0; i < count; i++) {
        double at = slr_plot_axis_at(y, ticks[i]);
        slr_markup(out, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"%s\"/>\n", x->from, at, x->to, slr_plot_rule);
        plot_tick_text(y, ticks[i], count > 1 ? fabs(ticks[1] - ticks[0]) : 0, text);
        slr_plot_label(out, x->from - 7, at + 3.8, SLR_PLOT_END, slr_plot_soft, text);
    }
    count = plot_axis_ticks(x, 6, ticks);
    for (size_t i = 0; i < count; i++) {
        double at = slr_plot_axis_at(x, ticks[i]);
        slr_markup(out, "<path d=\"M%.1f %.1fv4\" stroke=\"%s\"/>\n", at, y->from, slr_plot_soft);
        plot_tick_text(x, ticks[i], count > 1 ? fabs(ticks[1] - ticks[0]) : 0, text);
        slr_plot_label(out, at, y->from + 17, SLR_PLOT_MIDDLE, slr_plot_soft, text);
    }
    slr_markup(out, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"%s\"/>\n", x->from, y->from, x->to, slr_plot_soft);
    if (x_label)
        slr_plot_label(out, x->to, y->from + 31, SLR_PLOT_END, slr_plot_soft, x_label);
    if (y_label)
        slr_plot_label(out, 2, y->to - 9, SLR_PLOT_START, slr_plot_soft, y_label);
}
