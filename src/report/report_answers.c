/* SPDX-License-Identifier: MIT
 * What reviewers ask of a paper on adapters, each answered from the files of the run or as not recorded. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "report/report_parts.h"

enum { ANSWER = 600 };

/* Writes the answer for a run; false: the run does not tell. */
typedef bool answer_text(const slr_report *report, size_t r, char text[ANSWER]);

static bool __attribute__((format(printf, 2, 3))) say(char text[ANSWER], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, ANSWER, format, arguments);
    va_end(arguments);
    return true;
}

static const char *option_text(const slr_run_record *run, const char *name)
{
    return json_string_value(slr_run_record_option(run, name));
}

static double option_number(const slr_run_record *run, const char *name)
{
    return slr_run_record_number(slr_run_record_option(run, name));
}

static bool is_adaptive(const slr_run_record *run)
{
    const char *method = option_text(run, "method");
    return method && strcmp(method, "lora") != 0;
}

static bool time_text(const slr_report *report, size_t r, char text[ANSWER])
{
    const slr_run_figures *f = &report->figures[r];
    const slr_run_costs *c = &report->runs[r].costs;
    char a[SLR_NUMBER_TEXT], b[SLR_NUMBER_TEXT], d[SLR_NUMBER_TEXT], e[SLR_NUMBER_TEXT];
    if (!isfinite(f->median_s))
        return false;
    slr_seconds_text(c->validating + c->opening + c->saving, e);
    return say(text, "a step: median %s, 95 %% within %s; all %.0f steps %s%s%s%s", slr_seconds_text(f->median_s, a),
               slr_seconds_text(f->p95_s, b), f->steps, slr_seconds_text(f->total_s, d), c->processes ? "; opening, validating, saving " : "",
               c->processes ? e : "", c->processes > 1 ? "; resumed" : "");
}

static bool machine_text(const slr_report *report, size_t r, char text[ANSWER])
{
    const slr_run_record *run = &report->runs[r];
    const char *backend = json_string_value(slr_run_record_fact(run, "backend"));
    double threads = slr_run_record_number(slr_run_record_fact(run, "threads"));
    if (!run->costs.machine[0])
        return false;
    return say(text, "%s; backend %s, %.0f threads", run->costs.machine, backend ? backend : "not recorded", threads);
}

static bool memory_text(const slr_report *report, size_t r, char text[ANSWER])
{
    const slr_run_costs *c = &report->runs[r].costs;
    char a[SLR_NUMBER_TEXT], b[SLR_NUMBER_TEXT];
    if (!(c->peak_bytes > 0))
        return false;
    return say(text, "host: %s measured, %s planned before the start; device: none is used", slr_bytes_text(c->peak_bytes, a),
               slr_bytes_text(c->planned_bytes, b));
}

static bool work_text(const slr_report *report, size_t r, char text[ANSWER])
{
    const slr_step_costs *s = &report->runs[r].costs.steps;
    bool probed = s->probed.probe > 0;
    const slr_step_macs *m = probed ? &s->probed : &s->work.macs;
    double all = m->forward + m->recompute + m->backward + m->adapter + m->probe;
    char n[SLR_NUMBER_TEXT], parts[5][SLR_NUMBER_TEXT];
    if (!(all > 0))
        return false;
    return say(text, "%s GFLOP, counted: frozen forward %s, computed again %s, frozen backward %s, adapters %s, probe %s%s",
               slr_number_text(2e-9 * all, 4, n), slr_percent_text(m->forward / all, parts[0]),
               slr_percent_text(m->recompute / all, parts[1]), slr_percent_text(m->backward / all, parts[2]),
               slr_percent_text(m->adapter / all, parts[3]), slr_percent_text(m->probe / all, parts[4]),
               probed ? " (of a step with a probe)" : "");
}

static bool probe_text(const slr_report *report, size_t r, char text[ANSWER])
{
    const slr_run_figures *f = &report->figures[r];
    char a[SLR_NUMBER_TEXT], b[SLR_NUMBER_TEXT], c[SLR_NUMBER_TEXT];
    if (!is_adaptive(&report->runs[r]))
        return say(text, "no probe: ranks are fixed");
    if (!isfinite(f->probe_share))
        return false;
    const char *kept = f->probe_share <= 0.01 ? "within the promised 1 %" : "more than the promised 1 %";
    if (!isfinite(f->probe_step_s) || !isfinite(f->other_step_s))
        return say(text, "own timer: %s of all steps, %s", slr_percent_text(f->probe_share, a), kept);
    return say(text, "own timer, scores and growing: %s of all steps, %s; a step with candidate rows takes %s, one without %s (medians)",
               slr_percent_text(f->probe_share, a), kept, slr_seconds_text(f->probe_step_s, b), slr_seconds_text(f->other_step_s, c));
}

