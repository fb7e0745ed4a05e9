/* SPDX-License-Identifier: MIT
 * selora_audit(): a finished run, opened again and tested. */
#include <stdlib.h>
#include <string.h>

#include "adapters/adapter_file.h"
#include "api/adapter_argument.h"
#include "api/audit_run.h"
#include "core/memory.h"
#include "io/atomic_file.h"
#include "io/json.h"
#include "report/audit_file.h"
#include "report/audit_page.h"

enum { MAX_JSON = 1 << 20 };

/* ---- opening ---- */

static selora_status read_training(slr_audit_run *run, slr_error *err)
{
    size_t count;
    const selora_option *list = selora_train_option_list(&count);
    const selora_audit_options *o = run->options;
    char *path = slr_format("%s/run.json", o->run);
    if (!path)
        return slr_fail_memory(err, 0, "a path");
    run->training = selora_train_defaults();
    selora_status status = selora_options_load(run->context, list, count, &run->training, path);
    free(path);
    if (o->data)
        run->training.data = o->data;
    if (o->model)
        run->training.model = o->model;
    run->training.out = o->run;
    return status;
}

/* The job's model and data against what run.json says of them. */
static selora_status check_facts(slr_audit_run *run, slr_error *err)
{
    json_t *root = NULL;
    const char *model, *data;
    char *path = slr_format("%s/run.json", run->options->run);
    selora_status status =
        path ? slr_json_load_file(path, MAX_JSON, &root, err) : slr_fail_memory(err, 0, "a path");
    if (status == SELORA_OK)
        status = slr_json_string_required(root, path, "model_sha256", &model, err);
    if (status == SELORA_OK)
        status = slr_json_string_required(json_object_get(root, "data"), path, "sha256", &data, err);
    if (status == SELORA_OK && strcmp(model, run->job.facts.model_sha256) != 0)
        status = slr_fail(err, SELORA_BAD_INPUT,
                          "%s: its weights are not those that the run was trained on (by the SHA-256 in "
                          "%s); name them with --model",
                          run->training.model, path);
    if (status == SELORA_OK && strcmp(data, run->job.facts.data_sha256) != 0)
        status = slr_fail(err, SELORA_BAD_INPUT,
                          "%s: pictures, captions or groups are not those that the run was trained on (by "
                          "the SHA-256 in %s); name them with --data",
                          run->training.data, path);
    json_decref(root);
    free(path);
    return status;
}

static selora_status open_adapter(slr_audit_run *run, slr_error *err)
{
    char *own = slr_format("%s/adapter.safetensors", run->options->run);
    const char *path = run->options->adapter ? run->options->adapter : own;
    selora_status status =
        own ? slr_adapter_open(path, run->job.model, 1, true, &run->context->hooks, &run->set, err)
            : slr_fail_memory(err, 0, "a path");
    for (int i = 0; status == SELORA_OK && i < slr_adapter_set_count(run->set); i++)
        if (slr_adapter_set_at(run->set, i)->kernel > 1)
            status = slr_fail(err, SELORA_BAD_INPUT,
                              "%s: %s is a convolution, which no audit can take away again; such adapters "
                              "are not audited",
                              path, slr_adapter_set_at(run->set, i)->path);
    if (status == SELORA_OK)
        status = slr_sha256_file(path, run->result->adapter_sha256, err);
    free(own);
    return status;
}

static selora_status open_places(slr_audit_run *run, slr_error *err)
{
    const char *run_folder = run->options->run;
    run->cache = slr_format("%s/cache", run_folder);
    run->out = slr_copy_text(run->options->out ? run->options->out : run_folder);
    run->folder = slr_format("%s/audit", run->out ? run->out : "");
    if (!run->cache || !run->out || !run->folder)
        return slr_fail_memory(err, 0, "a path");
    return slr_make_folders(run->folder, 0755, err);
}

static selora_status open_run(slr_audit_run *run, slr_error *err)
{
    slr_audit_result *r = run->result;
    SLR_TRY(read_training(run, err));
    SLR_TRY(slr_train_job_open_inputs(&run->job, run->context, &run->training, err));
    SLR_TRY(slr_model_hash(run->job.model, run->job.facts.model_sha256, err));
    SLR_TRY(check_facts(run, err));
    SLR_TRY(open_adapter(run, err));
    SLR_TRY(open_places(run, err));
    r->kind = "full";
    r->train = run->job.split.train_count;
    r->held_out = run->job.split.validation_count + run->job.split.test_count;
    r->patients_known = slr_audit_patients_known(&run->job);
    memcpy(r->model_sha256, run->job.facts.model_sha256, sizeof r->model_sha256);
    memcpy(r->data_sha256, run->job.facts.data_sha256, sizeof r->data_sha256);
    if (!r->patients_known)
        slr_warn(&run->context->hooks,
                 "patients are not known: held-out pictures may be of patients who train, which hides leaks");
    return SELORA_OK;
}

static void close_run(slr_audit_run *run)
{
    slr_adapter_set_free(run->set);
    slr_train_job_close(&run->job);
    slr_audit_result_free(run->result);
    free(run->result);
    free(run->cache);
    free(run->out);
    free(run->folder);
}

/* ---- closing ---- */

static selora_status save(const slr_audit_run *run, char **table, slr_error *err)
{
    char *json = slr_format("%s/audit.json", run->out), *html = slr_format("%s/audit.html", run->out);
    selora_status status =
        json && html ? slr_audit_file_save(run->result, json, err) : slr_fail_memory(err, 0, "a path");
    if (status == SELORA_OK)
        status = slr_audit_page_save(run->result, html, err);
    if (status == SELORA_OK && !(*table = slr_audit_table(run->result)))
        status = slr_fail_memory(err, 0, "the table");
    if (status == SELORA_OK)
        slr_note(&run->context->hooks, "audit.json and audit.html are in %s", run->out);
    if (status == SELORA_OK && run->result->space_count > 0)
        slr_note(&run->context->hooks, "%s/nearest-pairs-SHOWS-PATIENTS.png shows the nearest pairs",
                 run->folder);
    free(json);
    free(html);
    return status;
}

static selora_status check_options(const selora_audit_options *o, slr_error *err)
{
    size_t count;
    const selora_option *list = selora_audit_option_list(&count);
    const selora_audit_options defaults = selora_audit_defaults();
    if (!o->run)
        return slr_fail(err, SELORA_USAGE, "audit: expected the folder of a run");
    return slr_options_check_ranges(list, count, o, &defaults, err);
}

selora_status selora_audit(selora_context *context, const selora_audit_options *options, char **table)
{
    slr_error *err = slr_context_begin(context);
    slr_audit_run run = {.context = context, .options = options, .result = slr_alloc(1, sizeof *run.result)};
    *table = NULL;
    selora_status status =
        run.result ? check_options(options, err) : slr_fail_memory(err, sizeof *run.result, "the audit");
    if (status == SELORA_OK)
        status = open_run(&run, err);
    if (status == SELORA_OK)
        status = slr_audit_run_membership(&run, err);
    if (status == SELORA_OK)
        status = slr_audit_run_copies(&run, err);
    if (status == SELORA_OK)
        status = slr_audit_run_own_prompts(&run, err);
    if (status == SELORA_OK)
        status = save(&run, table, err);
    if (status == SELORA_OK && options->fail_on_copies && slr_audit_verdict(run.result) == SLR_COPYING_CLEAR)
        status = slr_fail(err, SELORA_CHECK_FAILED, "there are clear signs of copying");
    if (run.result)
        close_run(&run);
    return status;
}
