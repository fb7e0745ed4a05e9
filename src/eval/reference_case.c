/* SPDX-License-Identifier: MIT */
#include "eval/reference_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "eval/case_fields.h"

enum {
    MAX_LATENT_PIXELS = 1 << 18, /* attention takes the square of it: more would run for hours */
    MAX_IMAGE_PIXELS = 1 << 24,
    CHUNK = 1024
};

/* L latent channels, D text width, P positions of the text encoder: sizes of the model. */
const slr_case_format slr_case_formats[SLR_CASE_KINDS] = {
    [SLR_CASE_TOKENIZER] = {.kind = "tokenizer",
                            .keys = {"texts"},
                            .fields = {{"expect.input_ids", SLR_CASE_INTEGER, "N P", false}}},
    [SLR_CASE_TEXT_ENCODER] = {.kind = "text_encoder",
                               .fields = {{"in.input_ids", SLR_CASE_INTEGER, "N P", false},
                                          {"expect.last_hidden_state", SLR_CASE_REAL, "N P D",
                                           false}}},
    [SLR_CASE_UNET] = {.kind = "unet",
                       .fields = {{"in.sample", SLR_CASE_REAL, "N L H W", false},
                                  {"in.timestep", SLR_CASE_NUMBER, "N", false},
                                  {"in.encoder_hidden_states", SLR_CASE_REAL, "N T D", false},
                                  {"expect.output", SLR_CASE_REAL, "N L H W", false}}},
    [SLR_CASE_VAE_ENCODE] = {.kind = "vae_encode",
                             .fields = {{"in.image", SLR_CASE_REAL, "N 3 H W", false},
                                        {"expect.mean", SLR_CASE_REAL, "N L h w", false},
                                        {"expect.logvar", SLR_CASE_REAL, "N L h w", false}}},
    [SLR_CASE_VAE_DECODE] = {.kind = "vae_decode",
                             .fields = {{"in.latent", SLR_CASE_REAL, "N L H W", false},
                                        {"expect.image", SLR_CASE_REAL, "N 3 h w", false}}},
    [SLR_CASE_TRAIN_STEP] = {.kind = "train_step",
                             .keys = {"scale"},
                             .adapters = true,
                             .gradients = true,
                             .fields = {{"in.latents", SLR_CASE_REAL, "N L H W", false},
                                        {"in.noise", SLR_CASE_REAL, "N L H W", false},
                                        {"in.timestep", SLR_CASE_INTEGER, "N", false},
                                        {"in.input_ids", SLR_CASE_INTEGER, "N P", false},
                                        {"expect.loss", SLR_CASE_REAL, "", false},
                                        {"expect.prediction", SLR_CASE_REAL, "N L H W", false}}},
    [SLR_CASE_SCHEDULE] = {.kind = "schedule",
                           .keys = {"sampler", "steps"},
                           .fields = {{"expect.timesteps", SLR_CASE_NUMBER, "M", false},
                                      {"expect.alphas_cumprod", SLR_CASE_REAL, "1000", false}}},
    [SLR_CASE_SAMPLE] = {.kind = "sample",
                         .keys = {"sampler", "steps", "guidance", "scale"},
                         .adapters = true,
                         .fields = {{"in.latents", SLR_CASE_REAL, "N L H W", false},
                                    {"in.input_ids", SLR_CASE_INTEGER, "N P", false},
                                    {"in.negative_input_ids", SLR_CASE_INTEGER, "N P", false},
                                    {"expect.latents", SLR_CASE_REAL, "N L H W", false},
                                    {"expect.image", SLR_CASE_REAL, "N 3 h w", true}}},
    [SLR_CASE_ADAM] = {.kind = "adam",
                       .keys = {"lr", "beta1", "beta2", "eps", "weight_decay"},
                       .fields = {{"in.w0", SLR_CASE_REAL, "K", false},
                                  {"expect.w", SLR_CASE_REAL, "K", false},
                                  {"expect.m", SLR_CASE_REAL, "K", false},
                                  {"expect.v", SLR_CASE_REAL, "K", false}}},
    [SLR_CASE_FEATURES] = {.kind = "features",
                           .keys = {"extractor", "weights"},
                           .fields = {{"in.image", SLR_CASE_REAL, "N C H W", false},
                                      {"in.input_ids", SLR_CASE_INTEGER, "Q T", true},
                                      {"expect.features", SLR_CASE_REAL, "N F", false},
                                      {"expect.text_features", SLR_CASE_REAL, "Q F", true}}},
};

static const char *path_of(const slr_reference_case *c)
{
    return slr_safetensors_path(c->file);
}

int64_t slr_case_size(const slr_reference_case *c, char letter)
{
    return c->sizes[(int)letter];
}

