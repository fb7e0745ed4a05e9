/* SPDX-License-Identifier: MIT */
#include "adapters/pair_writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/json.h"

selora_status slr_pair_writer_begin(slr_pair_writer *w, const slr_export_options *options,
                                    slr_export_report *report, slr_error *err)
{
    *report = (slr_export_report){0};
    *w = (slr_pair_writer){.options = options, .report = report, .writer = slr_safetensors_writer_new(),
                           .layers = json_object()};
    return w->writer && w->layers ? SELORA_OK : slr_fail_memory(err, 0, "the adapter file");
}

void slr_pair_writer_end(slr_pair_writer *w)
{
    slr_safetensors_writer_free(w->writer);
    json_decref(w->layers);
    for (size_t i = 0; i < w->count; i++)
        free(w->buffers[i]);
    free(w->buffers);
    *w = (slr_pair_writer){0};
}

/* Memory that lives until the end; NULL when there is none. */
static void *keep(slr_pair_writer *w, size_t count, size_t size)
{
    void *memory = slr_alloc(count, size);
    if (!memory || !slr_grow((void **)&w->buffers, &w->capacity, w->count, sizeof *w->buffers)) {
        free(memory);
        return NULL;
    }
    w->buffers[w->count++] = memory;
    return memory;
}

/* values -> what is stored, and back into values; false when one is not finite there. */
static bool round_values(slr_real *values, size_t count, slr_dtype dtype, void *stored)
{
    for (size_t i = 0; i < count; i++) {
        float value = (float)values[i];
        if (dtype == SLR_DTYPE_F16)
            value = slr_f16_to_f32(((uint16_t *)stored)[i] = slr_f32_to_f16(value));
        else if (dtype == SLR_DTYPE_BF16)
            value = slr_bf16_to_f32(((uint16_t *)stored)[i] = slr_f32_to_bf16(value));
        else
            ((float *)stored)[i] = value;
        if (!isfinite(value))
            return false;
        values[i] = (slr_real)value;
    }
    return true;
}

static selora_status store(slr_pair_writer *w, const slr_pair *pair, slr_names names, slr_key_role role,
                           bool both, int stored, const void *data, slr_error *err)
{
    char name[SLR_LAYER_PATH + 64];
    int64_t k = pair->kernel, channels = k > 0 ? pair->in / (k * k) : pair->in;
    int64_t a[] = {stored, channels, k, k}, b[] = {pair->out, stored, 1, 1};
    bool text = strcmp(slr_component_of(pair->path), "text_encoder") == 0;
    for (int layout = 0; layout < (both && text ? 2 : 1); layout++) {
        if (!slr_name_write(names, pair->path, layout == 1, role, name))
            return slr_fail(err, SELORA_BAD_INPUT, "%s: the name is too long", pair->path);
        SLR_TRY(slr_safetensors_writer_tensor(w->writer, name, w->options->dtype, k > 0 ? 4 : 2,
                                              role == SLR_KEY_DOWN ? a : b, data, err));
    }
    return SELORA_OK;
}

static void measure(slr_pair_writer *w, const slr_pair *pair, const slr_real *a, const slr_real *b,
                    int stored, double factor)
{
    double norm = slr_pair_norm(pair);
    double error = slr_pair_distance(pair, a, b, stored, pair->scale / factor);
    w->square_norm += norm * norm;
    w->square_error += error * error;
    if (norm > 0 && error / norm > w->report->worst) {
        w->report->worst = error / norm;
        snprintf(w->report->worst_layer, sizeof w->report->worst_layer, "%s", pair->path);
    }
}

