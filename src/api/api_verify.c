/* SPDX-License-Identifier: MIT
 * The public comparison with the reference implementation. */
#include "api/context.h"
#include "eval/case_run.h"

static selora_status check_adapter(const selora_adapter *adapter, const slr_reference_case *c, const char *case_file,
                                   slr_error *err)
{
    if (!adapter)
        return SELORA_OK;
    if (c->kind != SLR_CASE_SAMPLE)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: kind %s runs without an adapter; sample cases take one", case_file,
                        c->kind_name);
    if (slr_case_has_adapters(c))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the case has adapters of its own; another cannot join them",
                        case_file);
    if (adapter->merge_only)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: an adapter of a convolution larger than 1x1 acts in merged weights "
                        "only; verify a model that it was merged into", adapter->merge_only);
    return SELORA_OK;
}

selora_status selora_verify(selora_context *context, const selora_model *model, const selora_adapter *adapter,
                            const char *case_file, double rtol, selora_verify_report report, void *user)
{
    slr_error *err = slr_context_begin(context);
    slr_reference_case *c;
    const slr_backend *backend;
    SLR_TRY(slr_context_backend(context, context->compute, &backend, err));
    SLR_TRY(slr_reference_case_open(case_file, model ? model->model : NULL, &c, err));
    slr_case_report rows = {.c = c, .bf16 = slr_backend_is_bf16(backend), .rtol = rtol, .write = report, .user = user};
    slr_case_run run = {.c = c,
                        .model = model ? model->model : NULL,
                        .backend = backend,
                        .threads = context->threads,
                        .hooks = &context->hooks,
                        .adapters = adapter ? adapter->set : NULL,
                        .report = &rows};
    selora_status status = check_adapter(adapter, c, case_file, err);
    if (status == SELORA_OK)
        status = slr_case_run_any(&run, err);
    if (status == SELORA_OK && rows.failed)
        status = slr_fail(err, SELORA_CHECK_FAILED, "%s: differs from the reference", case_file);
    slr_reference_case_close(c);
    return status;
}
