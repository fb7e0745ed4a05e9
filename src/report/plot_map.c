/* SPDX-License-Identifier: MIT
 * Bars, shares of a whole, maps of numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/markup.h"
#include "report/plot_frame.h"

enum { WIDTH = 520, BAR = 22, SCALE_PIECES = 24 };

/* ---- bars ---- */

static bool is_length(double value)
{
    return value > 0 && isfinite(value);
}

static const char *bar_text(const slr_plot_bar *bar, char text[SLR_NUMBER_TEXT])
{
    return bar->text && bar->text[0] ? bar->text : slr_number_text(bar->value, 4, text);
}

void slr_plot_bars(FILE *out, const slr_bar_plot *plot)
{
    int width = plot->width > 0 ? plot->width : WIDTH;
    double top = plot->title ? 26 : 4, label = 0, value = 0, most = 0;
    char text[SLR_NUMBER_TEXT];
    for (size_t i = 0; i < plot->count; i++) {
        label = fmax(label, slr_plot_text_width(plot->bars[i].label) + 10);
        value = fmax(value, slr_plot_text_width(bar_text(&plot->bars[i], text)) + 10);
        most = isfinite(plot->bars[i].value) ? fmax(most, plot->bars[i].value) : most;
    }
    label = fmin(label, 0.45 * width);
    double room = fmax(20, width - label - value - 4);
    slr_plot_begin(out, plot->title, width, (int)(top + BAR * (double)plot->count + 4));
    for (size_t i = 0; i < plot->count; i++) {
        const slr_plot_bar *bar = &plot->bars[i];
        double y = top + BAR * (double)i, length = most > 0 && is_length(bar->value) ? room * bar->value / most : 0;
        slr_plot_label(out, label - 6, y + 14.5, SLR_PLOT_END, slr_plot_ink, bar->label);
        slr_markup(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"13\" rx=\"2\" fill=\"%s\"/>\n", label, y + 4,
                   fmax(length, 1), slr_plot_colour(bar->colour));
        slr_plot_label(out, label + fmax(length, 1) + 6, y + 14.5, SLR_PLOT_START, slr_plot_soft, bar_text(bar, text));
    }
    slr_plot_end(out);
}

/* "name  12 %" beside each swatch; entries own their names. */
static double put_share_legend(FILE *out, const slr_bar_plot *plot, double top, double width)
{
    slr_plot_entry *entries = calloc(plot->count ? plot->count : 1, sizeof *entries);
    char (*names)[160] = calloc(plot->count ? plot->count : 1, sizeof *names), text[SLR_NUMBER_TEXT];
    double used = 0;
    if (entries && names) {
        for (size_t i = 0; i < plot->count; i++) {
            snprintf(names[i], sizeof names[i], "%s  %s", plot->bars[i].label, bar_text(&plot->bars[i], text));
            entries[i] = (slr_plot_entry){.name = names[i], .colour = slr_plot_colour(plot->bars[i].colour)};
        }
        used = slr_plot_legend(out, entries, plot->count, 2, top, width - 4);
    }
    free(entries);
    free(names);
    return used;
}

/* The legend is counted first: the height of the element stands at its beginning. */
static double legend_height(const slr_bar_plot *plot, double width)
{
    char *nothing = NULL;
    size_t size;
    FILE *memory = open_memstream(&nothing, &size);
    double used = memory ? put_share_legend(memory, plot, 0, width) : 0;
    if (memory)
        fclose(memory);
    free(nothing);
    return used;
}

void slr_plot_shares(FILE *out, const slr_bar_plot *plot)
{
    int width = plot->width > 0 ? plot->width : WIDTH;
    double top = plot->title ? 26 : 4, sum = 0, x = 2;
    for (size_t i = 0; i < plot->count; i++)
        sum += is_length(plot->bars[i].value) ? plot->bars[i].value : 0;
    slr_plot_begin(out, plot->title, width, (int)(top + 34 + legend_height(plot, width)));
    for (size_t i = 0; i < plot->count; i++) {
        const slr_plot_bar *bar = &plot->bars[i];
        double length = is_length(bar->value) ? (width - 4) * bar->value / sum : 0;
        if (length <= 0)
            continue;
        slr_markup(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"20\" fill=\"%s\"><title>", x, top,
                   fmax(length - 1, 0.6), slr_plot_colour(bar->colour));
        slr_markup_text(out, bar->label);
        fputs("</title></rect>\n", out);
        x += length;
    }
    put_share_legend(out, plot, top + 26, width);
    slr_plot_end(out);
}

