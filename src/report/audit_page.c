/* SPDX-License-Identifier: MIT */
#include "report/audit_page.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "report/html.h"
#include "report/plot.h"

/* A cell with so many decimals, or that the number is not there. */
static void number(slr_html *page, double value, int decimals, const char *missing)
{
    if (isfinite(value))
        slr_html_cell(page, "%.*f", decimals, value);
    else
        slr_html_missing(page, missing);
}

static void attack_row(slr_html *page, const char *name, const slr_attack *a)
{
    slr_html_cell(page, "%s", name);
    number(page, a->roc.auc, 3, "none");
    slr_html_cell(page, "%.3f to %.3f", a->roc.low, a->roc.high);
    number(page, 100 * a->tpr_10, 1, "needs 10 others");
    number(page, 100 * a->tpr_1, 1, "needs 100 others");
}

static void by_step(slr_html *page, const slr_audit_result *r)
{
    double steps[SLR_AUDIT_STEPS], ratio[SLR_AUDIT_STEPS], loss[SLR_AUDIT_STEPS];
    for (size_t i = 0; i < r->step_count; i++) {
        steps[i] = (double)r->steps[i].step;
        ratio[i] = r->steps[i].membership.ratio.roc.auc;
        loss[i] = r->steps[i].membership.loss.roc.auc;
    }
    slr_plot_series series[] = {
        {.name = "gain over the base model", .x = steps, .y = ratio, .count = r->step_count, .dots = true},
        {.name = "loss", .x = steps, .y = loss, .count = r->step_count, .colour = 1, .dots = true},
    };
    slr_html_figures_begin(page, 1);
    slr_html_figure_begin(page);
    slr_plot_lines(slr_html_stream(page), &(slr_line_plot){.title = "Membership by checkpoint",
                                                           .x_label = "step",
                                                           .y_label = "AUC",
                                                           .series = series,
                                                           .count = 2});
    slr_html_figure_end(page,
                        "0.5 is chance. Where the curve leaves it, the adapter begins to know its pictures.");
    slr_html_figures_end(page);
}

static void membership_section(slr_html *page, const slr_audit_result *r)
{
    const slr_membership *m = &r->membership;
    slr_html_section(page, "Membership");
    slr_html_text(
        page,
        "%zu training and %zu held-out pictures, each looked at with %d timesteps and %d seeds of noise by "
        "the "
        "adapted and by the base model. An AUC of 0.5 is a guess; at 1 every training picture is found.",
        m->members, m->others, SLR_MEMBERSHIP_TIMESTEPS, r->seeds);
    slr_html_table_begin(page, "lrlrr",
                         (const char *[]){"score", "AUC", "95 % interval", "% found at 10 % false alarms",
                                          "at 1 %"});
    attack_row(page, "loss of the adapted model", &m->loss);
    attack_row(page, "gain over the base model", &m->ratio);
    attack_row(page, "base model alone (control)", &m->control);
    slr_html_table_end(page);
    slr_html_note(page,
                  "The control must hold 0.5: otherwise the groups differ for other reasons than training.%s",
                  r->patients_known
                      ? ""
                      : " Patients of this data set are not known: pictures of one may be in both groups.");
    if (m->control_holds)
        slr_html_text(page, "%s.", slr_membership_text(m));
    else
        slr_html_warning(page, "%s.", slr_membership_text(m));
    if (r->step_count > 1)
        by_step(page, r);
}

static void copies_table(slr_html *page, const slr_audit_result *r)
{
    slr_html_table_begin(page, "lrlrrrrrl",
                         (const char *[]){"distance", "copies, %", "95 % interval", "binomial p",
                                          "median ratio", "C_T (z)", "authentic, %", "memorised, %",
                                          "verdict"});
    for (size_t i = 0; i < r->space_count; i++) {
        const slr_memorisation *m = &r->spaces[i].copies;
        slr_html_cell(page, "%s", r->spaces[i].name);
        number(page, 100 * m->copy_rate, 1, "nothing held out");
        slr_html_cell(page, "%.1f to %.1f", 100 * m->copy_interval.low, 100 * m->copy_interval.high);
        slr_html_cell(page, "%.2g", m->tail);
        number(page, m->median_ratio, 2, "none");
        number(page, m->z, 2, "none");
        number(page, 100 * m->authenticity, 1, "none");
        number(page, 100 * (double)m->memorised_count / (double)m->train, 1, "none");
        slr_html_cell(page, "%s", slr_copying_text(m->verdict));
    }
    slr_html_table_end(page);
}

