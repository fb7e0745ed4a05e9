/* SPDX-License-Identifier: MIT
 * Curves and histograms. */
#include "report/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/markup.h"
#include "report/plot_frame.h"

enum { WIDTH = 520, HEIGHT = 260, LEFT = 46, RIGHT = 14, BOTTOM = 38, BUCKETS = 250, MOST_BINS = 60 };

static int or_else(int value, int standard)
{
    return value > 0 ? value : standard;
}

static bool can_show(const slr_plot_axis *axis, double value)
{
    return isfinite(value) && (!axis->log || value > 0);
}

/* ---- curves ---- */

typedef struct curve_frame {
    slr_plot_axis x, y;
} curve_frame;

static void widen(slr_plot_axis *axis, double value)
{
    axis->low = fmin(axis->low, value);
    axis->high = fmax(axis->high, value);
}

static curve_frame find_ranges(const slr_line_plot *plot)
{
    curve_frame frame = {.x = {.low = INFINITY, .high = -INFINITY, .log = plot->log_x},
                         .y = {.low = INFINITY, .high = -INFINITY, .log = plot->log_y}};
    for (size_t s = 0; s < plot->count; s++)
        for (size_t i = 0; i < plot->series[s].count; i++) {
            double x = plot->series[s].x[i], y = plot->series[s].y[i];
            if (!can_show(&frame.x, x) || !can_show(&frame.y, y))
                continue;
            widen(&frame.x, x);
            widen(&frame.y, y);
        }
    if (plot->from_zero && !plot->log_y)
        widen(&frame.y, 0);
    return frame;
}

/* A path that is being written. */
typedef struct pen {
    FILE *out;
    bool down, stepped;
    double y; /* where it stands */
} pen;

static void put_point(pen *p, double x, double y)
{
    if (!p->down)
        slr_markup(p->out, "M%.1f %.1f", x, y);
    else if (p->stepped && y != p->y)
        slr_markup(p->out, "H%.1fV%.1f", x, y);
    else
        slr_markup(p->out, "L%.1f %.1f", x, y);
    p->down = true;
    p->y = y;
}

/* The points of one piece of a long curve: first, lowest, highest, last, in their order. */
static void put_bucket(pen *p, const curve_frame *frame, const slr_plot_series *s, size_t from, size_t to)
{
    size_t chosen[4] = {from, from, from, to - 1};
    bool any = false;
    for (size_t i = from; i < to; i++) {
        if (!can_show(&frame->y, s->y[i]) || !can_show(&frame->x, s->x[i]))
            continue;
        if (!any)
            chosen[0] = chosen[1] = chosen[2] = i;
        chosen[1] = s->y[i] < s->y[chosen[1]] ? i : chosen[1];
        chosen[2] = s->y[i] > s->y[chosen[2]] ? i : chosen[2];
        chosen[3] = i;
        any = true;
    }
    if (!any) {
        p->down = false;
        return;
    }
    if (chosen[1] > chosen[2]) {
        size_t other = chosen[1];
        chosen[1] = chosen[2];
        chosen[2] = other;
    }
    for (int i = 0; i < 4; i++)
        if (i == 0 || chosen[i] != chosen[i - 1])
            put_point(p, slr_plot_axis_at(&frame->x, s->x[chosen[i]]), slr_plot_axis_at(&frame->y, s->y[chosen[i]]));
}

static void put_curve(FILE *out, const curve_frame *frame, const slr_plot_series *s)
{
    pen p = {.out = out, .stepped = s->stepped};
    size_t pieces = s->count > 4 * (size_t)BUCKETS ? BUCKETS : s->count;
    slr_markup(out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" stroke-linejoin=\"round\"%s%s d=\"",
               slr_plot_colour(s->colour), s->faint ? "1" : "1.8", s->faint ? " stroke-opacity=\"0.4\"" : "",
               s->dashed ? " stroke-dasharray=\"4 3\"" : "");
    for (size_t i = 0; i < pieces; i++)
        put_bucket(&p, frame, s, i * s->count / pieces, (i + 1) * s->count / pieces);
    fputs("\"/>\n", out);
}

static void put_dots(FILE *out, const curve_frame *frame, const slr_plot_series *s)
{
    size_t every = (s->count + BUCKETS - 1) / BUCKETS;
    for (size_t i = 0; i < s->count; i += every)
        if (can_show(&frame->x, s->x[i]) && can_show(&frame->y, s->y[i]))
            slr_markup(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\" fill=\"#fff\" stroke=\"%s\" stroke-width=\"1.6\"/>\n",
                       slr_plot_axis_at(&frame->x, s->x[i]), slr_plot_axis_at(&frame->y, s->y[i]), slr_plot_colour(s->colour));
}

static double put_curve_legend(FILE *out, const slr_line_plot *plot, double top, double width)
{
    slr_plot_entry *entries = calloc(plot->count ? plot->count : 1, sizeof *entries);
    size_t named = 0;
    for (size_t i = 0; entries && i < plot->count; i++) {
        const slr_plot_series *s = &plot->series[i];
        entries[i] = (slr_plot_entry){s->name, slr_plot_colour(s->colour), true, s->dashed, s->faint};
        named += s->name != NULL;
    }
    double used = entries && named ? slr_plot_legend(out, entries, plot->count, 2, top, width - 4) : 0;
    free(entries);
    return used;
}