/* ---- maps ---- */

typedef struct shade {
    double red, green, blue;
} shade;

/* Pale to dark in steps that the eye finds even; the darkness alone tells the order. */
static shade shade_at(double share)
{
    static const shade stops[] = {{244, 247, 250}, {205, 221, 235}, {143, 184, 214},
                                  {72, 133, 182}, {32, 88, 138}, {13, 47, 86}};
    enum { PIECES = sizeof stops / sizeof *stops - 1 };
    double at = fmin(fmax(share, 0), 1) * PIECES;
    int i = at >= PIECES ? PIECES - 1 : (int)at;
    double t = at - i;
    const shade *a = &stops[i], *b = a + 1;
    return (shade){a->red + t * (b->red - a->red), a->green + t * (b->green - a->green), a->blue + t * (b->blue - a->blue)};
}

static void put_fill(FILE *out, double share)
{
    shade s = shade_at(share);
    slr_markup(out, "fill=\"#%02x%02x%02x\"", (unsigned)s.red, (unsigned)s.green, (unsigned)s.blue);
}

typedef struct map_frame {
    double left, top, cell_width, cell_height, low, high;
    bool upright; /* column labels stand on end */
} map_frame;

static double widest(const char *const *labels, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, slr_plot_text_width(labels[i]));
    return most;
}

static map_frame lay_out(const slr_map_plot *plot, int width)
{
    map_frame f = {.left = widest(plot->row_labels, plot->rows) + 12, .low = plot->low, .high = plot->high};
    double columns = plot->columns ? (double)plot->columns : 1, label = widest(plot->column_labels, plot->columns);
    f.cell_width = fmin(fmax((width - f.left - 74) / columns, 3), 44);
    f.cell_height = fmin(fmax(f.cell_width * 0.7, 10), 22);
    f.upright = label > f.cell_width - 3;
    f.top = (plot->title ? 26 : 4) + (f.upright ? label + 8 : 18);
    if (plot->low != 0 || plot->high != 0)
        return f;
    f.low = INFINITY;
    f.high = -INFINITY;
    for (size_t i = 0; i < plot->rows * plot->columns; i++)
        if (isfinite(plot->values[i])) {
            f.low = fmin(f.low, plot->values[i]);
            f.high = fmax(f.high, plot->values[i]);
        }
    return f;
}

static double share_of(const map_frame *f, double value)
{
    return f->high > f->low ? (value - f->low) / (f->high - f->low) : 0.5;
}

static const char *value_text(double value, char text[SLR_NUMBER_TEXT])
{
    return value == floor(value) && fabs(value) < 1e15 ? slr_count_text((int64_t)value, text) : slr_number_text(value, 3, text);
}

static void put_cell(FILE *out, const slr_map_plot *plot, const map_frame *f, size_t row, size_t column)
{
    double x = f->left + f->cell_width * (double)column, y = f->top + f->cell_height * (double)row;
    double value = plot->values[row * plot->columns + column], gap = f->cell_width > 8 ? 1 : 0;
    char text[SLR_NUMBER_TEXT];
    if (!isfinite(value)) {
        slr_markup(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"1\" fill=\"#c3cad1\"/>\n", x + f->cell_width / 2,
                   y + f->cell_height / 2);
        return;
    }
    value_text(value, text);
    slr_markup(out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" ", x, y, f->cell_width - gap,
               f->cell_height - gap);
    put_fill(out, share_of(f, value));
    fputs("><title>", out);
    slr_markup_text(out, plot->row_labels[row]);
    fputs(", ", out);
    slr_markup_text(out, plot->column_labels[column]);
    slr_markup(out, ": %s</title></rect>\n", text);
    if (plot->numbers && slr_plot_text_width(text) <= f->cell_width - 2)
        slr_plot_label(out, x + (f->cell_width - gap) / 2, y + f->cell_height / 2 + 3.4, SLR_PLOT_MIDDLE,
                       share_of(f, value) > 0.5 ? "#fff" : slr_plot_ink, text);
}

