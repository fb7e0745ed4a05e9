/* SPDX-License-Identifier: MIT */
#include "report/audit_file.h"

#include <math.h>
#include <stdlib.h>

#include "io/json.h"

static const char format_name[] = "selora-audit/1";
static const char *const repeat_names[SLR_AUDIT_REPEATS] = {"1", "2-3", "4-9", "10+"};

/* ---- JSON ---- */

static json_t *roc_json(const slr_roc *roc)
{
    json_t *object = json_object();
    slr_json_put_number(object, "auc", roc->auc);
    slr_json_put_number(object, "se", roc->se);
    slr_json_put_number(object, "low", roc->low);
    slr_json_put_number(object, "high", roc->high);
    return object;
}

static json_t *attack_json(const slr_attack *attack)
{
    json_t *object = roc_json(&attack->roc);
    slr_json_put_number(object, "tpr_at_1_percent", attack->tpr_1);
    slr_json_put_number(object, "tpr_at_10_percent", attack->tpr_10);
    return object;
}

static json_t *membership_json(const slr_membership *m)
{
    json_t *object = json_object();
    slr_json_put_count(object, "members", m->members);
    slr_json_put_count(object, "others", m->others);
    json_object_set_new(object, "loss", attack_json(&m->loss));
    json_object_set_new(object, "ratio", attack_json(&m->ratio));
    json_object_set_new(object, "control", attack_json(&m->control));
    slr_json_put_number(object, "gap", m->gap);
    slr_json_put_number(object, "base_gap", m->base_gap);
    json_object_set_new(object, "control_holds", json_boolean(m->control_holds));
    slr_json_put_text(object, "text", slr_membership_text(m));
    return object;
}

/* The pictures that stand out most from their neighbourhood. */
static json_t *lowest_json(const slr_memorisation *m)
{
    enum { LOWEST = 16 };
    json_t *list = json_array();
    double last = -INFINITY;
    for (int n = 0; n < LOWEST; n++) {
        const slr_neighbour *found = NULL;
        for (size_t i = 0; i < m->synthetic; i++)
            if (m->nearest[i].local_ratio > last &&
                (!found || m->nearest[i].local_ratio < found->local_ratio))
                found = &m->nearest[i];
        if (!found)
            break;
        json_t *entry = json_object();
        slr_json_put_count(entry, "synthetic", (size_t)(found - m->nearest) + 1);
        slr_json_put_count(entry, "training", (size_t)found->index + 1);
        slr_json_put_number(entry, "distance", found->distance);
        slr_json_put_number(entry, "local_ratio", found->local_ratio);
        json_array_append_new(list, entry);
        last = found->local_ratio;
    }
    return list;
}

static json_t *space_json(const slr_audit_space *space)
{
    const slr_memorisation *m = &space->copies;
    json_t *object = json_object(), *interval = json_array(), *repeats = json_object();
    slr_json_put_count(object, "train", m->train);
    slr_json_put_count(object, "held_out", m->held_out);
    slr_json_put_count(object, "synthetic", m->synthetic);
    slr_json_put_number(object, "tau", m->tau);
    slr_json_put_count(object, "copies", m->copies);
    slr_json_put_number(object, "copy_rate", m->copy_rate);
    slr_json_put_number(object, "expected_rate", slr_innocent_rate);
    json_array_append_new(interval, slr_json_number(m->copy_interval.low));
    json_array_append_new(interval, slr_json_number(m->copy_interval.high));
    json_object_set_new(object, "copy_interval", interval);
    slr_json_put_number(object, "binomial_tail", m->tail);
    slr_json_put_number(object, "median_ratio", m->median_ratio);
    slr_json_put_number(object, "c_t_z", m->z);
    slr_json_put_number(object, "authenticity", m->authenticity);
    slr_json_put_count(object, "near_copies", m->near_copies);
    slr_json_put_number(object, "memorised_share", m->held_out ? (double)m->memorised_count / (double)m->train : NAN);
    for (int r = 0; r < SLR_AUDIT_REPEATS; r++)
        if (space->repeated[r] > 0)
            json_object_set_new(repeats, repeat_names[r],
                                json_pack("{sIsI}", "pictures", (json_int_t)space->repeated[r], "memorised",
                                          (json_int_t)space->memorised[r]));
    json_object_set_new(object, "by_repeats_of_prompt", repeats);
    json_object_set_new(object, "lowest_local_ratios", lowest_json(m));
    slr_json_put_text(object, "verdict", slr_copying_text(m->verdict));
    return object;
}

