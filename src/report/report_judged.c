/* SPDX-License-Identifier: MIT
 * Metrics and audits as their files have them; the settings of the runs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "report/report_parts.h"
#include "report/run_file.h"

static void number_cell(slr_html *page, const json_t *object, const char *key, bool whole)
{
    char text[SLR_NUMBER_TEXT];
    double value = slr_run_record_number(json_object_get(object, key));
    if (!isfinite(value))
        slr_html_cell(page, "%s", "");
    else if (whole && fabs(value) < 1e15)
        slr_html_cell(page, "%s", slr_count_text((int64_t)value, text));
    else
        slr_html_cell(page, "%s", slr_number_text(value, 4, text));
}

/* ---- metrics ---- */

/* metrics.json holds an object for each "metric/extractor", under "metrics" or at its top. */
static void put_metrics(const slr_report *report, const slr_run_record *run)
{
    static const char *const headings[] = {"metric", "value", "\xC2\xB1 se", "floor", "base model", "N real", "N synthetic", "note"};
    const json_t *inner = json_object_get(run->metrics, "metrics"), *all = inner ? inner : run->metrics;
    const char *key;
    json_t *metric;
    slr_html_table_begin(report->page, "lrrrrrrl", headings);
    json_object_foreach((json_t *)(uintptr_t)all, key, metric) {
        if (!json_is_number(json_object_get(metric, "value")))
            continue;
        const char *note = json_string_value(json_object_get(metric, "note"));
        slr_html_cell(report->page, "%s", key);
        number_cell(report->page, metric, "value", false);
        number_cell(report->page, metric, "se", false);
        number_cell(report->page, metric, "floor", false);
        number_cell(report->page, metric, "base", false);
        number_cell(report->page, metric, "n", true);
        number_cell(report->page, metric, "m", true);
        slr_html_cell(report->page, "%s", note ? note : "");
    }
    slr_html_table_end(report->page);
    slr_html_note(report->page, "The floor is the same metric between real training and real test pictures: no generator can be "
                  "expected below it. Differences under two standard errors are not told apart.");
}

/* ---- audits ---- */

static void put_membership(slr_html *page, const json_t *membership)
{
    static const char *const headings[] = {"membership score", "AUC", "95 % from", "to", "found at 10 % false alarms", "at 1 %"};
    static const char *const keys[] = {"loss", "ratio", "control"};
    static const char *const names[] = {"loss", "gain over the base model", "base model alone (control: 0.5)"};
    slr_html_table_begin(page, "lrrrrr", headings);
    for (int i = 0; i < 3; i++) {
        const json_t *attack = json_object_get(membership, keys[i]);
        if (!json_is_object(attack))
            continue;
        slr_html_cell(page, "%s", names[i]);
        number_cell(page, attack, "auc", false);
        number_cell(page, attack, "low", false);
        number_cell(page, attack, "high", false);
        number_cell(page, attack, "tpr_at_10_percent", false);
        number_cell(page, attack, "tpr_at_1_percent", false);
    }
    slr_html_table_end(page);
    const char *text = json_string_value(json_object_get(membership, "text"));
    if (text)
        slr_html_text(page, "%s", text);
}

static void put_copies(slr_html *page, const json_t *copies)
{
    static const char *const headings[] = {"copies by distance in", "share", "expected", "ratio of medians", "C_T", "near copies", "verdict"};
    const char *name;
    json_t *space;
    slr_html_table_begin(page, "lrrrrrl", headings);
    json_object_foreach((json_t *)(uintptr_t)copies, name, space) {
        const char *verdict = json_string_value(json_object_get(space, "verdict"));
        slr_html_cell(page, "%s", name);
        number_cell(page, space, "copy_rate", false);
        number_cell(page, space, "expected_rate", false);
        number_cell(page, space, "median_ratio", false);
        number_cell(page, space, "c_t_z", false);
        number_cell(page, space, "near_copies", true);
        slr_html_cell(page, "%s", verdict ? verdict : "");
    }
    slr_html_table_end(page);
}