const slr_stored_tensor *slr_case_find(const slr_reference_case *c, const char *name)
{
    return slr_safetensors_find(c->file, name);
}

static bool is_input(const char *name)
{
    return strncmp(name, "in.", 3) == 0;
}

static selora_status check_finite(const slr_reference_case *c, const slr_stored_tensor *tensor,
                                  slr_error *err)
{
    float values[CHUNK];
    int64_t count = slr_stored_count(tensor);
    for (int64_t at = 0; at < count; at += CHUNK) {
        int64_t part = count - at < CHUNK ? count - at : CHUNK;
        slr_stored_to_f32(tensor, at, part, values);
        for (int64_t i = 0; i < part; i++)
            if (!isfinite(values[i]))
                return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: element %lld is not finite",
                                path_of(c), tensor->name, (long long)(at + i));
    }
    return SELORA_OK;
}

static const char *type_text(slr_case_type type, bool input)
{
    if (type == SLR_CASE_INTEGER)
        return "I64";
    if (type == SLR_CASE_NUMBER)
        return input ? "I64 or F32" : "I64, F32 or F64";
    return input ? "F32" : "F32 or F64";
}

selora_status slr_case_check_tensor(const slr_reference_case *c, const slr_stored_tensor *tensor,
                                    slr_case_type type, int dims, slr_error *err)
{
    bool input = is_input(tensor->name);
    bool real = tensor->dtype == SLR_DTYPE_F32 || (!input && tensor->dtype == SLR_DTYPE_F64);
    bool integer = tensor->dtype == SLR_DTYPE_I64;
    bool fits = type == SLR_CASE_REAL ? real : type == SLR_CASE_INTEGER ? integer : real || integer;
    if (!fits)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s is stored as %s, expected %s", path_of(c),
                        tensor->name, slr_dtype_name(tensor->dtype), type_text(type, input));
    if (tensor->dims != dims)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s has %d dimensions, expected %d", path_of(c),
                        tensor->name, tensor->dims, dims);
    for (int i = 0; i < dims; i++)
        if (tensor->shape[i] < 1)
            return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: dimension %d is empty", path_of(c),
                            tensor->name, i);
    return input && real ? check_finite(c, tensor, err) : SELORA_OK;
}

selora_status slr_case_check_shape(const slr_reference_case *c, const slr_stored_tensor *tensor,
                                   int64_t rows, int64_t columns, slr_error *err)
{
    SLR_TRY(slr_case_check_tensor(c, tensor, SLR_CASE_REAL, columns ? 2 : 1, err));
    if (tensor->shape[0] == rows && (!columns || tensor->shape[1] == columns))
        return SELORA_OK;
    if (!columns)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s has %lld elements, expected %lld",
                        path_of(c), tensor->name, (long long)tensor->shape[0], (long long)rows);
    return slr_fail(err, SELORA_BAD_INPUT, "%s: %s is %lldx%lld, expected %lldx%lld", path_of(c),
                    tensor->name, (long long)tensor->shape[0], (long long)tensor->shape[1],
                    (long long)rows, (long long)columns);
}

/* A scalar may be stored with shape () or (1). */
static int wanted_dims(const char *shape, const slr_stored_tensor *tensor)
{
    int dims = 0;
    for (const char *at = shape; *at; at += strspn(at, " "), dims++)
        at += strcspn(at, " ");
    return dims == 0 && tensor->dims == 1 && tensor->shape[0] == 1 ? 1 : dims;
}

/* One size against its word in the table; a letter met first takes the size. */
static selora_status match_size(slr_reference_case *c, const slr_stored_tensor *tensor, int dim,
                                const char *word, slr_error *err)
{
    bool number = *word >= '0' && *word <= '9';
    int64_t *bound = number ? NULL : &c->sizes[(int)*word];
    int64_t found = tensor->shape[dim], wanted = number ? atoll(word) : *bound;
    if (bound && !*bound)
        *bound = wanted = found;
    if (found != wanted)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: dimension %d is %lld, expected %lld",
                        path_of(c), tensor->name, dim, (long long)found, (long long)wanted);
    return SELORA_OK;
}

static selora_status check_field(slr_reference_case *c, const slr_case_field *field, slr_error *err)
{
    const slr_stored_tensor *tensor = slr_case_find(c, field->name);
    if (!tensor)
        return field->optional
                   ? SELORA_OK
                   : slr_fail(err, SELORA_BAD_INPUT, "%s: %s is missing (kind %s needs it)",
                              path_of(c), field->name, c->kind_name);
    SLR_TRY(slr_case_check_tensor(c, tensor, field->type, wanted_dims(field->shape, tensor), err));
    const char *word = field->shape;
    for (int dim = 0; dim < tensor->dims && *word; dim++) {
        SLR_TRY(match_size(c, tensor, dim, word, err));
        word += strcspn(word, " ");
        word += strspn(word, " ");
    }
    return SELORA_OK;
}