/* How many values an option has among the runs. */
static size_t different(const slr_report *report, const char *name)
{
    size_t count = 0;
    for (size_t r = 0; r < report->count; r++) {
        size_t earlier = 0;
        while (earlier < r && !json_equal(slr_run_record_option(&report->runs[earlier], name),
                                          slr_run_record_option(&report->runs[r], name)))
            earlier++;
        count += earlier == r;
    }
    return count;
}

static bool sensitivity_text(const slr_report *report, size_t r, char text[ANSWER])
{
    const slr_run_record *run = &report->runs[r];
    double lambda = option_number(run, "lambda"), every = option_number(run, "probe-every");
    char a[SLR_NUMBER_TEXT];
    bool swept = different(report, "lambda") > 1 || different(report, "probe-every") > 1;
    if (!is_adaptive(run))
        return say(text, "has neither \xCE\xBB nor t");
    if (!isfinite(lambda) || !isfinite(every))
        return false;
    return say(text, "\xCE\xBB %s, a probe every %.0f steps%s", slr_number_text(lambda, 3, a), every,
               swept ? "; the runs of this report differ in them: see Runs" : "; one setting: selora sweep varies it");
}

static bool ranks_text(const slr_report *report, size_t r, char text[ANSWER])
{
    const slr_run_record *run = &report->runs[r];
    int least = 1 << 30, most = 0;
    double grown = 0;
    for (size_t i = 0; i < run->layer_count; i++) {
        least = run->layers[i].rank < least ? run->layers[i].rank : least;
        most = run->layers[i].rank > most ? run->layers[i].rank : most;
    }
    for (size_t i = 0; i < run->decision_count; i++)
        grown += run->decisions[i].after > run->decisions[i].before;
    if (run->layer_count == 0)
        return false;
    return say(text, "%zu layers end at ranks %d to %d after %.0f expansions: map and trace under Ranks; table: ranks.csv",
               run->layer_count, least, most, grown);
}

static bool control_text(const slr_report *report, size_t r, char text[ANSWER])
{
    (void)r;
    for (size_t i = 0; i < report->count; i++)
        if (json_is_string(slr_run_record_fact(&report->runs[i], "rank_pattern_sha256")))
            return say(text, "%s is such a control: see Runs", report->runs[i].name);
    return false;
}

static bool matched_text(const slr_report *report, size_t r, char text[ANSWER])
{
    (void)r;
    size_t methods = different(report, "method");
    return methods > 1 ? say(text, "%zu methods in this report: see Runs", methods) : false;
}

static bool size_text(const slr_report *report, size_t r, char text[ANSWER])
{
    const slr_run_figures *f = &report->figures[r];
    const slr_run_record *run = &report->runs[r];
    char a[SLR_NUMBER_TEXT], b[SLR_NUMBER_TEXT], c[SLR_NUMBER_TEXT];
    if (!isfinite(f->parameters_end) || !(f->parameters_start >= 0) || run->adapter_bytes < 0)
        return false;
    return say(text, "%s at the start, %s at the end; adapter file %s", slr_count_text((int64_t)f->parameters_start, a),
               slr_count_text((int64_t)f->parameters_end, b), slr_bytes_text((double)run->adapter_bytes, c));
}

static bool data_text(const slr_report *report, size_t r, char text[ANSWER])
{
    const json_t *data = slr_run_record_fact(&report->runs[r], "data");
    double train = slr_run_record_number(json_object_get(data, "train"));
    double validation = slr_run_record_number(json_object_get(data, "validation"));
    double test = slr_run_record_number(json_object_get(data, "test"));
    return isfinite(train) && say(text, "%.0f pictures train, %.0f validate, %.0f are left for tests%s", train, validation, test,
                                  report->count > 1 ? "" : "; one set: the same command runs on each");
}

static bool has_key(const json_t *object, const char *part)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
        if (strstr(key, part))
            return true;
    return false;
}

static bool medical_text(const slr_report *report, size_t r, char text[ANSWER])
{
    const json_t *metrics = report->runs[r].metrics, *inner = json_object_get(metrics, "metrics");
    const json_t *all = inner ? inner : metrics;
    return (has_key(all, "clip") || has_key(all, "classifier") || has_key(all, "retrieval")) &&
           say(text, "see Judging, beside its shuffled control");
}

