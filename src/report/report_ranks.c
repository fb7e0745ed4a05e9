/* SPDX-License-Identifier: MIT
 * Where rank went: the map of layers, the probe's ratios, the trace of every layer over time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "report/rank_map.h"
#include "report/report_parts.h"

enum { TRACE_COLUMNS = 60 };

/* ---- the map ---- */

static selora_status put_map(const slr_report *report, const slr_run_record *run, const char *part, const char *title, slr_error *err)
{
    slr_rank_map map;
    SLR_TRY(slr_rank_map_new(run->layers, run->layer_count, part, &map, err));
    double *values = slr_alloc(map.rows * map.columns + 1, sizeof *values), most = 1;
    if (!values) {
        slr_rank_map_free(&map);
        return slr_fail_memory(err, map.rows * map.columns * sizeof *values, "the rank map");
    }
    for (size_t i = 0; i < map.rows * map.columns; i++)
        values[i] = NAN;
    for (size_t i = 0; i < run->layer_count; i++) {
        most = fmax(most, run->layers[i].rank); /* one scale for both parts */
        if (map.cells[i] != SIZE_MAX)
            values[map.cells[i]] = run->layers[i].rank;
    }
    if (map.rows > 0) {
        slr_html_figure_begin(report->page);
        slr_plot_map(slr_html_stream(report->page),
                     &(slr_map_plot){.title = title, .scale_label = "rank", .rows = map.rows, .columns = map.columns,
                                     .values = values, .row_labels = (const char *const *)map.row_labels,
                                     .column_labels = (const char *const *)map.column_labels, .high = most, .numbers = true,
                                     .width = 900});
        slr_html_figure_end(report->page, "%s", "");
    }
    free(values);
    slr_rank_map_free(&map);
    return SELORA_OK;
}

static selora_status put_maps(const slr_report *report, const slr_run_record *run, slr_error *err)
{
    if (report->count > 1)
        slr_html_heading(report->page, "%s", run->name);
    slr_html_figures_begin(report->page, 1);
    SLR_TRY(put_map(report, run, "unet.", "U-Net", err));
    SLR_TRY(put_map(report, run, "text_encoder.", "Text encoder", err));
    slr_html_figures_end(report->page);
    return SELORA_OK;
}

/* ---- ratios ---- */

/* Of one probe: its place in the decisions, and what the layers' ratios looked like. */
typedef struct probe {
    size_t from, to;
    double step, low, middle, high, grown;
} probe;

static probe probe_at(const slr_run_record *run, size_t from)
{
    probe p = {.from = from, .to = from, .step = (double)run->decisions[from].step};
    double *ratios;
    while (p.to < run->decision_count && run->decisions[p.to].step == run->decisions[from].step)
        p.to++;
    ratios = slr_alloc(p.to - from, sizeof *ratios);
    for (size_t i = from; i < p.to; i++) {
        if (ratios)
            ratios[i - from] = run->decisions[i].ratio;
        p.grown += run->decisions[i].after > run->decisions[i].before;
    }
    p.low = slr_run_quantile(ratios, ratios ? p.to - from : 0, 0.1);
    p.middle = slr_run_quantile(ratios, ratios ? p.to - from : 0, 0.5);
    p.high = slr_run_quantile(ratios, ratios ? p.to - from : 0, 0.9);
    free(ratios);
    return p;
}

/* Caller frees; *count probes, NULL when memory lacks. */
static probe *probes_of(const slr_run_record *run, size_t *count)
{
    probe *probes = NULL;
    size_t capacity = 0;
    *count = 0;
    for (size_t at = 0; at < run->decision_count; at = probes[*count - 1].to) {
        if (!slr_grow((void **)&probes, &capacity, *count, sizeof *probes)) {
            free(probes);
            return NULL;
        }
        probes[(*count)++] = probe_at(run, at);
    }
    return probes;
}

static selora_status put_ratios(const slr_report *report, size_t r, const probe *probes, size_t count, slr_error *err)
{
    const slr_run_record *run = &report->runs[r];
    double *columns = slr_alloc(5 * count + 2, sizeof *columns), lambda = slr_run_record_number(slr_run_record_option(run, "lambda"));
    if (!columns)
        return slr_fail_memory(err, 5 * count * sizeof *columns, "the report");
    double *step = columns, *low = step + count, *middle = low + count, *high = middle + count, *grown = high + count;
    for (size_t i = 0; i < count; i++) {
        step[i] = probes[i].step;
        low[i] = probes[i].low;
        middle[i] = probes[i].middle;
        high[i] = probes[i].high;
        grown[i] = probes[i].grown;
    }
    const double ends[] = {step[0], step[count - 1]}, threshold[] = {lambda, lambda};
    const slr_plot_series ratios[] = {
        {.name = "nine in ten layers below", .x = step, .y = high, .count = count, .colour = 5},
        {.name = "median", .x = step, .y = middle, .count = count, .colour = 0, .dots = count < 80},
        {.name = "one in ten below", .x = step, .y = low, .count = count, .colour = 7},
        {.name = isfinite(lambda) ? "threshold \xCE\xBB" : NULL, .x = ends, .y = threshold, .count = 2, .colour = 1, .dashed = true},
    };
    const slr_plot_series layers = {.x = step, .y = grown, .count = count, .colour = 2, .dots = count < 80};
    slr_html_figures_begin(report->page, 2);
    slr_html_figure_begin(report->page);
    slr_plot_lines(slr_html_stream(report->page), &(slr_line_plot){.title = report->count > 1 ? run->name : "Ratio of the probe",
                                                                   .x_label = "step", .log_y = true, .series = ratios, .count = 4});
    slr_html_figure_end(report->page, "R of each layer, Fisher energy with the candidate over without it. A layer grows when R "
                        "reaches \xCE\xBB.");
    slr_html_figure_begin(report->page);
    slr_plot_lines(slr_html_stream(report->page), &(slr_line_plot){.title = "Layers that grew", .x_label = "step", .from_zero = true,
                                                                   .series = &layers, .count = 1});
    slr_html_figure_end(report->page, "Of %zu, at each of %zu probes.", run->layer_count, count);
    slr_html_figures_end(report->page);
    free(columns);
    return SELORA_OK;
}