static void put_audit(const slr_report *report, const slr_run_record *run)
{
    const json_t *membership = json_object_get(run->audit, "membership"), *copies = json_object_get(run->audit, "copies");
    if (json_is_object(membership))
        put_membership(report->page, membership);
    if (json_is_object(copies))
        put_copies(report->page, copies);
    if (!json_is_object(membership) && !json_is_object(copies))
        slr_html_text(report->page, "The audit has found nothing to report on.");
}

void slr_report_judged(const slr_report *report)
{
    bool any = false;
    for (size_t r = 0; r < report->count; r++)
        any = any || report->runs[r].metrics || report->runs[r].audit;
    slr_html_section(report->page, "Judging");
    if (!any)
        slr_html_text(report->page, "Not recorded. selora evaluate --out RUN/evaluation compares pictures drawn with the adapter with real "
                      "ones, selora audit RUN looks for copies and for traces of training pictures; this report shows both.");
    for (size_t r = 0; r < report->count; r++) {
        const slr_run_record *run = &report->runs[r];
        if (report->count > 1 && (run->metrics || run->audit))
            slr_html_heading(report->page, "%s", run->name);
        if (run->metrics)
            put_metrics(report, run);
        if (run->audit)
            put_audit(report, run);
    }
}

/* ---- settings ---- */

static bool is_given(const slr_report *report, const char *name)
{
    for (size_t r = 0; r < report->count; r++)
        if (!json_is_null(slr_run_record_option(&report->runs[r], name)))
            return true;
    return false;
}

static bool differs(const slr_report *report, const char *name)
{
    for (size_t r = 1; r < report->count; r++)
        if (!slr_option_values_equal(slr_run_record_option(&report->runs[0], name), slr_run_record_option(&report->runs[r], name)))
            return true;
    return false;
}

static void put_value(slr_html *page, const json_t *value)
{
    char *text = json_is_null(value) ? NULL : slr_json_plain_text(value);
    slr_html_cell(page, "%s", text ? text : "");
    free(text);
}

static void put_options(const slr_report *report, bool all)
{
    const slr_report_settings *settings = report->settings;
    char alignment[SLR_HTML_COLUMNS + 1];
    const char *headings[SLR_HTML_COLUMNS] = {"option", "value"};
    memset(alignment, 'l', report->count + 1);
    alignment[report->count + 1] = 0;
    for (size_t r = 0; r < report->count && report->count > 1; r++)
        headings[r + 1] = report->runs[r].name;
    slr_html_table_begin(report->page, alignment, headings);
    for (size_t i = 0; i < settings->list_count; i++) {
        const selora_option *option = &settings->list[i];
        if (!slr_option_may_be_shown(option) || !is_given(report, option->name) || (!all && !differs(report, option->name)))
            continue;
        slr_html_cell(report->page, "--%s", option->name);
        for (size_t r = 0; r < report->count; r++)
            put_value(report->page, slr_run_record_option(&report->runs[r], option->name));
    }
    slr_html_table_end(report->page);
}

void slr_report_settings_table(const slr_report *report)
{
    bool any = false;
    for (size_t i = 0; i < report->settings->list_count; i++)
        any = any || (slr_option_may_be_shown(&report->settings->list[i]) && differs(report, report->settings->list[i].name));
    slr_html_section(report->page, "Settings");
    if (report->count > 1 && any) {
        slr_html_text(report->page, "Options in which the runs differ:");
        put_options(report, false);
    } else if (report->count > 1) {
        slr_html_text(report->page, "The runs do not differ in any option.");
    }
    slr_html_fold_begin(report->page, false, "All options");
    put_options(report, true);
    slr_html_fold_end(report->page);
    slr_html_note(report->page, "Paths, names of columns and prompts are left out; base model and data are named by their SHA-256.");
}