static bool privacy_text(const slr_report *report, size_t r, char text[ANSWER])
{
    const json_t *audit = report->runs[r].audit, *membership = json_object_get(audit, "membership");
    const json_t *ratio = json_object_get(membership, "ratio");
    double auc = slr_run_record_number(json_object_get(ratio, "auc"));
    const char *verdict = json_string_value(json_object_get(audit, "verdict"));
    char a[SLR_NUMBER_TEXT];
    if (!audit)
        return false;
    return say(text, "audited%s%s%s%s: see Judging", isfinite(auc) ? "; membership AUC " : "",
               isfinite(auc) ? slr_number_text(auc, 3, a) : "", verdict ? "; copies: " : "", verdict ? verdict : "");
}

static bool diverged_text(const slr_report *report, size_t r, char text[ANSWER])
{
    const slr_run_figures *f = &report->figures[r];
    char a[SLR_NUMBER_TEXT];
    if (!f->validated)
        return false;
    return say(text, "%s: the last validation loss is %s times its least", f->diverged ? "diverged" : "no",
               slr_number_text(f->last_loss / f->least_loss, 3, a));
}

static bool manifest_text(const slr_report *report, size_t r, char text[ANSWER])
{
    const slr_run_record *run = &report->runs[r];
    const json_t *data = slr_run_record_fact(run, "data"), *seed = slr_run_record_option(run, "seed");
    const char *version = json_string_value(slr_run_record_fact(run, "selora"));
    const char *model = json_string_value(slr_run_record_fact(run, "model_sha256"));
    const char *hash = json_string_value(json_object_get(data, "sha256")), *digits = json_string_value(seed);
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)json_integer_value(seed));
    if (!version || !model || !hash || json_is_null(seed))
        return false;
    return say(text, "seed %s, selora %s, base model sha256 %.16s, data sha256 %.16s", digits ? digits : number, version, model,
               hash);
}

static bool unknown_text(const slr_report *report, size_t r, char text[ANSWER])
{
    (void)report, (void)r, (void)text;
    return false;
}

static const struct {
    const char *question, *way; /* the way to an answer that the run has not recorded */
    answer_text *answer;
} rows[] = {
    {"Training time, per step and in total", "", time_text},
    {"On which machine", "", machine_text},
    {"Peak memory, host and device", "", memory_text},
    {"FLOPs per step, and whose", "", work_text},
    {"Cost of the Fisher probe", "", probe_text},
    {"Sensitivity to \xCE\xBB and to the interval t", "selora sweep", sensitivity_text},
    {"Rank of each layer over time", "", ranks_text},
    {"Is growing better than the same final ranks from the start?", "control: --method lora --rank-pattern, and a report of both runs",
     control_text},
    {"Other methods with as many parameters", "a report of runs with each", matched_text},
    {"Trainable parameters, adapter size", "", size_text},
    {"Size of the data; larger and other sets", "", data_text},
    {"A text-image metric that knows medicine", "selora evaluate, with its control", medical_text},
    {"Full fine-tuning, published medical models", "selora trains adapters alone", unknown_text},
    {"Privacy: copies, membership", "selora audit", privacy_text},
    {"Are failures diverged runs?", "no picture validates", diverged_text},
    {"Seeds, versions, data", "", manifest_text},
};
enum { ROWS = sizeof rows / sizeof *rows };

void slr_report_answers(const slr_report *report)
{
    char alignment[SLR_HTML_COLUMNS + 1], text[ANSWER], missing[ANSWER];
    const char *headings[SLR_HTML_COLUMNS] = {"question", "answer"};
    memset(alignment, 'l', report->count + 1);
    alignment[report->count + 1] = 0;
    for (size_t r = 0; r < report->count && report->count > 1; r++)
        headings[r + 1] = report->runs[r].name;
    slr_html_section(report->page, "What reviewers ask");
    slr_html_table_begin(report->page, alignment, headings);
    for (int i = 0; i < ROWS; i++) {
        slr_html_cell(report->page, "%s", rows[i].question);
        for (size_t r = 0; r < report->count; r++)
            if (rows[i].answer(report, r, text)) {
                slr_html_cell(report->page, "%s", text);
            } else {
                snprintf(missing, sizeof missing, rows[i].way[0] ? "not recorded (%s)" : "not recorded", rows[i].way);
                slr_html_missing(report->page, missing);
            }
    }
    slr_html_table_end(report->page);
}