void slr_plot_lines(FILE *out, const slr_line_plot *plot)
{
    int width = or_else(plot->width, WIDTH), height = or_else(plot->height, HEIGHT);
    curve_frame frame = find_ranges(plot);
    slr_plot_begin(out, plot->title, width, height);
    double top = plot->title ? 22 : 4;
    top += put_curve_legend(out, plot, top, width) + (plot->y_label ? 19 : 12);
    frame.x.from = LEFT;
    frame.x.to = width - RIGHT;
    frame.y.from = height - (plot->x_label ? BOTTOM : BOTTOM - 14);
    frame.y.to = top;
    slr_plot_axis_fit(&frame.x, false);
    slr_plot_axis_fit(&frame.y, true);
    slr_plot_axes(out, &frame.x, &frame.y, plot->x_label, plot->y_label);
    for (int front = 0; front < 2; front++)
        for (size_t i = 0; i < plot->count; i++)
            if (plot->series[i].count > 0 && plot->series[i].faint == !front) {
                put_curve(out, &frame, &plot->series[i]);
                if (plot->series[i].dots)
                    put_dots(out, &frame, &plot->series[i]);
            }
    slr_plot_end(out);
}

/* ---- histograms ---- */

typedef struct histogram {
    int bins;
    double low, high, shares[2][MOST_BINS], most;
} histogram;

static histogram count_bins(const slr_histogram_plot *plot)
{
    histogram h = {.low = INFINITY, .high = -INFINITY};
    size_t total[2] = {0};
    for (int s = 0; s < 2; s++)
        for (size_t i = 0; plot->values[s] && i < plot->counts[s]; i++)
            if (isfinite(plot->values[s][i])) {
                h.low = fmin(h.low, plot->values[s][i]);
                h.high = fmax(h.high, plot->values[s][i]);
                total[s]++;
            }
    double most = fmax((double)total[0], (double)total[1]);
    int chosen = plot->bins > 0 ? plot->bins : (int)ceil(2 * cbrt(most)); /* Rice's rule */
    h.bins = chosen < 1 ? 1 : chosen > MOST_BINS ? MOST_BINS : chosen;
    if (!(h.high > h.low)) {
        h.high = h.low = isfinite(h.low) ? h.low : 0;
        h.low -= 0.5;
        h.high += 0.5;
    }
    for (int s = 0; s < 2; s++)
        for (size_t i = 0; plot->values[s] && i < plot->counts[s]; i++)
            if (isfinite(plot->values[s][i])) {
                int bin = (int)((plot->values[s][i] - h.low) / (h.high - h.low) * h.bins);
                h.shares[s][bin < h.bins ? bin : h.bins - 1] += 100.0 / (double)total[s];
            }
    for (int s = 0; s < 2; s++)
        for (int b = 0; b < h.bins; b++)
            h.most = fmax(h.most, h.shares[s][b]);
    return h;
}

static void put_bins(FILE *out, const histogram *h, int set, const slr_plot_axis *x, const slr_plot_axis *y)
{
    slr_markup(out, "<path fill=\"%s\" fill-opacity=\"0.28\" stroke=\"%s\" stroke-width=\"1.4\" d=\"M%.1f %.1f",
               slr_plot_colour(set), slr_plot_colour(set), x->from, y->from);
    for (int b = 0; b < h->bins; b++)
        slr_markup(out, "V%.1fH%.1f", slr_plot_axis_at(y, h->shares[set][b]),
                   slr_plot_axis_at(x, h->low + (b + 1) * (h->high - h->low) / h->bins));
    slr_markup(out, "V%.1fZ\"/>\n", y->from);
}

static void put_marks(FILE *out, const slr_histogram_plot *plot, const slr_plot_axis *x, const slr_plot_axis *y)
{
    for (size_t i = 0; i < plot->mark_count; i++) {
        if (!(plot->marks[i] >= x->low && plot->marks[i] <= x->high))
            continue;
        double at = slr_plot_axis_at(x, plot->marks[i]);
        slr_markup(out, "<path d=\"M%.1f %.1fV%.1f\" stroke=\"%s\" stroke-dasharray=\"4 3\"/>\n", at, y->from, y->to,
                   slr_plot_ink);
        bool right = at > (x->from + x->to) / 2;
        slr_plot_label(out, right ? at - 5 : at + 5, y->to + 10 + 14 * (double)(i % 4), right ? SLR_PLOT_END : SLR_PLOT_START,
                       slr_plot_ink, plot->mark_names[i]);
    }
}

void slr_plot_histograms(FILE *out, const slr_histogram_plot *plot)
{
    int width = or_else(plot->width, WIDTH), height = or_else(plot->height, HEIGHT);
    histogram h = count_bins(plot);
    slr_plot_entry entries[2] = {{.name = plot->values[0] ? plot->names[0] : NULL, .colour = slr_plot_colour(0)},
                                 {.name = plot->values[1] ? plot->names[1] : NULL, .colour = slr_plot_colour(1)}};
    slr_plot_begin(out, plot->title, width, height);
    double top = plot->title ? 22 : 4;
    top += slr_plot_legend(out, entries, 2, 2, top, width - 4);
    slr_plot_axis x = {.low = h.low, .high = h.high, .from = LEFT, .to = width - RIGHT};
    slr_plot_axis y = {.low = 0, .high = h.most, .from = height - BOTTOM, .to = top + 19};
    slr_plot_axis_fit(&y, true);
    slr_plot_axes(out, &x, &y, plot->x_label, "share, %");
    for (int s = 0; s < 2; s++)
        if (plot->values[s] && plot->counts[s] > 0)
            put_bins(out, &h, s, &x, &y);
    put_marks(out, plot, &x, &y);
    slr_plot_end(out);
}
