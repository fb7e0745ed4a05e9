/* SPDX-License-Identifier: MIT
 * The public comparison with the reference implementation. */
#include "api/context.h"
#include "eval/case_run.h"

selora_status selora_verify(selora_context *context, const selora_model *model,
                            const char *case_file, double rtol, selora_verify_report report,
                            void *user)
{
    slr_error *err = slr_context_begin(context);
    slr_reference_case *c;
    const slr_backend *backend;
    SLR_TRY(slr_context_backend(context, context->compute, &backend, err));
    SLR_TRY(slr_reference_case_open(case_file, model->model, &c, err));
    slr_case_report rows = {.c = c, .bf16 = slr_backend_is_bf16(backend), .rtol = rtol, .write = report, .user = user};
    slr_case_run run = {.c = c,
                        .model = model->model,
                        .backend = backend,
                        .threads = context->threads,
                        .hooks = &context->hooks,
                        .report = &rows};
    selora_status status = slr_case_run_any(&run, err);
    if (status == SELORA_OK && rows.failed)
        status = slr_fail(err, SELORA_CHECK_FAILED, "%s: differs from the reference", case_file);
    slr_reference_case_close(c);
    return status;
}
