/* SPDX-License-Identifier: MIT
 *
 * What plots share: the SVG element, titles, legends, axes with round numbers.
 */
#ifndef SLR_PLOT_FRAME_H
#define SLR_PLOT_FRAME_H

#include "report/plot.h"

/* An axis from `low` to `high` (of the data) over the pixels `from` to `to`. */
typedef struct slr_plot_axis {
    double low, high, from, to;
    bool log;
} slr_plot_axis;

enum { SLR_PLOT_TICKS = 16 };

/* Rounds its ends outwards to ticks when `rounded`; an empty or single range is widened. */
void slr_plot_axis_fit(slr_plot_axis *axis, bool rounded);
double slr_plot_axis_at(const slr_plot_axis *axis, double value);

void slr_plot_begin(FILE *out, const char *title, int width, int height);
void slr_plot_end(FILE *out);

typedef enum slr_plot_anchor { SLR_PLOT_START, SLR_PLOT_MIDDLE, SLR_PLOT_END } slr_plot_anchor;
void slr_plot_label(FILE *out, double x, double y, slr_plot_anchor anchor, const char *colour, const char *text);
/* About how wide a text of 11 units is. */
double slr_plot_text_width(const char *text);

/* Swatches and names from `top` down; returns the height used. Entries without a name are left out. */
typedef struct slr_plot_entry {
    const char *name;
    const char *colour;
    bool line, dashed, faint; /* else a square */
} slr_plot_entry;
double slr_plot_legend(FILE *out, const slr_plot_entry *entries, size_t count, double left, double top, double width);

/* Grid lines and numbers of both axes, names at their ends. */
void slr_plot_axes(FILE *out, const slr_plot_axis *x, const slr_plot_axis *y, const char *x_label, const char *y_label);

extern const char slr_plot_ink[], slr_plot_soft[], slr_plot_rule[];

#endif