static json_t *own_json(const slr_own_prompts *own)
{
    json_t *object = json_object();
    slr_json_put_count(object, "prompts", own->prompts);
    slr_json_put_count(object, "held_out_prompts", own->others);
    slr_json_put_count(object, "seeds", own->seeds);
    slr_json_put_number(object, "least", own->least);
    slr_json_put_number(object, "mean", own->mean);
    slr_json_put_number(object, "held_out_least", own->other_least);
    slr_json_put_number(object, "held_out_mean", own->other_mean);
    json_object_set_new(object, "nearer_than_held_out", roc_json(&own->roc));
    return object;
}

static json_t *steps_json(const slr_audit_result *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->step_count; i++) {
        json_t *entry = json_object();
        json_object_set_new(entry, "step", json_integer(r->steps[i].step));
        json_object_set_new(entry, "loss", roc_json(&r->steps[i].membership.loss.roc));
        json_object_set_new(entry, "ratio", roc_json(&r->steps[i].membership.ratio.roc));
        json_array_append_new(list, entry);
    }
    return list;
}

static json_t *result_json(const slr_audit_result *r)
{
    json_t *root = json_object(), *data = json_object(), *copies = json_object(), *own = json_object();
    slr_json_put_text(root, "format", format_name);
    slr_json_put_text(root, "selora", SELORA_VERSION);
    slr_json_put_text(root, "kind", r->kind);
    if (r->step > 0)
        slr_json_put_count(root, "step", (size_t)r->step);
    slr_json_put_text(root, "adapter_sha256", r->adapter_sha256);
    slr_json_put_text(root, "model_sha256", r->model_sha256);
    slr_json_put_text(data, "sha256", r->data_sha256);
    slr_json_put_count(data, "train", r->train);
    slr_json_put_count(data, "held_out", r->held_out);
    json_object_set_new(data, "patients_known", json_boolean(r->patients_known));
    json_object_set_new(root, "data", data);
    if (r->has_membership) {
        json_t *membership = membership_json(&r->membership);
        slr_json_put_count(membership, "timesteps", SLR_MEMBERSHIP_TIMESTEPS);
        slr_json_put_count(membership, "seeds", (size_t)r->seeds);
        json_object_set_new(root, "membership", membership);
    }
    if (r->step_count > 0)
        json_object_set_new(root, "membership_by_step", steps_json(r));
    for (size_t i = 0; i < r->space_count; i++)
        json_object_set_new(copies, r->spaces[i].name, space_json(&r->spaces[i]));
    if (r->space_count > 0) {
        json_object_set_new(root, "copies", copies);
        slr_json_put_text(root, "verdict", slr_copying_text(slr_audit_verdict(r)));
    } else
        json_decref(copies);
    for (size_t i = 0; i < r->own_count; i++)
        json_object_set_new(own, r->own[i].space, own_json(&r->own[i]));
    if (r->own_count > 0)
        json_object_set_new(root, "own_prompts", own);
    else
        json_decref(own);
    return root;
}

selora_status slr_audit_file_save(const slr_audit_result *result, const char *path, slr_error *err)
{
    json_t *root = result_json(result);
    selora_status status = slr_json_save_file(root, path, err);
    json_decref(root);
    return status;
}

/* ---- the table ---- */