/* A row in as few rectangles as it has changes. */
static void put_merged_row(FILE *out, const slr_map_plot *plot, const map_frame *f, size_t row)
{
    const double *values = plot->values + row * plot->columns;
    for (size_t from = 0, to; from < plot->columns; from = to) {
        for (to = from + 1; to < plot->columns && values[to] == values[from]; to++)
            ;
        if (!isfinite(values[from]))
            continue;
        slr_markup(out, "<path d=\"M%.1f %.1fh%.1fv%.1fH%.1f\" ", f->left + f->cell_width * (double)from,
                   f->top + f->cell_height * (double)row, f->cell_width * (double)(to - from) + 0.2, f->cell_height - 0.5,
                   f->left + f->cell_width * (double)from);
        put_fill(out, share_of(f, values[from]));
        fputs("/>", out);
    }
    fputs("\n", out);
}

static void put_map_labels(FILE *out, const slr_map_plot *plot, const map_frame *f)
{
    for (size_t row = 0; row < plot->rows; row++)
        slr_plot_label(out, f->left - 6, f->top + f->cell_height * ((double)row + 0.5) + 3.4, SLR_PLOT_END, slr_plot_ink,
                       plot->row_labels[row]);
    size_t every = f->upright && f->cell_width < 11 ? (size_t)ceil(11 / f->cell_width) : 1;
    for (size_t column = 0; column < plot->columns; column += every) {
        double x = f->left + f->cell_width * ((double)column + 0.5), y = f->top - 6;
        if (!f->upright) {
            slr_plot_label(out, x, y, SLR_PLOT_MIDDLE, slr_plot_soft, plot->column_labels[column]);
            continue;
        }
        slr_markup(out, "<text transform=\"translate(%.1f %.1f) rotate(-90)\" fill=\"%s\">", x + 4, y, slr_plot_soft);
        slr_markup_text(out, plot->column_labels[column]);
        fputs("</text>\n", out);
    }
}

static void put_scale(FILE *out, const slr_map_plot *plot, const map_frame *f, double left, double height)
{
    char text[SLR_NUMBER_TEXT];
    if (!(f->high >= f->low))
        return;
    for (int i = 0; i < SCALE_PIECES; i++) {
        slr_markup(out, "<rect x=\"%.1f\" y=\"%.2f\" width=\"10\" height=\"%.2f\" ", left, f->top + height * i / SCALE_PIECES,
                   height / SCALE_PIECES + 0.3);
        put_fill(out, 1 - (i + 0.5) / SCALE_PIECES);
        fputs("/>\n", out);
    }
    slr_plot_label(out, left + 15, f->top + 8, SLR_PLOT_START, slr_plot_soft, value_text(f->high, text));
    slr_plot_label(out, left + 15, f->top + height, SLR_PLOT_START, slr_plot_soft, value_text(f->low, text));
    if (plot->scale_label)
        slr_plot_label(out, left, f->top - 6, SLR_PLOT_START, slr_plot_soft, plot->scale_label);
}

void slr_plot_map(FILE *out, const slr_map_plot *plot)
{
    int width = plot->width > 0 ? plot->width : WIDTH;
    map_frame f = lay_out(plot, width);
    double wide = f.left + f.cell_width * (double)plot->columns, high = f.cell_height * (double)plot->rows;
    double scale = fmin(fmax(high, 40), 160);
    slr_plot_begin(out, plot->title, (int)ceil(fmax(wide + 74, 120)), (int)ceil(f.top + fmax(high, scale) + 8));
    put_map_labels(out, plot, &f);
    for (size_t row = 0; row < plot->rows; row++)
        if (plot->merged)
            put_merged_row(out, plot, &f, row);
        else
            for (size_t column = 0; column < plot->columns; column++)
                put_cell(out, plot, &f, row, column);
    put_scale(out, plot, &f, wide + 14, scale);
    slr_plot_end(out);
}
