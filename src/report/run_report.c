/* SPDX-License-Identifier: MIT */
#include "report/run_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "report/report_parts.h"

/* ---- figures ---- */

/* Steps at which layers were probed, against the others: what the candidates take in the step itself. */
static void compare_probe_steps(const slr_run_record *run, slr_run_figures *f)
{
    const slr_run_steps *s = &run->steps;
    double *probed = slr_alloc(s->count + 1, sizeof *probed), *other = slr_alloc(s->count + 1, sizeof *other);
    size_t probes = 0, others = 0, at = 0;
    for (size_t i = 0; probed && other && i < s->count; i++) {
        while (at < run->decision_count && (double)run->decisions[at].step < s->step[i])
            at++;
        if (at < run->decision_count && (double)run->decisions[at].step == s->step[i])
            probed[probes++] = s->seconds[i];
        else
            other[others++] = s->seconds[i];
    }
    f->probe_step_s = slr_run_quantile(probed, probed ? probes : 0, 0.5);
    f->other_step_s = slr_run_quantile(other, other ? others : 0, 0.5);
    free(probed);
    free(other);
}

static double sum_of(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return count ? sum : NAN;
}

static double flops_of(const slr_step_macs *m)
{
    double macs = m->forward + m->recompute + m->backward + m->adapter + m->probe;
    return macs > 0 ? 2 * macs : NAN;
}

static slr_run_figures figures_of(const slr_run_record *run)
{
    const slr_run_steps *s = &run->steps;
    const slr_run_validations *v = &run->validations;
    slr_run_figures f = {.best_loss = NAN, .best_step = NAN, .last_loss = NAN, .least_loss = NAN,
                         .steps = s->count ? s->step[s->count - 1] : 0, .parameters_start = NAN, .parameters_end = NAN,
                         .rank_end = NAN};
    for (size_t i = 0; i < v->count; i++)
        if (!(v->loss[i] >= f.best_loss)) {
            f.best_loss = f.least_loss = v->loss[i];
            f.best_step = v->step[i];
        }
    f.validated = v->count > 0;
    f.last_loss = f.validated ? v->loss[v->count - 1] : NAN;
    f.diverged = f.last_loss > 2 * f.least_loss;
    f.median_s = slr_run_quantile(s->seconds, s->count, 0.5);
    f.p95_s = slr_run_quantile(s->seconds, s->count, 0.95);
    f.total_s = sum_of(s->seconds, s->count);
    f.probe_share = sum_of(s->probe_seconds, s->count) / f.total_s;
    if (s->count > 0) {
        f.parameters_start = slr_run_record_number(json_object_get(slr_run_record_fact(run, "adapter"), "parameters_at_start"));
        f.parameters_end = s->parameters[s->count - 1];
        f.rank_end = s->rank[s->count - 1];
    }
    f.flops = flops_of(&run->costs.steps.work.macs);
    f.flops_with_probe = flops_of(&run->costs.steps.probed);
    compare_probe_steps(run, &f);
    return f;
}

/* ---- the top ---- */

static void put_lead(const slr_report *report)
{
    const slr_run_record *run = &report->runs[0];
    const json_t *data = slr_run_record_fact(run, "data");
    char steps[SLR_NUMBER_TEXT], train[SLR_NUMBER_TEXT];
    const char *method = json_string_value(slr_run_record_option(run, "method"));
    slr_run_figures f = report->figures[0];
    if (method && strncmp(method, "selora", 6) == 0)
        method = strcmp(method, "selora") == 0 ? "SeLoRA" : "SeLoRA (the authors' loop)";
    else if (method && strcmp(method, "lora") == 0)
        method = "LoRA";
    double pictures = slr_run_record_number(json_object_get(data, "train"));
    if (report->count > 1)
        slr_html_lead(report->page, "%zu runs side by side. Everything here is read from the files of the runs.", report->count);
    else
        slr_html_lead(report->page, "%s adapters trained for %s steps on %s pictures. Everything here is read from the files of "
                      "the run.", method ? method : "Low-rank", slr_count_text((int64_t)f.steps, steps),
                      slr_count_text(pictures > 0 && pictures < 1e15 ? (int64_t)pictures : 0, train));
}

static void put_facts(const slr_report *report)
{
    char a[SLR_NUMBER_TEXT];
    const slr_run_record *run = &report->runs[0];
    slr_run_figures f = report->figures[0];
    slr_html *page = report->page;
    slr_html_facts_begin(page);
    slr_html_fact(page, "validation loss, best", "%s", slr_number_text(f.best_loss, 4, a));
    if (isfinite(f.parameters_end))
        slr_html_fact(page, "trainable parameters", "%s", slr_count_text((int64_t)f.parameters_end, a));
    if (isfinite(f.rank_end) && run->layer_count > 0)
        slr_html_fact(page, "mean rank", "%s", slr_number_text(f.rank_end / (double)run->layer_count, 3, a));
    slr_html_fact(page, "a step, median", "%s", slr_seconds_text(f.median_s, a));
    slr_html_fact(page, "all steps", "%s", slr_seconds_text(f.total_s, a));
    if (run->costs.peak_bytes > 0)
        slr_html_fact(page, "peak memory", "%s", slr_bytes_text(run->costs.peak_bytes, a));
    if (isfinite(f.probe_share))
        slr_html_fact(page, "cost of the probe", "%s", slr_percent_text(f.probe_share, a));
    slr_html_facts_end(page);
}

