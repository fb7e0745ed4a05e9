/* SPDX-License-Identifier: MIT */
#include "eval/case_run.h"

#include "core/free_memory.h"

static selora_status (*const runs[SLR_CASE_KINDS])(const slr_case_run *run, slr_error *err) = {
    [SLR_CASE_TOKENIZER] = slr_case_run_tokenizer,
    [SLR_CASE_TEXT_ENCODER] = slr_case_run_text_encoder,
    [SLR_CASE_UNET] = slr_case_run_unet,
    [SLR_CASE_VAE_ENCODE] = slr_case_run_vae_encode,
    [SLR_CASE_VAE_DECODE] = slr_case_run_vae_decode,
    [SLR_CASE_TRAIN_STEP] = slr_case_run_train_step,
    [SLR_CASE_SCHEDULE] = slr_case_run_schedule,
    [SLR_CASE_SAMPLE] = slr_case_run_sample,
    [SLR_CASE_ADAM] = slr_case_run_adam,
    [SLR_CASE_FEATURES] = slr_case_run_features,
};

selora_status slr_case_check_memory(const slr_case_run *run, size_t bytes, slr_error *err)
{
    return slr_check_free_memory(bytes, slr_safetensors_path(run->c->file), "make a smaller case", err);
}

selora_status slr_case_run_any(const slr_case_run *run, slr_error *err)
{
    const slr_reference_case *c = run->c;
    SLR_TRY(runs[c->kind](run, err));
    if (run->report->rows !=
        c->expected) /* a tensor that nobody looked at must not count as equal */
        return slr_fail(err, SELORA_CHECK_FAILED, "%s: %d of %d expected tensors were compared",
                        slr_safetensors_path(c->file), run->report->rows, c->expected);
    return SELORA_OK;
}