static void print_attack(FILE *out, const char *name, const slr_attack *a)
{
    fprintf(out, "  %-28s %6.3f  %.3f..%.3f   ", name, a->roc.auc, a->roc.low, a->roc.high);
    if (isnan(a->tpr_10))
        fprintf(out, "needs 10 others    ");
    else
        fprintf(out, "%5.1f %%  ", 100 * a->tpr_10);
    if (isnan(a->tpr_1))
        fprintf(out, "needs 100 others\n");
    else
        fprintf(out, "%5.1f %%\n", 100 * a->tpr_1);
}

static void print_membership(FILE *out, const slr_audit_result *r)
{
    const slr_membership *m = &r->membership;
    fprintf(out, "membership: %zu members, %zu others%s\n", m->members, m->others,
            r->patients_known ? "" : " (of which patients is not known)");
    fprintf(out, "  %-28s %6s  %-12s   %-8s %s\n", "score", "AUC", "95 %", "at 10 %", "at 1 % false alarms");
    print_attack(out, "loss", &m->loss);
    print_attack(out, "gain over the base model", &m->ratio);
    print_attack(out, "base model alone (control)", &m->control);
    fprintf(out, "  loss of others less that of members: %.5f (base model %.5f)\n", m->gap, m->base_gap);
    for (size_t i = 0; i < r->step_count; i++)
        fprintf(out, "  step %-8lld AUC %.3f (%.3f..%.3f)\n", (long long)r->steps[i].step,
                r->steps[i].membership.ratio.roc.auc, r->steps[i].membership.ratio.roc.low,
                r->steps[i].membership.ratio.roc.high);
    fprintf(out, "  %s\n", slr_membership_text(m));
}

static void print_space(FILE *out, const slr_audit_space *space)
{
    const slr_memorisation *m = &space->copies;
    if (m->held_out == 0) {
        fprintf(out, "  %-20s no held-out pictures: distances only\n", space->name);
        return;
    }
    fprintf(out, "  %-20s %5.1f %% (%.1f..%.1f)  p %-8.2g  %6.2f  %6.2f  %6.1f %%  %6.1f %%   %s\n",
            space->name, 100 * m->copy_rate, 100 * m->copy_interval.low, 100 * m->copy_interval.high, m->tail,
            m->median_ratio, m->z, 100 * m->authenticity, 100 * (double)m->memorised_count / (double)m->train,
            slr_copying_text(m->verdict));
    if (m->near_copies > 0)
        fprintf(out,
                "  %-20s %zu pictures lie four times nearer to a training picture than any held-out one\n",
                "", m->near_copies);
}

static void print_copies(FILE *out, const slr_audit_result *r)
{
    fprintf(out,
            "copies: %zu synthetic, %zu training, %zu held-out pictures; 5 %% are expected of innocents\n",
            r->synthetic, r->train, r->held_out);
    fprintf(out, "  %-20s %-20s  %-10s  %6s  %6s  %8s  %8s\n", "distance", "copies (95 %)", "binomial",
            "ratio", "C_T", "authentic", "memorised");
    for (size_t i = 0; i < r->space_count; i++)
        print_space(out, &r->spaces[i]);
    fprintf(out, "  ratio: of median distances, 1 is healthy; C_T above 3 means nearer to training than "
                 "held-out pictures\n");
}

static void print_own(FILE *out, const slr_own_prompts *own)
{
    fprintf(out,
            "own prompts, %s: %zu prompts x %zu seeds, nearest %.4f, mean %.4f; held-out prompts %.4f, %.4f; "
            "AUC %.3f\n",
            own->space, own->prompts, own->seeds, own->least, own->mean, own->other_least, own->other_mean,
            own->roc.auc);
}

char *slr_audit_table(const slr_audit_result *r)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    if (r->has_membership)
        print_membership(out, r);
    if (r->space_count > 0)
        print_copies(out, r);
    for (size_t i = 0; i < r->own_count; i++)
        print_own(out, &r->own[i]);
    if (r->space_count > 0)
        fprintf(out, "verdict: %s\n", slr_copying_text(slr_audit_verdict(r)));
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}
