/* SPDX-License-Identifier: MIT */
#include "report/utility_file.h"

#include <math.h>
#include <stdlib.h>

#include "io/json.h"
#include "report/html.h"
#include "report/plot.h"

static json_t *arm_json(const slr_utility *u, const slr_utility_facts *f, const slr_utility_arm *arm)
{
    json_t *object = json_object(), *labels = json_object(), *subgroups = json_object();
    slr_json_put_count(object, "real", arm->real);
    slr_json_put_count(object, "synthetic", arm->synthetic);
    slr_json_put_number(object, "auc", arm->mean);
    slr_json_put_number(object, "sd_over_seeds", arm->sd);
    for (size_t l = 0; l < u->label_count; l++)
        slr_json_put_number(labels, f->labels[l], arm->label_mean[l]);
    json_object_set_new(object, "auc_by_label", labels);
    slr_json_put_number(object, "difference", arm->difference);
    slr_json_put_number(object, "difference_low", arm->low);
    slr_json_put_number(object, "difference_high", arm->high);
    slr_json_put_number(object, "balanced_accuracy", arm->balanced_accuracy);
    slr_json_put_number(object, "brier", arm->brier);
    for (size_t g = 0; g < u->subgroup_count; g++)
        slr_json_put_number(subgroups, f->subgroups[g], arm->subgroup[g]);
    json_object_set_new(object, "auc_by_subgroup", subgroups);
    return object;
}

selora_status slr_utility_file_save(const slr_utility *u, const slr_utility_facts *f, const char *path,
                                    slr_error *err)
{
    json_t *root = json_object(), *arms = json_object(), *consistency = json_object(),
           *patients = json_object();
    json_object_set_new(root, "format", json_string("selora-utility/1"));
    json_object_set_new(root, "selora", json_string(SELORA_VERSION));
    json_object_set_new(root, "extractor", json_string(f->extractor));
    json_object_set_new(root, "weights_sha256", json_string(f->weights_sha256));
    json_object_set_new(root, "preproc", json_string(f->preproc));
    slr_json_put_count(root, "dim", f->dim);
    slr_json_put_count(root, "train", f->train);
    slr_json_put_count(root, "validation", f->validation);
    slr_json_put_count(root, "test", f->test);
    slr_json_put_count(root, "test_patients", f->test_patients);
    slr_json_put_count(root, "synthetic", f->synthetic);
    slr_json_put_count(root, "seeds", u->seed_count);
    for (size_t a = 0; a < u->arm_count; a++)
        json_object_set_new(arms, u->arms[a].name, arm_json(u, f, &u->arms[a]));
    json_object_set_new(root, "arms", arms);
    for (size_t l = 0; l < u->label_count && f->synthetic > 0; l++) {
        json_t *entry = json_object();
        slr_json_put_number(entry, "auc", u->consistency[l].auc);
        slr_json_put_number(entry, "low", u->consistency[l].low);
        slr_json_put_number(entry, "high", u->consistency[l].high);
        json_object_set_new(consistency, f->labels[l], entry);
    }
    json_object_set_new(root, "classifier_consistency", consistency);
    for (size_t g = 0; g < u->subgroup_count; g++)
        slr_json_put_count(patients, f->subgroups[g], u->subgroup_patients[g]);
    json_object_set_new(root, "subgroup_patients", patients);
    slr_json_put_count(root, "skipped_shares", u->skipped_shares);
    selora_status status = slr_json_save_file(root, path, err);
    json_decref(root);
    return status;
}

/* ---- words ---- */

static const char *verdict(const slr_utility_arm *arm)
{
    if (arm->difference == 0 && arm->low == 0 && arm->high == 0)
        return "";
    return arm->low > 0 ? "better than R" : arm->high < 0 ? "worse than R" : "not distinguishable";
}