static void cell_or_missing(slr_html *page, bool known, const char *text)
{
    if (known)
        slr_html_cell(page, "%s", text);
    else
        slr_html_missing(page, "not recorded");
}

static void put_comparison(const slr_report *report)
{
    static const char *const headings[] = {"run", "method", "steps", "validation loss, best", "at step", "parameters", "mean rank",
                                           "a step, median", "peak memory", "probe"};
    slr_html *page = report->page;
    char a[SLR_NUMBER_TEXT];
    slr_html_section(page, "Runs");
    slr_html_table_begin(page, "llrrrrrrrr", headings);
    for (size_t i = 0; i < report->count; i++) {
        const slr_run_record *run = &report->runs[i];
        slr_run_figures f = report->figures[i];
        const char *method = json_string_value(slr_run_record_option(run, "method"));
        slr_html_cell(page, "%s", run->name);
        cell_or_missing(page, method, method);
        slr_html_cell(page, "%s", slr_count_text((int64_t)f.steps, a));
        cell_or_missing(page, f.validated, slr_number_text(f.best_loss, 5, a));
        cell_or_missing(page, f.validated, slr_count_text(f.validated ? (int64_t)f.best_step : 0, a));
        cell_or_missing(page, isfinite(f.parameters_end), slr_count_text(isfinite(f.parameters_end) ? (int64_t)f.parameters_end : 0, a));
        cell_or_missing(page, isfinite(f.rank_end) && run->layer_count,
                        slr_number_text(f.rank_end / (double)(run->layer_count ? run->layer_count : 1), 3, a));
        cell_or_missing(page, isfinite(f.median_s), slr_seconds_text(f.median_s, a));
        cell_or_missing(page, run->costs.peak_bytes > 0, slr_bytes_text(run->costs.peak_bytes, a));
        cell_or_missing(page, isfinite(f.probe_share), slr_percent_text(f.probe_share, a));
    }
    slr_html_table_end(page);
    slr_html_note(page, "One run a row is one sample: a claim that one method is better than another needs at least three seeds of "
                  "each, paired by seed.");
}

static void put_warnings(const slr_report *report)
{
    char a[SLR_NUMBER_TEXT], b[SLR_NUMBER_TEXT];
    for (size_t i = 0; i < report->count; i++) {
        const slr_run_record *run = &report->runs[i];
        slr_run_figures f = report->figures[i];
        double planned = slr_run_record_number(slr_run_record_fact(run, "steps"));
        if (f.diverged)
            slr_html_warning(report->page, "%s diverged: its last validation loss, %s, is more than twice its least, %s.", run->name,
                             slr_number_text(f.last_loss, 4, a), slr_number_text(f.least_loss, 4, b));
        if (planned > f.steps)
            slr_html_warning(report->page, "%s is not finished: %s of %s steps.", run->name, slr_count_text((int64_t)f.steps, a),
                             slr_count_text(planned < 1e15 ? (int64_t)planned : 0, b));
    }
}

/* ---- the page ---- */

static selora_status put_all(const slr_report *report, slr_error *err)
{
    const slr_report_settings *settings = report->settings;
    put_lead(report);
    if (report->count == 1)
        put_facts(report);
    put_warnings(report);
    if (settings->picture) {
        slr_html_figures_begin(report->page, 1);
        slr_html_figure_begin(report->page);
        const char *caption = settings->picture_caption ? settings->picture_caption : "";
        SLR_TRY(slr_report_picture(report->page, settings->picture, 1600, caption, err));
        slr_html_figure_end(report->page, "%s", caption);
        slr_html_figures_end(report->page);
    }
    if (report->count > 1)
        put_comparison(report);
    slr_report_answers(report);
    SLR_TRY(slr_report_curves(report, err));
    SLR_TRY(slr_report_ranks(report, err));
    SLR_TRY(slr_report_pictures(report, err));
    slr_report_costs(report);
    slr_report_judged(report);
    slr_report_settings_table(report);
    return SELORA_OK;
}

static selora_status compose(slr_report *report, const char *path, slr_error *err)
{
    const char *title = report->settings->title ? report->settings->title : report->count == 1 ? report->runs[0].name
                                                                                               : "Comparison of runs";
    SLR_TRY(slr_html_new("selora report", title, &report->page, err));
    selora_status status = put_all(report, err);
    if (status == SELORA_OK)
        return slr_html_save(report->page, path, err);
    slr_html_free(report->page);
    return status;
}

selora_status slr_run_report_write(const char *const *folders, size_t count, const slr_report_settings *settings,
                                   const char *path, slr_error *err)
{
    if (count < 1 || count > SLR_REPORT_RUNS)
        return slr_fail(err, SELORA_USAGE, "a report is about 1 to %d runs; found %zu", SLR_REPORT_RUNS, count);
    slr_report report = {.settings = settings, .runs = slr_alloc(count, sizeof *report.runs),
                         .figures = slr_alloc(count, sizeof *report.figures)};
    selora_status status = SELORA_OK;
    if (!report.runs || !report.figures)
        status = slr_fail_memory(err, count * sizeof *report.runs, "the report");
    for (; status == SELORA_OK && report.count < count; report.count++) {
        status = slr_run_record_load(folders[report.count], &report.runs[report.count], err);
        if (status == SELORA_OK)
            report.figures[report.count] = figures_of(&report.runs[report.count]);
    }
    if (status == SELORA_OK)
        status = compose(&report, path, err);
    for (size_t i = 0; i < report.count; i++)
        slr_run_record_free(&report.runs[i]);
    free(report.runs);
    free(report.figures);
    return status;
}
