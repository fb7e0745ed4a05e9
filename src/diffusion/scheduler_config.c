/* SPDX-License-Identifier: MIT */
#include "diffusion/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "core/problems.h"
#include "io/json.h"
#include "io/regular_file.h"

enum { MAX_BYTES = 4 << 20 };
#define COUNT(array) (sizeof(array) / sizeof *(array))

void slr_scheduler_config_sd15(slr_scheduler_config *config)
{
    *config = (slr_scheduler_config){.beta_start = 0.00085,
                                     .beta_end = 0.012,
                                     .beta_schedule = SLR_BETA_SCALED_LINEAR,
                                     .prediction = SLR_PREDICT_EPSILON,
                                     .spacing = SLR_SPACING_UNSET,
                                     .steps_offset = 1};
}

typedef struct reader {
    const json_t *root;
    const char *file;
    slr_problems *problems;
} reader;

/* Puts the failure of one read into the list. */
static void note(const reader *r, selora_status status, const slr_error *detail)
{
    if (status != SELORA_OK)
        slr_problems_add(r->problems, "%s", detail->message);
}

static void read_double(const reader *r, const char *key, double low, double high, double *value)
{
    slr_error detail = {0};
    note(r, slr_json_double(r->root, r->file, key, low, high, value, &detail), &detail);
}

static void read_int(const reader *r, const char *key, int64_t low, int64_t high, int64_t *value)
{
    slr_error detail = {0};
    note(r, slr_json_int(r->root, r->file, key, low, high, value, &detail), &detail);
}

static void read_bool(const reader *r, const char *key, bool *value)
{
    slr_error detail = {0};
    note(r, slr_json_bool(r->root, r->file, key, value, &detail), &detail);
}

/* The place of a text among `names`; `value` where the key is absent. */
static int read_choice(const reader *r, const char *key, const char *const *names, int count,
                       int value)
{
    const char *text = NULL;
    slr_error detail = {0};
    note(r, slr_json_string(r->root, r->file, key, &text, &detail), &detail);
    for (int i = 0; text && i < count; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    if (text)
        slr_problems_add(r->problems, "%s: %s \"%.40s\" is not supported (only %s and %s are)",
                         r->file, key, text, names[count - 2], names[count - 1]);
    return value;
}

/* Keys that selora follows in one value only. */
typedef struct fixed_key {
    const char *key, *value; /* JSON */
    int changes; /* the samplers whose result depends on it, one bit each; 0: the schedule itself */
} fixed_key;

enum {
    DDIM = 1 << SLR_SAMPLER_DDIM,
    DPMPP = 1 << SLR_SAMPLER_DPMPP_2M,
    EULER = 1 << SLR_SAMPLER_EULER
};

static const fixed_key fixed_keys[] = {
    {"trained_betas", "null", 0},
    {"rescale_betas_zero_snr", "false", 0},
    {"use_flow_sigmas", "false", 0},
    {"thresholding", "false", DDIM | DPMPP},
    {"use_karras_sigmas", "false", DPMPP | EULER},
    {"use_exponential_sigmas", "false", DPMPP | EULER},
    {"use_beta_sigmas", "false", DPMPP | EULER},
    {"final_sigmas_type", "\"zero\"", DPMPP | EULER},
    {"use_lu_lambdas", "false", DPMPP},
    {"lambda_min_clipped", "null", DPMPP},
    {"variance_type", "null", DPMPP},
    {"interpolation_type", "\"linear\"", EULER},
    {"timestep_type", "\"discrete\"", EULER},
};

static void read_fixed_keys(const reader *r, slr_scheduler_config *config)
{
    for (size_t i = 0; i < COUNT(fixed_keys); i++) {
        const fixed_key *fixed = &fixed_keys[i];
        const json_t *value = json_object_get(r->root, fixed->key);
        json_t *only = json_loads(fixed->value, JSON_DECODE_ANY, NULL);
        bool fits = !value || json_is_null(value) || json_equal(value, only);
        json_decref(only);
        if (!fits && !fixed->changes)
            slr_problems_add(r->problems, "%s: %s has a value that is not supported (only %s is)",
                             r->file, fixed->key, fixed->value);
        for (int kind = 0; !fits && kind < SLR_SAMPLER_KINDS; kind++)
            if ((fixed->changes & 1 << kind) && !config->unsupported_key[kind])
                config->unsupported_key[kind] = fixed->key;
    }
}

static void read_all(const reader *r, slr_scheduler_config *config)
{
    static const char *const betas[] = {"scaled_linear", "linear"};
    static const char *const predictions[] = {"epsilon", "v_prediction"};
    static const char *const spacings[] = {"leading", "linspace", "trailing"};
    int64_t timesteps = SLR_TRAIN_TIMESTEPS;
    bool clip = false;
    double range = 1;
    read_double(r, "beta_start", 1e-9, 0.5, &config->beta_start);
    read_double(r, "beta_end", 1e-9, 0.5, &config->beta_end);
    if (config->beta_start > config->beta_end)
        slr_problems_add(r->problems, "%s: beta_start %g is above beta_end %g", r->file,
                         config->beta_start, config->beta_end);
    config->beta_schedule =
        (slr_beta_schedule)read_choice(r, "beta_schedule", betas, 2, SLR_BETA_SCALED_LINEAR);
    config->prediction =
        (slr_prediction)read_choice(r, "prediction_type", predictions, 2, SLR_PREDICT_EPSILON);
    config->spacing =
        (slr_spacing)(1 + read_choice(r, "timestep_spacing", spacings, 3, SLR_SPACING_UNSET - 1));
    read_int(r, "num_train_timesteps", SLR_TRAIN_TIMESTEPS, SLR_TRAIN_TIMESTEPS, &timesteps);
    read_int(r, "steps_offset", 0, SLR_TRAIN_TIMESTEPS - 1, &config->steps_offset);
    read_bool(r, "set_alpha_to_one", &config->set_alpha_to_one);
    read_bool(r, "clip_sample", &clip);
    read_double(r, "clip_sample_range", 1e-6, 1e6, &range);
    config->clip_range = clip ? range : 0;
    read_fixed_keys(r, config);
}

selora_status slr_scheduler_config_read(const char *path, slr_scheduler_config *config,
                                        slr_error *err)
{
    char *text;
    size_t size;
    json_t *root;
    slr_problems problems = {0};
    slr_scheduler_config_sd15(config);
    if (!path)
        return SELORA_OK;
    SLR_TRY(slr_read_file(path, MAX_BYTES, &text, &size, err));
    slr_json_tame_python(text,
                         size); /* lambda_min_clipped of DPMSolverMultistepScheduler is -Infinity */
    selora_status status = slr_json_load_memory(text, size, path, &root, err);
    free(text);
    SLR_TRY(status);
    if (json_is_object(root)) {
        reader r = {root, "scheduler_config.json", &problems};
        read_all(&r, config);
    } else {
        slr_problems_add(&problems, "not a JSON object");
    }
    json_decref(root);
    return slr_problems_report(&problems, path, err);
}