char *slr_utility_table(const slr_utility *u, const slr_utility_facts *f)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fprintf(out,
            "logistic regression on %s%s%.16s (%zu features), %zu seeds | %zu test pictures, %zu patients | "
            "%zu synthetic\n",
            f->extractor, f->weights_sha256[0] ? " " : "", f->weights_sha256, f->dim, u->seed_count, f->test,
            f->test_patients, f->synthetic);
    fprintf(out, "%-12s %11s  %-15s  %-26s %9s %7s\n", "arm", "real+synth", "AUC +- sd", "to R (95 %)",
            "balanced", "Brier");
    for (size_t a = 0; a < u->arm_count; a++) {
        const slr_utility_arm *arm = &u->arms[a];
        fprintf(out, "%-12s %5zu+%-5zu  %.3f +- %.3f  %+.3f (%+.3f..%+.3f)  %9.3f %7.3f  %s\n", arm->name,
                arm->real, arm->synthetic, arm->mean, isnan(arm->sd) ? 0 : arm->sd, arm->difference, arm->low,
                arm->high, arm->balanced_accuracy, arm->brier, verdict(arm));
    }
    for (size_t l = 0; l < u->label_count; l++) {
        fprintf(out, "label %s: ", f->labels[l]);
        for (size_t a = 0; a < u->arm_count; a++)
            fprintf(out, "%s %.3f  ", u->arms[a].name, u->arms[a].label_mean[l]);
        if (f->synthetic > 0 && isfinite(u->consistency[l].auc))
            fprintf(out, "| classifier consistency %.3f (%.3f..%.3f)", u->consistency[l].auc,
                    u->consistency[l].low, u->consistency[l].high);
        fputc('\n', out);
    }
    for (size_t g = 0; g < u->subgroup_count; g++) {
        fprintf(out, "%s, %zu patients: ", f->subgroups[g], u->subgroup_patients[g]);
        for (size_t a = 0; a < u->arm_count && u->subgroup_patients[g] >= SLR_UTILITY_FEWEST; a++)
            fprintf(out, "%s %.3f  ", u->arms[a].name, u->arms[a].subgroup[g]);
        fputs(u->subgroup_patients[g] < SLR_UTILITY_FEWEST ? "too few to say\n" : "\n", out);
    }
    if (u->skipped_shares > 0)
        fprintf(out, "%zu shares were left out: there are too few synthetic pictures for them\n",
                u->skipped_shares);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* ---- the page ---- */

static void arms_table(slr_html *page, const slr_utility *u)
{
    slr_html_table_begin(page, "lrrrlrr",
                         (const char *[]){"arm", "real", "synthetic", "AUC, mean +- sd",
                                          "difference to R, 95 %", "balanced accuracy", "Brier"});
    for (size_t a = 0; a < u->arm_count; a++) {
        const slr_utility_arm *arm = &u->arms[a];
        slr_html_cell(page, "%s", arm->name);
        slr_html_cell(page, "%zu", arm->real);
        slr_html_cell(page, "%zu", arm->synthetic);
        slr_html_cell(page, "%.3f +- %.3f", arm->mean, isnan(arm->sd) ? 0 : arm->sd);
        slr_html_cell(page, "%+.3f (%+.3f to %+.3f) %s", arm->difference, arm->low, arm->high, verdict(arm));
        if (isfinite(arm->balanced_accuracy))
            slr_html_cell(page, "%.3f", arm->balanced_accuracy);
        else
            slr_html_missing(page, "no validation part");
        slr_html_cell(page, "%.3f", arm->brier);
    }
    slr_html_table_end(page);
}

static void arms_figure(slr_html *page, const slr_utility *u)
{
    slr_plot_bar bars[SLR_UTILITY_ARMS];
    char texts[SLR_UTILITY_ARMS][32];
    for (size_t a = 0; a < u->arm_count; a++) {
        snprintf(texts[a], sizeof texts[a], "%.3f", u->arms[a].mean);
        bars[a] = (slr_plot_bar){u->arms[a].name, texts[a], u->arms[a].mean, 0};
    }
    slr_html_figures_begin(page, 1);
    slr_html_figure_begin(page);
    slr_plot_bars(slr_html_stream(page),
                  &(slr_bar_plot){.title = "AUC on real test pictures", .bars = bars, .count = u->arm_count});
    slr_html_figure_end(page, "R: real pictures; S: synthetic ones; 0.5 is a guess.");
    slr_html_figures_end(page);
}

static void consistency_table(slr_html *page, const slr_utility *u, const slr_utility_facts *f)
{
    slr_html_section(page, "Do synthetic pictures show what their prompt says?");
    slr_html_text(page,
                  "A classifier trained on real pictures looks for the prompted finding in synthetic ones.");
    slr_html_table_begin(page, "lrl", (const char *[]){"label", "AUC", "95 % interval"});
    for (size_t l = 0; l < u->label_count; l++) {
        slr_html_cell(page, "%s", f->labels[l]);
        if (isfinite(u->consistency[l].auc))
            slr_html_cell(page, "%.3f", u->consistency[l].auc);
        else
            slr_html_missing(page, "one class only");
        slr_html_cell(page, "%.3f to %.3f", u->consistency[l].low, u->consistency[l].high);
    }
    slr_html_table_end(page);
}

selora_status slr_utility_page_save(const slr_utility *u, const slr_utility_facts *f, const char *path,
                                    slr_error *err)
{
    slr_html *page;
    SLR_TRY(slr_html_new("selora utility", "What are synthetic pictures worth?", &page, err));
    slr_html_lead(
        page,
        "Logistic regression on %zu features of %s %s; %zu seeds; %zu real test pictures of %zu patients.",
        f->dim, f->extractor, f->weights_sha256, u->seed_count, f->test, f->test_patients);
    slr_html_section(page, "Arms");
    arms_figure(page, u);
    arms_table(page, u);
    slr_html_note(page, "Differences: the same resampled test patients in both arms, 2,000 times.");
    if (f->synthetic > 0)
        consistency_table(page, u, f);
    return slr_html_save(page, path, err);
}
