/* SPDX-License-Identifier: MIT
 *
 * Plots as SVG, to stand inside a page or alone in a file: curves, histograms, bars, shares, maps. Dark on light, readable
 * in grey print, with a title for those who listen.
 *
 *     slr_plot_series series[] = {{.name = "training", .x = steps, .y = losses, .count = n, .faint = true},
 *                                 {.name = "validation", .x = at, .y = held_out, .count = m, .dots = true}};
 *     slr_plot_lines(out, &(slr_line_plot){.title = "Loss", .x_label = "step", .series = series, .count = 2});
 *
 * A curve of any length becomes at most about 1000 points that keep its lowest and highest values. Values that are not
 * finite (and on a log axis those below zero) are gaps. Failures to write show in ferror(out).
 */
#ifndef SLR_PLOT_H
#define SLR_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { SLR_PLOT_COLOURS = 8 };
const char *slr_plot_colour(int index); /* "#2b5d8c", ...: the colours in their order; any index */

typedef struct slr_plot_series {
    const char *name; /* in the legend; NULL: not there */
    const double *x, *y; /* (count), x not falling */
    size_t count;
    int colour;    /* index, 0-based */
    bool faint;    /* thin and pale, behind the others */
    bool dots;     /* a mark at every point, too */
    bool stepped;  /* holds its value until the next one */
    bool dashed;
} slr_plot_series;

/* width and height 0: 520 x 260, in units that the page scales to its column. */
typedef struct slr_line_plot {
    const char *title, *x_label, *y_label; /* labels may be NULL */
    bool log_x, log_y;
    bool from_zero; /* the y axis begins at 0 */
    int width, height;
    const slr_plot_series *series;
    size_t count;
} slr_line_plot;
void slr_plot_lines(FILE *out, const slr_line_plot *plot);

/* Shares of each set in common bins, one set over the other; a NULL set is left out. Vertical marks with a word each. */
typedef struct slr_histogram_plot {
    const char *title, *x_label;
    const char *names[2];
    const double *values[2];
    size_t counts[2];
    int bins; /* 0: chosen from the counts */
    const double *marks;
    const char *const *mark_names;
    size_t mark_count;
    int width, height;
} slr_histogram_plot;
void slr_plot_histograms(FILE *out, const slr_histogram_plot *plot);

/* Horizontal bars from 0, each with its label and value as text ("" for the number itself). */
typedef struct slr_plot_bar {
    const char *label, *text;
    double value;
    int colour;
} slr_plot_bar;
typedef struct slr_bar_plot {
    const char *title;
    int width; /* 0: 520; as high as it needs */
    const slr_plot_bar *bars;
    size_t count;
} slr_bar_plot;
void slr_plot_bars(FILE *out, const slr_bar_plot *plot);
/* The same bars as parts of one whole, with a legend. */
void slr_plot_shares(FILE *out, const slr_bar_plot *plot);

/* A table of numbers as colours; NAN: no such cell. */
typedef struct slr_map_plot {
    const char *title, *scale_label;
    size_t rows, columns;
    const double *values; /* (rows, columns) */
    const char *const *row_labels, *const *column_labels;
    double low, high;  /* of the colours; both 0: from the values */
    bool numbers;      /* written into the cells */
    bool merged;       /* many cells: equal neighbours in a row are one, without words of their own */
    int width;         /* 0: 520, at most; as high as it needs */
} slr_map_plot;
void slr_plot_map(FILE *out, const slr_map_plot *plot);

#endif
