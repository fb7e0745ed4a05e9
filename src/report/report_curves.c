/* SPDX-License-Identifier: MIT
 * Curves over steps; where time, memory and multiply-adds went. */
#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "report/report_parts.h"

/* A moving average that forgets over a fiftieth of the run, at least ten steps, without the bias of its start. */
static double *smoothed(const double *values, size_t count)
{
    double *result = slr_alloc(count + 1, sizeof *result), keep = 1 - 1 / fmax(10, (double)count / 50), sum = 0, weight = 0;
    for (size_t i = 0; result && i < count; i++) {
        if (isfinite(values[i])) {
            sum = keep * sum + (1 - keep) * values[i];
            weight = keep * weight + (1 - keep);
        }
        result[i] = weight > 0 ? sum / weight : NAN;
    }
    return result;
}

static const double *column(const slr_run_record *run, size_t member)
{
    const slr_run_steps *s = &run->steps;
    const double *const columns[] = {s->step, s->loss, s->lr, s->gradient_norm, s->rank, s->parameters, s->seconds};
    return columns[member];
}
enum { LOSS = 1, LR, GRADIENT_NORM, RANK, PARAMETERS, SECONDS };

static bool any_finite(const slr_report *report, size_t member)
{
    for (size_t r = 0; r < report->count; r++)
        for (size_t i = 0; i < report->runs[r].steps.count; i++)
            if (isfinite(column(&report->runs[r], member)[i]))
                return true;
    return false;
}

static slr_plot_series series_of(const slr_report *report, size_t r, size_t member)
{
    const slr_run_record *run = &report->runs[r];
    return (slr_plot_series){.name = report->count > 1 ? run->name : NULL, .x = run->steps.step, .y = column(run, member),
                             .count = run->steps.count, .colour = (int)r};
}

/* One column of the log, a curve for each run. */
static void put_column(const slr_report *report, const slr_line_plot *like, size_t member, bool stepped, const char *caption)
{
    slr_plot_series series[SLR_REPORT_RUNS];
    slr_line_plot plot = *like;
    if (!any_finite(report, member))
        return;
    for (size_t r = 0; r < report->count; r++) {
        series[r] = series_of(report, r, member);
        series[r].stepped = stepped;
    }
    plot.series = series;
    plot.count = report->count;
    plot.x_label = "step";
    slr_html_figure_begin(report->page);
    slr_plot_lines(slr_html_stream(report->page), &plot);
    slr_html_figure_end(report->page, "%s", caption);
}

static void put_validation(const slr_report *report)
{
    slr_plot_series series[SLR_REPORT_RUNS];
    size_t used = 0;
    for (size_t r = 0; r < report->count; r++) {
        const slr_run_validations *v = &report->runs[r].validations;
        if (v->count > 0)
            series[used++] = (slr_plot_series){.name = report->count > 1 ? report->runs[r].name : NULL, .x = v->step, .y = v->loss,
                                               .count = v->count, .colour = (int)r, .dots = true};
    }
    if (used == 0)
        return;
    slr_html_figure_begin(report->page);
    slr_plot_lines(slr_html_stream(report->page), &(slr_line_plot){.title = "Validation loss", .x_label = "step", .series = series,
                                                                   .count = used});
    slr_html_figure_end(report->page, "Held-out pictures, the same noise and timesteps every time: comparable between steps and runs.");
}

static selora_status put_losses(const slr_report *report, slr_error *err)
{
    slr_plot_series series[2 * SLR_REPORT_RUNS];
    double *smooth[SLR_REPORT_RUNS] = {NULL};
    size_t used = 0;
    for (size_t r = 0; r < report->count; r++) {
        smooth[r] = smoothed(report->runs[r].steps.loss, report->runs[r].steps.count);
        if (!smooth[r]) {
            for (size_t i = 0; i < r; i++)
                free(smooth[i]);
            return slr_fail_memory(err, report->runs[r].steps.count * sizeof(double), "the report");
        }
        if (report->count == 1) {
            series[used] = series_of(report, r, LOSS);
            series[used].name = "each step";
            series[used++].faint = true;
        }
        series[used] = series_of(report, r, LOSS);
        series[used].y = smooth[r];
        series[used++].name = report->count == 1 ? "moving average" : report->runs[r].name;
    }
    slr_html_figure_begin(report->page);
    slr_plot_lines(slr_html_stream(report->page), &(slr_line_plot){.title = "Training loss", .x_label = "step", .series = series,
                                                                   .count = used});
    slr_html_figure_end(report->page, "%s", report->count == 1
                        ? "Single steps scatter because timesteps and noise are drawn anew; the average shows the trend."
                        : "Moving averages; single steps scatter because timesteps and noise are drawn anew.");
    for (size_t r = 0; r < report->count; r++)
        free(smooth[r]);
    return SELORA_OK;
}

selora_status slr_report_curves(const slr_report *report, slr_error *err)
{
    size_t steps = 0;
    for (size_t r = 0; r < report->count; r++)
        steps += report->runs[r].steps.count;
    slr_html_section(report->page, "Training");
    if (steps == 0) {
        slr_html_text(report->page, "No step has been taken yet.");
        return SELORA_OK;
    }
    slr_html_figures_begin(report->page, 2);
    SLR_TRY(put_losses(report, err));
    put_validation(report);
    put_column(report, &(slr_line_plot){.title = "Learning rate", .from_zero = true}, LR, false, "Of the U-Net's adapters.");
    put_column(report, &(slr_line_plot){.title = "Gradient norm", .log_y = true}, GRADIENT_NORM, false,
               "Before clipping, over all adapters; logarithmic.");
    put_column(report, &(slr_line_plot){.title = "Trainable parameters", .from_zero = true}, PARAMETERS, true,
               "Parameters that act, \xCE\xA3 rank (in + out): what an expansion adds is what the adapter file grows by.");
    put_column(report, &(slr_line_plot){.title = "Total rank", .from_zero = true}, RANK, true, "Summed over all adapted layers.");
    slr_html_figures_end(report->page);
    return SELORA_OK;
}