static void distances(slr_html *page, const slr_audit_space *space)
{
    const slr_memorisation *m = &space->copies;
    double *values = slr_alloc(m->synthetic, sizeof *values);
    char title[96];
    for (size_t i = 0; values && i < m->synthetic; i++)
        values[i] = m->nearest[i].distance;
    snprintf(title, sizeof title, "Distance to the nearest training picture: %s", space->name);
    if (values) {
        slr_html_figure_begin(page);
        slr_plot_histograms(slr_html_stream(page),
                            &(slr_histogram_plot){.title = title,
                                                  .x_label = space->name,
                                                  .names = {"held-out", "synthetic"},
                                                  .values = {m->calibration, values},
                                                  .counts = {m->held_out, m->synthetic},
                                                  .marks = &m->tau,
                                                  .mark_names = (const char *const[]){"5 %"},
                                                  .mark_count = m->held_out > 0});
        slr_html_figure_end(
            page, "Left of the mark lie 5 %% of held-out pictures, and every synthetic one counts as a copy.");
    }
    free(values);
}

static void copies_section(slr_html *page, const slr_audit_result *r)
{
    slr_html_section(page, "Copies");
    slr_html_text(
        page,
        "%zu synthetic pictures against %zu training pictures; %zu held-out ones show how near an innocent "
        "picture comes. 5 %% of innocents count as copies.",
        r->synthetic, r->train, r->held_out);
    copies_table(page, r);
    slr_html_note(
        page, "C_T: synthetic pictures nearer than held-out ones give a positive z, above 3 it is copying. "
              "Median ratio: 1 is healthy, well below is copying.");
    slr_html_figures_begin(page, 2);
    for (size_t i = 0; i < r->space_count; i++)
        distances(page, &r->spaces[i]);
    slr_html_figures_end(page);
}

static void own_section(slr_html *page, const slr_audit_result *r)
{
    slr_html_section(page, "Own prompts");
    slr_html_text(
        page,
        "%zu training prompts and as many held-out ones, %zu pictures each, compared with the prompt's own "
        "picture.",
        r->own[0].prompts, r->own[0].seeds);
    slr_html_table_begin(page, "lrrrrl",
                         (const char *[]){"distance", "training: nearest", "mean", "held-out: nearest",
                                          "mean", "AUC (95 %)"});
    for (size_t i = 0; i < r->own_count; i++) {
        const slr_own_prompts *o = &r->own[i];
        slr_html_cell(page, "%s", o->space);
        slr_html_cell(page, "%.4f", o->least);
        slr_html_cell(page, "%.4f", o->mean);
        slr_html_cell(page, "%.4f", o->other_least);
        slr_html_cell(page, "%.4f", o->other_mean);
        slr_html_cell(page, "%.3f (%.3f to %.3f)", o->roc.auc, o->roc.low, o->roc.high);
    }
    slr_html_table_end(page);
}

selora_status slr_audit_page_save(const slr_audit_result *r, const char *path, slr_error *err)
{
    slr_html *page;
    SLR_TRY(slr_html_new("selora audit", "Does the adapter give its training pictures away?", &page, err));
    if (r->space_count > 0)
        slr_html_lead(page, "Copies: %s.", slr_copying_text(slr_audit_verdict(r)));
    if (r->has_membership)
        membership_section(page, r);
    if (r->space_count > 0)
        copies_section(page, r);
    if (r->own_count > 0)
        own_section(page, r);
    return slr_html_save(page, path, err);
}