/* ---- the trace ---- */

static selora_status put_trace(const slr_report *report, size_t r, const probe *probes, size_t count, slr_error *err)
{
    const slr_run_record *run = &report->runs[r];
    size_t shown = count < TRACE_COLUMNS ? count : TRACE_COLUMNS, cells = run->layer_count * shown;
    double *ranks = slr_alloc(2 * cells + 1, sizeof *ranks), *ratios = ranks + cells;
    char (*steps)[SLR_NUMBER_TEXT] = slr_alloc(shown, sizeof *steps);
    const char **rows = slr_alloc(run->layer_count, sizeof *rows), **columns = slr_alloc(shown, sizeof *columns);
    bool good = ranks && steps && rows && columns;
    for (size_t i = 0; good && i < 2 * cells; i++)
        ranks[i] = NAN;
    for (size_t i = 0; good && i < run->layer_count; i++)
        rows[i] = run->layers[i].path;
    for (size_t c = 0; good && c < shown; c++) { /* evenly, the last among them */
        const probe *p = &probes[(c + 1) * count / shown - 1];
        columns[c] = slr_count_text((int64_t)p->step, steps[c]);
        for (size_t i = p->from; i < p->to; i++) {
            const slr_run_decision *d = &run->decisions[i];
            ranks[d->layer * shown + c] = d->after;
            ratios[d->layer * shown + c] = d->ratio > 0 ? fmin(log10(d->ratio), 2) : NAN;
        }
    }
    if (good) {
        slr_map_plot plot = {.title = "Rank", .scale_label = "rank", .rows = run->layer_count, .columns = shown, .values = ranks,
                             .row_labels = rows, .column_labels = columns, .merged = true, .width = 1040};
        slr_html_fold_begin(report->page, false, "Every layer over time%s%s", report->count > 1 ? ": " : "",
                            report->count > 1 ? run->name : "");
        slr_html_figures_begin(report->page, 1);
        slr_html_figure_begin(report->page);
        slr_plot_map(slr_html_stream(report->page), &plot);
        slr_html_figure_end(report->page, "%s", shown < count ? "Rank after a probe; some probes between are left out." : "Rank after each probe.");
        plot.title = "Ratio of the probe, log10";
        plot.scale_label = "log10 R";
        plot.values = ratios;
        slr_html_figure_begin(report->page);
        slr_plot_map(slr_html_stream(report->page), &plot);
        slr_html_figure_end(report->page, "R of 100 and more are one colour.");
        slr_html_figures_end(report->page);
        slr_html_fold_end(report->page);
    }
    free(ranks);
    free(steps);
    free(rows);
    free(columns);
    return good ? SELORA_OK : slr_fail_memory(err, 2 * cells * sizeof *ranks, "the rank trace");
}

static selora_status put_growth(const slr_report *report, size_t r, slr_error *err)
{
    size_t count;
    probe *probes = probes_of(&report->runs[r], &count);
    if (!probes)
        return slr_fail_memory(err, 0, "the report");
    selora_status status = put_ratios(report, r, probes, count, err);
    if (status == SELORA_OK)
        status = put_trace(report, r, probes, count, err);
    free(probes);
    return status;
}

selora_status slr_report_ranks(const slr_report *report, slr_error *err)
{
    slr_html_section(report->page, "Ranks");
    slr_html_text(report->page, "The rank at which each adapted layer ended. Columns follow the data through the network, rows are kinds "
                  "of layers; a dot is a layer that is not adapted.");
    for (size_t r = 0; r < report->count; r++) {
        const slr_run_record *run = &report->runs[r];
        if (run->layer_count > 0)
            SLR_TRY(put_maps(report, run, err));
        else
            slr_html_text(report->page, "%s: no adapter has been saved yet.", run->name);
    }
    for (size_t r = 0; r < report->count; r++)
        if (report->runs[r].decision_count > 0)
            SLR_TRY(put_growth(report, r, err));
    return SELORA_OK;
}