/* Adam: in.grad.0, in.grad.1 and so on without a gap. */
static bool is_step_name(const slr_reference_case *c, const char *name)
{
    return c->kind == SLR_CASE_ADAM && strncmp(name, "in.grad.", 8) == 0;
}

static bool is_known(const slr_reference_case *c, const char *name)
{
    const slr_case_format *format = &slr_case_formats[c->kind];
    for (const slr_case_field *field = format->fields; field->name; field++)
        if (strcmp(field->name, name) == 0)
            return true;
    return is_step_name(c, name) || slr_case_is_adapter_name(format, name);
}

static selora_status check_names(slr_reference_case *c, slr_error *err)
{
    for (size_t i = 0; i < slr_safetensors_count(c->file); i++) {
        const char *name = slr_safetensors_at(c->file, i)->name;
        if (!is_known(c, name))
            return slr_fail(err, SELORA_BAD_INPUT, "%s: %.200s does not belong to kind %s", path_of(c),
                            name, c->kind_name);
        if (!is_input(name))
            c->expected++;
        if (is_step_name(c, name))
            c->sizes['M']++;
    }
    return SELORA_OK;
}

static selora_status check_steps(const slr_reference_case *c, slr_error *err)
{
    int64_t steps = slr_case_size(c, 'M');
    if (steps == 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: in.grad.0 is missing (kind adam needs it)",
                        path_of(c));
    for (int64_t i = 0; i < steps; i++) {
        char name[40];
        snprintf(name, sizeof name, "in.grad.%lld", (long long)i);
        const slr_stored_tensor *tensor = slr_case_find(c, name);
        if (!tensor)
            return slr_fail(
                err, SELORA_BAD_INPUT,
                "%s: %s is missing: there are %lld names in.grad.*, which must count from 0",
                path_of(c), name, (long long)steps);
        SLR_TRY(slr_case_check_shape(c, tensor, slr_case_size(c, 'K'), 0, err));
    }
    return SELORA_OK;
}

/* Integers in [0, limit). */
static selora_status check_range(const slr_reference_case *c, const char *name, int64_t limit,
                                 slr_error *err)
{
    const slr_stored_tensor *tensor = slr_case_find(c, name);
    if (!tensor || tensor->dtype != SLR_DTYPE_I64)
        return SELORA_OK;
    for (int64_t i = 0; i < slr_stored_count(tensor); i++) {
        int64_t value;
        slr_stored_to_i64(tensor, i, 1, &value);
        if (value < 0 || value >= limit)
            return slr_fail(err, SELORA_BAD_INPUT,
                            "%s: %s: element %lld is %lld, expected 0 to %lld", path_of(c), name,
                            (long long)i, (long long)value, (long long)limit - 1);
    }
    return SELORA_OK;
}

static selora_status check_extent(const slr_reference_case *c, int64_t limit, slr_error *err)
{
    int64_t pixels;
    if (__builtin_mul_overflow(slr_case_size(c, 'H'), slr_case_size(c, 'W'), &pixels) ||
        __builtin_mul_overflow(pixels, slr_case_size(c, 'N'), &pixels) || pixels > limit)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: %lld times %lldx%lld is too large for a case (at most %lld pixels)",
                        path_of(c), (long long)slr_case_size(c, 'N'),
                        (long long)slr_case_size(c, 'H'), (long long)slr_case_size(c, 'W'),
                        (long long)limit);
    return SELORA_OK;
}

/* Sizes that follow from others: what the VAE makes of an image or a latent. */
static selora_status check_vae_sizes(const slr_reference_case *c, const slr_model *model,
                                     slr_error *err)
{
    int64_t height = slr_case_size(c, 'H'), width = slr_case_size(c, 'W');
    int factor = slr_vae_factor(&model->vae);
    if (c->kind == SLR_CASE_VAE_ENCODE) {
        SLR_TRY(check_extent(c, MAX_IMAGE_PIXELS, err));
        if (height < factor || width < factor)
            return slr_fail(err, SELORA_BAD_INPUT,
                            "%s: in.image is smaller than %dx%d pixels, one latent", path_of(c),
                            factor, factor);
        height /= factor;
        width /= factor;
    } else {
        SLR_TRY(check_extent(c, MAX_LATENT_PIXELS, err));
        height *= factor;
        width *= factor;
    }
    if (slr_case_size(c, 'h') &&
        (slr_case_size(c, 'h') != height || slr_case_size(c, 'w') != width))
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: the output is %lldx%lld, the VAE makes %lldx%lld", path_of(c),
                        (long long)slr_case_size(c, 'h'), (long long)slr_case_size(c, 'w'),
                        (long long)height, (long long)width);
    return SELORA_OK;
}