/* ---- costs ---- */

static void put_time(const slr_report *report, const slr_run_record *run)
{
    const slr_run_costs *c = &run->costs;
    const slr_step_costs *s = &c->steps;
    double rest = s->all - s->work.forward - s->work.recompute - s->work.backward - s->work.adapter - s->method;
    const double seconds[] = {s->work.forward, s->work.recompute, s->work.backward, s->work.adapter, s->method, fmax(rest, 0),
                              c->validating, c->opening, c->saving};
    static const char *const names[] = {"frozen network, forward", "computed again", "frozen network, backward", "adapters",
                                        "probe and growing", "rest of the step", "validation and pictures", "opening, encoding",
                                        "saving"};
    enum { PARTS = sizeof names / sizeof *names };
    static const int colours[PARTS] = {0, 5, 3, 2, 1, 7, 4, 6, 7};
    char texts[PARTS][SLR_NUMBER_TEXT];
    slr_plot_bar bars[PARTS];
    size_t used = 0;
    for (int i = 0; i < PARTS; i++)
        if (seconds[i] > 0)
            bars[used++] = (slr_plot_bar){names[i], slr_seconds_text(seconds[i], texts[i]), seconds[i], colours[i]};
    slr_html_figure_begin(report->page);
    slr_plot_bars(slr_html_stream(report->page), &(slr_bar_plot){.title = report->count > 1 ? run->name : "Time", .bars = bars, .count = used});
    slr_html_figure_end(report->page, "Seconds of %lld steps and of what stands around them, by the clocks of the ops.",
                        (long long)s->steps);
}

static void put_work(const slr_report *report, const slr_run_record *run)
{
    bool probed = run->costs.steps.probed.probe > 0;
    const slr_step_macs *m = probed ? &run->costs.steps.probed : &run->costs.steps.work.macs;
    const double macs[] = {m->forward, m->recompute, m->backward, m->adapter, m->probe};
    static const char *const names[] = {"frozen, forward", "computed again", "frozen, backward", "adapters", "probe"};
    enum { PARTS = sizeof names / sizeof *names };
    static const int colours[PARTS] = {0, 5, 3, 2, 1};
    char texts[PARTS][SLR_NUMBER_TEXT];
    slr_plot_bar bars[PARTS];
    double all = m->forward + m->recompute + m->backward + m->adapter + m->probe;
    size_t used = 0;
    for (int i = 0; i < PARTS; i++)
        if (macs[i] > 0)
            bars[used++] = (slr_plot_bar){names[i], slr_percent_text(macs[i] / all, texts[i]), macs[i], colours[i]};
    slr_html_figure_begin(report->page);
    slr_plot_shares(slr_html_stream(report->page), &(slr_bar_plot){.title = report->count > 1 ? run->name : "Arithmetic of a step",
                                                                   .bars = bars, .count = used});
    slr_html_figure_end(report->page, "%.4g GFLOP, counted from shapes and ranks%s. The text encoder is in it where it is trained.",
                        2e-9 * all, probed ? ", at a step with a probe" : "");
}

static void put_memory(const slr_report *report)
{
    char texts[2 * SLR_REPORT_RUNS][SLR_NUMBER_TEXT], labels[2 * SLR_REPORT_RUNS][128];
    slr_plot_bar bars[2 * SLR_REPORT_RUNS];
    size_t used = 0;
    for (size_t r = 0; r < report->count; r++) {
        const slr_run_costs *c = &report->runs[r].costs;
        const double bytes[] = {c->planned_bytes, c->peak_bytes};
        for (int i = 0; i < 2 && c->peak_bytes > 0; i++) {
            snprintf(labels[used], sizeof labels[used], "%s%s%s", report->count > 1 ? report->runs[r].name : "",
                     report->count > 1 ? ", " : "", i ? "measured" : "planned");
            bars[used] = (slr_plot_bar){labels[used], slr_bytes_text(bytes[i], texts[used]), bytes[i], i ? 0 : 7};
            used++;
        }
    }
    if (used == 0)
        return;
    slr_html_figure_begin(report->page);
    slr_plot_bars(slr_html_stream(report->page), &(slr_bar_plot){.title = "Peak memory", .bars = bars, .count = used});
    slr_html_figure_end(report->page, "Of the whole process: what was foreseen before the start, and the most it held.");
}

void slr_report_costs(const slr_report *report)
{
    size_t recorded = 0;
    for (size_t r = 0; r < report->count; r++)
        recorded += report->runs[r].costs.steps.steps > 0;
    slr_html_section(report->page, "Time and memory");
    if (recorded == 0) {
        slr_html_text(report->page, "Not recorded: costs.json is missing. It is written with every checkpoint and at the end.");
        return;
    }
    slr_html_figures_begin(report->page, 2);
    for (size_t r = 0; r < report->count; r++)
        if (report->runs[r].costs.steps.steps > 0)
            put_time(report, &report->runs[r]);
    for (size_t r = 0; r < report->count; r++)
        if (report->runs[r].costs.steps.work.macs.forward > 0)
            put_work(report, &report->runs[r]);
    put_memory(report);
    put_column(report, &(slr_line_plot){.title = "Seconds a step", .log_y = true}, SECONDS, false,
               "Log scale. Peaks are other programs of the machine, or graphs that were recorded anew after a rank grew.");
    slr_html_figures_end(report->page);
}
