/* SPDX-License-Identifier: MIT
 * Facts of an adapter file, of any tool's naming, without its model: rank, shape, scale and size of the effect of every
 * layer. The rank is what the header says, else the rows of A that are not zero: others are padding. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/adapter_scale.h"
#include "api/inspect.h"
#include "core/memory.h"
#include "io/safetensors.h"

enum { MAX_SHOWN_VALUE = 200, MAX_NAME = 512, MAX_STORED_RANK = 4096 };

static const char *const suffixes[][2] = {
    {".lora_A.weight", ".lora_B.weight"},
    {".lora_down.weight", ".lora_up.weight"},
    {".lora.down.weight", ".lora.up.weight"},
    {"_lora.down.weight", "_lora.up.weight"},
    {".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"},
};
enum { SUFFIXES = sizeof suffixes / sizeof *suffixes };

/* Which suffix pair `name` ends in the first of, -1 for none; *stem: length of what stands before. */
static int down_suffix(const char *name, size_t *stem)
{
    size_t length = strlen(name);
    for (int i = 0; i < SUFFIXES; i++) {
        size_t tail = strlen(suffixes[i][0]);
        if (length > tail && strcmp(name + length - tail, suffixes[i][0]) == 0) {
            *stem = length - tail;
            return i;
        }
    }
    return -1;
}

bool slr_is_adapter_file(const char *path)
{
    slr_safetensors *file;
    size_t stem;
    bool found = false;
    if (slr_safetensors_open(path, &file, NULL) != SELORA_OK)
        return false;
    for (size_t i = 0; !found && i < slr_safetensors_count(file); i++)
        found = down_suffix(slr_safetensors_at(file, i)->name, &stem) >= 0;
    slr_safetensors_close(file);
    return found;
}

static const char *naming_of(const char *name)
{
    if (strncmp(name, "lora_unet_", 10) == 0 || strncmp(name, "lora_te", 7) == 0)
        return "kohya";
    return strncmp(name, "base_model.model.", 17) == 0 ? "PEFT" : "diffusers";
}

/* What readers multiply B A with: alpha / rank of kohya files, as the header of diffusers files says, else 1. */
static selora_status scale_of(const slr_safetensors *file, const slr_adapter_header *header, const char *stem,
                              int64_t rank, double *scale, slr_error *err)
{
    char name[MAX_NAME + 64];
    float alpha = 0;
    snprintf(name, sizeof name, "%s.alpha", stem);
    const slr_stored_tensor *stored = slr_safetensors_find(file, name);
    if (!stored)
        return slr_adapter_header_scale(header, stem, rank, scale, err);
    if (slr_stored_count(stored) != 1 || !slr_stored_to_f32(stored, 0, 1, &alpha))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: expected one number", slr_safetensors_path(file), name);
    *scale = alpha != 0.0f ? (double)alpha / (double)rank : 1;
    return SELORA_OK;
}

/* Rows of A (rank, in) that are not all zero, and || B A || from the Gram matrices: tr(B^T B A A^T). */
static selora_status measure(const slr_stored_tensor *a, const slr_stored_tensor *b, int64_t *acting, double *norm,
                             slr_error *err)
{
    int64_t rank = a->shape[0], in = slr_stored_count(a) / rank, out = slr_stored_count(b) / rank;
    double *av = slr_alloc((size_t)rank, (size_t)in * sizeof *av), *bv = slr_alloc((size_t)rank, (size_t)out * sizeof *bv);
    selora_status status = SELORA_OK;
    if (!av || !bv)
        status = slr_fail_memory(err, (size_t)rank * (size_t)(in + out) * sizeof *av, a->name);
    else if (!slr_stored_to_f64(a, 0, rank * in, av) || !slr_stored_to_f64(b, 0, rank * out, bv))
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: stored as a type that selora does not read", a->name);
    double sum = 0;
    *acting = 0;
    for (int64_t i = 0; status == SELORA_OK && i < rank; i++) {
        bool zero = true;
        for (int64_t k = 0; k < in; k++)
            zero = zero && av[i * in + k] == 0;
        *acting += !zero;
        for (int64_t j = 0; j <= i; j++) {
            double aa = 0, bb = 0;
            for (int64_t k = 0; k < in; k++)
                aa += av[i * in + k] * av[j * in + k];
            for (int64_t k = 0; k < out; k++)
                bb += bv[k * rank + i] * bv[k * rank + j];
            sum += (i == j ? 1 : 2) * aa * bb;
        }
    }
    *norm = sqrt(sum < 0 ? 0 : sum); /* NaN stays */
    free(av);
    free(bv);
    return status;
}