selora_status slr_pair_writer_put(slr_pair_writer *w, const slr_pair *pair, int stored, double factor,
                                  slr_names names, bool both, slr_error *err)
{
    size_t in = (size_t)pair->in, out = (size_t)pair->out, rank = (size_t)pair->rank, n = (size_t)stored;
    size_t size = w->options->dtype == SLR_DTYPE_F32 ? 4 : 2;
    slr_real *a = slr_alloc(n * in, sizeof *a), *b = slr_alloc(n * out, sizeof *b);
    void *stored_a = keep(w, n * in, size), *stored_b = keep(w, n * out, size);
    selora_status status = a && b && stored_a && stored_b
                               ? SELORA_OK
                               : slr_fail_memory(err, n * (in + out) * sizeof *a, "the adapter file");
    if (status == SELORA_OK) {
        memcpy(a, pair->a, rank * in * sizeof *a);
        for (size_t o = 0; o < out; o++)
            for (size_t i = 0; i < rank; i++)
                b[o * n + i] = (slr_real)(factor * (double)pair->b[o * rank + i]);
        if (!round_values(a, n * in, w->options->dtype, stored_a) ||
            !round_values(b, n * out, w->options->dtype, stored_b))
            status = slr_fail(err, SELORA_NUMERIC, "%s: a value is not finite in %s; choose --dtype f32 or bf16",
                              pair->path, slr_dtype_name(w->options->dtype));
    }
    if (status == SELORA_OK)
        status = store(w, pair, names, SLR_KEY_DOWN, both, stored, stored_a, err);
    if (status == SELORA_OK)
        status = store(w, pair, names, SLR_KEY_UP, both, stored, stored_b, err);
    if (status == SELORA_OK) {
        measure(w, pair, a, b, stored, factor);
        json_object_set_new(w->layers, pair->path, json_pack("[i,f]", pair->rank, pair->scale));
        w->report->layers++;
        if (stored > w->report->stored_rank)
            w->report->stored_rank = stored;
    }
    free(a);
    free(b);
    return status;
}

selora_status slr_pair_writer_alpha(slr_pair_writer *w, const slr_pair *pair, double alpha, bool both,
                                    slr_error *err)
{
    char name[SLR_LAYER_PATH + 64];
    float *value = keep(w, 1, sizeof *value);
    bool text = strcmp(slr_component_of(pair->path), "text_encoder") == 0;
    if (!value)
        return slr_fail_memory(err, sizeof *value, "the adapter file");
    *value = (float)alpha;
    for (int layout = 0; layout < (both && text ? 2 : 1); layout++) {
        slr_name_write(SLR_NAMES_KOHYA, pair->path, layout == 1, SLR_KEY_ALPHA, name);
        SLR_TRY(slr_safetensors_writer_tensor(w->writer, name, SLR_DTYPE_F32, 0, NULL, value, err));
    }
    return SELORA_OK;
}

selora_status slr_pair_writer_note(slr_pair_writer *w, const char *key, const char *text, slr_error *err)
{
    return text ? slr_safetensors_writer_metadata(w->writer, key, text, err) : SELORA_OK;
}

selora_status slr_pair_writer_object(slr_pair_writer *w, const char *key, json_t *object, slr_error *err)
{
    char *text = object ? slr_json_text(object, 0) : NULL;
    selora_status status = text ? slr_safetensors_writer_metadata(w->writer, key, text, err)
                                : slr_fail_memory(err, 0, "the header of the adapter file");
    free(text);
    json_decref(object);
    return status;
}

selora_status slr_pair_writer_save(slr_pair_writer *w, const slr_pairs *pairs, const char *path,
                                   slr_error *err)
{
    const char *key;
    json_t *value;
    w->report->total = w->square_norm > 0 ? sqrt(w->square_error / w->square_norm) : 0;
    SLR_TRY(slr_pair_writer_note(w, "format", "pt", err));
    SLR_TRY(slr_pair_writer_note(w, "selora.version", SELORA_VERSION, err));
    json_object_foreach(pairs->facts, key, value)
        if (strcmp(key, "selora.version") != 0)
            SLR_TRY(slr_pair_writer_note(w, key, json_string_value(value), err));
    SLR_TRY(slr_pair_writer_object(w, "selora.layers", json_incref(w->layers), err));
    return slr_safetensors_writer_save(w->writer, path, err);
}

json_t *slr_json_plain_number(double value)
{
    bool whole = value == floor(value) && fabs(value) < 1e9;
    return whole ? json_integer((json_int_t)value) : json_real(value);
}
