/* SPDX-License-Identifier: MIT
 * Cases of texts and token ids. */
#include <stdlib.h>

#include "core/memory.h"
#include "eval/case_run.h"
#include "models/clip_tokenizer.h"

static selora_status encode_all(const slr_case_run *run, const slr_tokenizer *tokenizer,
                                int64_t *ids, slr_error *err)
{
    int64_t length = slr_tokenizer_length(tokenizer);
    for (size_t i = 0; i < json_array_size(run->c->texts); i++) {
        const json_t *text = json_array_get(run->c->texts, i);
        SLR_TRY(slr_tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text),
                                     ids + (int64_t)i * length, NULL, err));
    }
    return SELORA_OK;
}

selora_status slr_case_run_tokenizer(const slr_case_run *run, slr_error *err)
{
    const slr_reference_case *c = run->c;
    slr_tokenizer *tokenizer;
    if (!run->model->tokenizer_path)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: the model has no tokenizer; name one with --tokenizer",
                        run->model->path);
    SLR_TRY(slr_tokenizer_open(run->model->tokenizer_path, slr_case_size(c, 'P'), &tokenizer, err));
    size_t count = (size_t)(slr_case_size(c, 'N') * slr_case_size(c, 'P'));
    int64_t *ids = slr_alloc(count, sizeof *ids);
    selora_status status = ids ? SELORA_OK : slr_fail_memory(err, count * sizeof *ids, "token ids");
    if (status == SELORA_OK && slr_tokenizer_length(tokenizer) != slr_case_size(c, 'P'))
        status = slr_fail(err, SELORA_BAD_INPUT,
                          "%s: expect.input_ids has %lld ids a text, the tokenizer makes %lld",
                          slr_safetensors_path(c->file), (long long)slr_case_size(c, 'P'),
                          (long long)slr_tokenizer_length(tokenizer));
    if (status == SELORA_OK)
        status = encode_all(run, tokenizer, ids, err);
    if (status == SELORA_OK)
        slr_case_compare_integers(run->report, "expect.input_ids", ids);
    free(ids);
    slr_tokenizer_free(tokenizer);
    return status;
}