static selora_status add_layer(const slr_safetensors *file, const slr_adapter_header *header, const slr_stored_tensor *a,
                               int suffix, size_t stem_length, json_t *rows, slr_error *err)
{
    char stem[MAX_NAME], name[MAX_NAME + 64], rounded[32];
    snprintf(stem, sizeof stem, "%.*s", (int)stem_length, a->name);
    snprintf(name, sizeof name, "%s%s", stem, suffixes[suffix][1]);
    const slr_stored_tensor *b = stem_length < sizeof stem ? slr_safetensors_find(file, name) : NULL;
    if (!b)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s has no partner %s", slr_safetensors_path(file), a->name, suffixes[suffix][1]);
    if (a->dims < 2 || b->dims < 2 || a->shape[0] != b->shape[1] || a->shape[0] < 1 || a->shape[0] > MAX_STORED_RANK ||
        slr_stored_count(a) == 0 || slr_stored_count(b) == 0 || slr_stored_count(b) != b->shape[0] * b->shape[1])
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s and its partner are not (rank, in) and (out, rank)",
                        slr_safetensors_path(file), a->name);
    int64_t acting;
    int rank = 0;
    bool said;
    double norm, scale, trained_scale = 0;
    SLR_TRY(scale_of(file, header, stem, a->shape[0], &scale, err));
    SLR_TRY(slr_adapter_header_true(header, stem, &said, &rank, &trained_scale, err));
    SLR_TRY(measure(a, b, &acting, &norm, err));
    if (!isfinite(norm * scale))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s or its partner holds a value that is not finite",
                        slr_safetensors_path(file), a->name);
    snprintf(rounded, sizeof rounded, "%.4g", norm * scale); /* more digits would only widen the table */
    json_t *row = json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:f}", "layer", stem, "in",
                            (json_int_t)(slr_stored_count(a) / a->shape[0]), "out", (json_int_t)b->shape[0], "rank",
                            (json_int_t)(said ? rank : acting), "stored_rank", (json_int_t)a->shape[0], "scale", scale,
                            "norm", strtod(rounded, NULL));
    if (said)
        json_object_set_new(row, "trained_scale", json_real(trained_scale));
    json_array_append_new(rows, row);
    return SELORA_OK;
}

static json_t *header_facts(const slr_safetensors *file)
{
    json_t *facts = json_object();
    for (size_t i = 0; i < slr_safetensors_metadata_count(file); i++) {
        const char *key, *value;
        slr_safetensors_metadata_at(file, i, &key, &value);
        if (strlen(value) <= MAX_SHOWN_VALUE)
            json_object_set_new(facts, key, json_string(value));
    }
    return facts;
}

static json_t *totals(const json_t *rows)
{
    json_int_t rank = 0, parameters = 0, largest = 0;
    size_t index;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, index, row) {
        json_int_t r = json_integer_value(json_object_get(row, "rank"));
        rank += r;
        largest = r > largest ? r : largest;
        parameters += r * (json_integer_value(json_object_get(row, "in")) + json_integer_value(json_object_get(row, "out")));
    }
    return json_pack("{s:I, s:I, s:I, s:I}", "layers", (json_int_t)json_array_size(rows), "rank", rank, "largest_rank",
                     largest, "parameters", parameters);
}

selora_status slr_inspect_adapter(const char *path, json_t **facts, slr_error *err)
{
    *facts = NULL;
    slr_safetensors *file;
    SLR_TRY(slr_safetensors_open(path, &file, err));
    json_t *rows = json_array();
    const char *naming = "";
    slr_adapter_header header;
    selora_status status = slr_adapter_header_read(file, &header, err);
    for (size_t i = 0; status == SELORA_OK && i < slr_safetensors_count(file); i++) {
        const slr_stored_tensor *tensor = slr_safetensors_at(file, i);
        size_t stem;
        int suffix = down_suffix(tensor->name, &stem);
        if (suffix < 0)
            continue;
        naming = naming_of(tensor->name);
        status = add_layer(file, &header, tensor, suffix, stem, rows, err);
    }
    if (status == SELORA_OK)
        *facts = json_pack("{s:s, s:s, s:o, s:o, s:O}", "kind", "adapter", "naming", naming, "header", header_facts(file),
                           "total", totals(rows), "layers", rows);
    slr_adapter_header_free(&header);
    json_decref(rows);
    slr_safetensors_close(file);
    return status;
}
