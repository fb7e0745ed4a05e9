/* SPDX-License-Identifier: MIT
 * What a method keeps between steps, to and from a checkpoint. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/method_state.h"
#include "core/memory.h"

enum {
    SCORE_NUMBERS = sizeof(slr_score) / sizeof(double),
    EXPANSION_NUMBERS = sizeof(slr_expansion) / sizeof(int64_t)
};
static const char SCORES[] = "method.scores", ROWS[] = "method.row_energy",
                  VECTORS[] = "method.vectors", EXPANSIONS[] = "method.expansions";

selora_status slr_method_save(const slr_method *method, slr_safetensors_writer *writer,
                              slr_error *err)
{
    int64_t layers = method->layers, vectors = (int64_t)method->vector_count;
    SLR_TRY(slr_safetensors_writer_metadata(writer, "method", slr_method_name(method->options.kind),
                                            err));
    if (method->expansion_count > 0)
        SLR_TRY(slr_safetensors_writer_tensor(
            writer, EXPANSIONS, SLR_DTYPE_I64, 2,
            (int64_t[]){(int64_t)method->expansion_count, EXPANSION_NUMBERS}, method->expansions,
            err));
    if (method->rows == 0)
        return SELORA_OK;
    SLR_TRY(slr_safetensors_writer_tensor(writer, SCORES, SLR_DTYPE_F64, 2,
                                          (int64_t[]){layers, SCORE_NUMBERS}, method->scores, err));
    SLR_TRY(slr_safetensors_writer_tensor(writer, ROWS, SLR_DTYPE_F64, 2,
                                          (int64_t[]){layers, method->rows}, method->row_energy,
                                          err));
    if (vectors > 0)
        SLR_TRY(
            slr_safetensors_writer_real(writer, VECTORS, 1, &vectors, method->vectors, true, err));
    return SELORA_OK;
}

/* The tensor when it has that shape and holds numbers, else NULL with *err filled. */
static const slr_stored_tensor *find(const slr_safetensors *file, const char *name, int dims,
                                     int64_t rows, int64_t width, slr_error *err)
{
    const slr_stored_tensor *tensor = slr_safetensors_find(file, name);
    if (tensor && tensor->dims == dims && tensor->shape[0] == rows &&
        (dims == 1 || tensor->shape[1] == width))
        return tensor;
    slr_fail(err, SELORA_BAD_INPUT,
             "%s: %s: expected %lld x %lld numbers, as the options of this run need",
             slr_safetensors_path(file), name, (long long)rows, (long long)width);
    return NULL;
}

static selora_status load_expansions(slr_method *method, const slr_safetensors *file,
                                     slr_error *err)
{
    const slr_stored_tensor *tensor = slr_safetensors_find(file, EXPANSIONS);
    int64_t count = tensor && tensor->dims == 2 ? tensor->shape[0] : 0;
    if (tensor && !find(file, EXPANSIONS, 2, count, EXPANSION_NUMBERS, err))
        return SELORA_BAD_INPUT;
    slr_expansion *list = slr_alloc((size_t)count, sizeof *list);
    if (!list)
        return slr_fail_memory(err, (size_t)count * sizeof *list, "the list of expansions");
    bool fine = !tensor || slr_stored_to_i64(tensor, 0, count * EXPANSION_NUMBERS, (int64_t *)list);
    for (int64_t i = 0; fine && i < count; i++)
        fine = list[i].layer >= 0 && list[i].layer < method->layers && list[i].rank > 0 &&
               list[i].step > 0;
    if (!fine) {
        free(list);
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: not a list of steps, layers and ranks",
                        slr_safetensors_path(file), EXPANSIONS);
    }
    free(method->expansions);
    method->expansions = list;
    method->expansion_count = method->expansion_capacity = (size_t)count;
    return SELORA_OK;
}

selora_status slr_method_load(slr_method *method, const slr_safetensors *file, slr_error *err)
{
    const char *kind = slr_safetensors_metadata(file, "method");
    if (!kind || strcmp(kind, slr_method_name(method->options.kind)) != 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the state of method %s, expected %s",
                        slr_safetensors_path(file), kind ? kind : "(none)",
                        slr_method_name(method->options.kind));
    SLR_TRY(load_expansions(method, file, err));
    if (method->rows == 0)
        return SELORA_OK;
    int64_t layers = method->layers, vectors = (int64_t)method->vector_count;
    const slr_stored_tensor *scores = find(file, SCORES, 2, layers, SCORE_NUMBERS, err);
    const slr_stored_tensor *rows = scores ? find(file, ROWS, 2, layers, method->rows, err) : NULL;
    const slr_stored_tensor *kept =
        rows && vectors > 0 ? find(file, VECTORS, 1, vectors, 1, err) : NULL;
    if (!scores || !rows || (vectors > 0 && !kept))
        return SELORA_BAD_INPUT;
    if (!slr_stored_to_f64(scores, 0, layers * SCORE_NUMBERS, (double *)method->scores) ||
        !slr_stored_to_f64(rows, 0, layers * method->rows, method->row_energy) ||
        (kept && !slr_stored_to_real(kept, 0, vectors, method->vectors)))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: method.*: expected floating-point numbers",
                        slr_safetensors_path(file));
    return SELORA_OK;
}