static selora_status check_features(const slr_reference_case *c, slr_error *err)
{
    SLR_TRY(check_extent(c, MAX_IMAGE_PIXELS, err));
    if (slr_case_size(c, 'H') != slr_case_size(c, 'W'))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: in.image is not square", path_of(c));
    if (!slr_case_find(c, "in.input_ids") != !slr_case_find(c, "expect.text_features"))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: in.input_ids and expect.text_features come together", path_of(c));
    return SELORA_OK;
}

static selora_status check(slr_reference_case *c, const slr_model *model, slr_error *err)
{
    SLR_TRY(slr_case_read_metadata(c, err));
    if (!model && c->kind != SLR_CASE_FEATURES)
        return slr_fail(err, SELORA_USAGE, "%s: kind %s runs in a model; give it with --model", path_of(c), c->kind_name);
    if (c->kind != SLR_CASE_FEATURES) {
        c->sizes['L'] = model->unet.in_channels;
        c->sizes['D'] = model->unet.cross_attention_width;
        c->sizes['P'] = model->text.positions;
    }
    const slr_case_format *format = &slr_case_formats[c->kind];
    SLR_TRY(check_names(c, err));
    for (const slr_case_field *field = format->fields; field->name; field++)
        SLR_TRY(check_field(c, field, err));
    if (c->kind == SLR_CASE_ADAM)
        SLR_TRY(check_steps(c, err));
    if (c->kind == SLR_CASE_FEATURES)
        return check_features(c, err);
    if (slr_case_size(c, 'H'))
        SLR_TRY(check_vae_sizes(c, model, err));
    SLR_TRY(check_range(c, "in.input_ids", model->text.vocabulary, err));
    SLR_TRY(check_range(c, "in.negative_input_ids", model->text.vocabulary, err));
    if (c->kind == SLR_CASE_TRAIN_STEP)
        SLR_TRY(check_range(c, "in.timestep", SLR_TRAIN_TIMESTEPS, err));
    return format->adapters ? slr_case_check_adapters(c, model, err) : SELORA_OK;
}

/* Takes over `file`. */
static selora_status open_case(slr_safetensors *file, const slr_model *model,
                               slr_reference_case **result, slr_error *err)
{
    slr_reference_case *c = slr_alloc(1, sizeof *c);
    if (!c) {
        slr_safetensors_close(file);
        return slr_fail_memory(err, sizeof *c, "a reference case");
    }
    c->file = file;
    selora_status status = check(c, model, err);
    if (status != SELORA_OK) {
        slr_reference_case_close(c);
        return status;
    }
    *result = c;
    return SELORA_OK;
}

selora_status slr_reference_case_open(const char *path, const slr_model *model,
                                      slr_reference_case **result, slr_error *err)
{
    slr_safetensors *file;
    *result = NULL;
    SLR_TRY(slr_safetensors_open(path, &file, err));
    return open_case(file, model, result, err);
}

selora_status slr_reference_case_open_memory(const void *data, size_t size, const char *name,
                                             const slr_model *model, slr_reference_case **result,
                                             slr_error *err)
{
    slr_safetensors *file;
    *result = NULL;
    SLR_TRY(slr_safetensors_open_memory(data, size, name, &file, err));
    return open_case(file, model, result, err);
}

void slr_reference_case_close(slr_reference_case *c)
{
    if (!c)
        return;
    json_decref(c->texts);
    slr_safetensors_close(c->file);
    free(c);
}

int64_t slr_case_engine_index(const slr_stored_tensor *tensor, slr_case_layout layout,
                              int64_t index)
{
    const int64_t *shape = tensor->shape;
    if (layout == SLR_CASE_PLAIN)
        return index;
    if (layout == SLR_CASE_TRANSPOSED)
        return index % shape[1] * shape[0] + index / shape[1];
    int64_t pixels = shape[2] * shape[3], pixel = index % pixels;
    int64_t channel = index / pixels % shape[1], image = index / pixels / shape[1];
    return (image * pixels + pixel) * shape[1] + channel;
}

void slr_case_read(const slr_reference_case *c, const char *name, slr_case_layout layout,
                   slr_real *values)
{
    const slr_stored_tensor *tensor = slr_case_find(c, name);
    int64_t count = slr_stored_count(tensor);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = slr_case_engine_index(tensor, layout, i), integer;
        if (tensor->dtype == SLR_DTYPE_I64) {
            slr_stored_to_i64(tensor, i, 1, &integer);
            values[at] = (slr_real)integer;
        } else {
            slr_stored_to_real(tensor, i, 1, &values[at]);
        }
    }
}
