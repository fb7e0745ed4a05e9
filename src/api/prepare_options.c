/* SPDX-License-Identifier: MIT */
#include "api/prepare_options.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "data/picture_size.h"

enum { MAX_TOKENS = 77 };

/* What may differ between two runs into one folder: paths, and how the work is done. */
static const char *const free_options[] = {"out",  "reports", "tokenizer", "fail-on-phi",
                                           "jobs", "max-bad", "show-paths"};

static bool is_free(const char *name)
{
    for (size_t i = 0; i < sizeof free_options / sizeof *free_options; i++)
        if (strcmp(free_options[i], name) == 0)
            return true;
    return false;
}

static json_t *option_value(const selora_option *option, const selora_prepare_options *options)
{
    const char *place = (const char *)options + option->offset;
    switch (option->kind) {
    case SELORA_OPTION_INT: return json_integer(*(const int64_t *)(const void *)place);
    case SELORA_OPTION_NUMBER: return json_real(*(const double *)(const void *)place);
    case SELORA_OPTION_SEED: return json_integer((json_int_t)*(const uint64_t *)(const void *)place);
    case SELORA_OPTION_FLAG: return json_boolean(*(const int *)(const void *)place);
    default: {
        const char *text = *(const char *const *)(const void *)place;
        return text ? json_string(text) : json_null();
    }
    }
}

static selora_status read_settings(const selora_prepare_options *options, json_t **settings, slr_error *err)
{
    size_t count;
    const selora_option *list = selora_prepare_option_list(&count);
    *settings = json_object();
    for (size_t i = 0; i < count; i++) {
        if (is_free(list[i].name))
            continue;
        if (json_object_set_new(*settings, list[i].name, option_value(&list[i], options)) != 0)
            return slr_fail(err, SELORA_USAGE, "--%s: is not valid UTF-8", list[i].name);
    }
    return SELORA_OK;
}

/* The place of `text` among the words of a choice; the first without a text. */
static selora_status read_choice(const char *name, const char *text, const char *words, int *value,
                                 slr_error *err)
{
    size_t length = text ? strlen(text) : 0;
    *value = 0;
    for (const char *at = words; text; (*value)++) {
        size_t word = strcspn(at, "|");
        if (word == length && strncmp(at, text, word) == 0)
            return SELORA_OK;
        at += word;
        if (!*at++)
            return slr_fail(err, SELORA_USAGE, "--%s: found \"%s\", expected one of %s", name, text, words);
    }
    return SELORA_OK;
}

static selora_status read_blackout(const char *text, slr_medical_options *medical, slr_error *err)
{
    for (const char *at = text; at && *at;) {
        size_t length = strcspn(at, ";");
        char *part = slr_copy_text_n(at, length);
        if (!part)
            return slr_fail_memory(err, length, "--blackout");
        selora_status status = slr_medical_parse_blackout(part, medical, err);
        free(part);
        SLR_TRY(status);
        at += length + (at[length] == ';');
    }
    return SELORA_OK;
}

static selora_status read_medical(const selora_prepare_options *o, slr_medical_options *medical,
                                  slr_error *err)
{
    *medical = slr_medical_options_default();
    if (o->window)
        SLR_TRY(slr_medical_parse_window(o->window, medical, err));
    if (o->no_voi)
        SLR_TRY(slr_medical_parse_no_voi(o->no_voi, medical, err));
    if (o->padding)
        SLR_TRY(slr_medical_parse_padding(o->padding, medical, err));
    if (o->slice)
        SLR_TRY(slr_medical_parse_slice(o->slice, medical, err));
    if (o->axis)
        SLR_TRY(slr_medical_parse_axis(o->axis, medical, err));
    SLR_TRY(read_blackout(o->blackout, medical, err));
    medical->voi_item = (int)o->voi_item;
    medical->mixed_voi = o->mixed_voi;
    medical->volume = o->volume;
    medical->neurological = o->neurological;
    medical->grey_only = o->grey_only;
    medical->localizers = o->localizers;
    medical->for_processing = o->for_processing;
    medical->allow_burned_in = o->allow_burned_in;
    medical->exif_rotate = o->exif_rotate;
    medical->png_max = (int32_t)o->png_max;
    return SELORA_OK;
}

static selora_status read_fit(const selora_prepare_options *o, slr_picture_fit *fit, slr_error *err)
{
    int policy, filter;
    SLR_TRY(read_choice("fit", o->fit, "crop|pad|stretch", &policy, err));
    SLR_TRY(read_choice("resample", o->resample, "bilinear|bicubic|lanczos", &filter, err));
    fit->policy = (slr_fit_policy)policy;
    fit->filter = (slr_resize_filter)filter;
    return o->size ? slr_picture_size(o->size, 0, 1, &fit->width, &fit->height, err) : SELORA_OK;
}

/* A folder of a model has its tokenizer below. */
static selora_status open_tokenizer(const char *path, slr_tokenizer **tokenizer, slr_error *err)
{
    struct stat info;
    char *inner = slr_format("%s/tokenizer", path);
    if (!inner)
        return slr_fail_memory(err, strlen(path), "a path");
    bool model = stat(inner, &info) == 0 && S_ISDIR(info.st_mode);
    selora_status status = slr_tokenizer_open(model ? inner : path, MAX_TOKENS, tokenizer, err);
    free(inner);
    return status;
}

static selora_status read_prompts(const selora_prepare_options *o, slr_prepare_arguments *a, slr_error *err)
{
    slr_prompt_options *prompts = &a->job.prompts;
    int choice, xxxx, truncate, no_text;
    SLR_TRY(read_choice("text", o->text, "findings|impression|both", &choice, err));
    SLR_TRY(read_choice("xxxx", o->xxxx, "keep|drop|split", &xxxx, err));
    SLR_TRY(read_choice("truncate", o->truncate, "tokens|sentence", &truncate, err));
    SLR_TRY(read_choice("no-text", o->no_text, "skip|keep", &no_text, err));
    if (o->columns)
        SLR_TRY(slr_report_columns_parse(&prompts->columns, o->columns, &a->columns, err));
    if (o->patient_col)
        prompts->columns.names[SLR_ROLE_PATIENT] = o->patient_col;
    if (o->tokenizer)
        SLR_TRY(open_tokenizer(o->tokenizer, &a->tokenizer, err));
    else if (truncate)
        return slr_fail(err, SELORA_USAGE,
                        "--truncate sentence needs --tokenizer DIR: the model whose tokens are counted");
    prompts->template = o->text_template;
    prompts->choice = (slr_report_choice)choice;
    prompts->xxxx = (slr_xxxx_policy)xxxx;
    prompts->truncate = (slr_truncate)truncate;
    prompts->exact_age = o->exact_age;
    prompts->label_column = o->stratify;
    prompts->tokenizer = a->tokenizer;
    a->job.keep_without_text = no_text == 1;
    return SELORA_OK;
}

static selora_status read_split(const selora_prepare_options *o, slr_patient_split_options *split,
                                slr_error *err)
{
    int rule;
    SLR_TRY(read_choice("split", o->split, "auto|hash|exact", &rule, err));
    if (o->split_shares)
        SLR_TRY(slr_split_shares_parse(o->split_shares, split->shares, err));
    split->rule = (slr_split_rule)rule;
    split->seed = o->seed;
    split->stratify = o->stratify != NULL;
    return SELORA_OK;
}

static int processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

selora_status slr_prepare_arguments_read(const selora_prepare_options *o, slr_prepare_arguments *a,
                                         slr_error *err)
{
    *a = (slr_prepare_arguments){0};
    slr_prepare_job *job = &a->job;
    if (!o->sources || o->source_count < 1)
        return slr_fail(err, SELORA_USAGE, "name what is to be prepared: a folder or file, or several");
    job->sources = o->sources;
    job->source_count = (size_t)o->source_count;
    job->out = o->out;
    job->reports = o->reports;
    job->patient_regex = o->patient_regex;
    job->jobs = o->jobs < 0 ? processors() : (int)o->jobs;
    job->max_bad = o->max_bad;
    job->fail_on_phi = o->fail_on_phi;
    job->show_paths = o->show_paths;
    SLR_TRY(read_medical(o, &job->medical, err));
    SLR_TRY(read_fit(o, &job->fit, err));
    SLR_TRY(read_prompts(o, a, err));
    SLR_TRY(read_split(o, &job->split, err));
    return read_settings(o, &job->settings, err);
}

void slr_prepare_arguments_free(slr_prepare_arguments *arguments)
{
    json_decref(arguments->job.settings);
    slr_tokenizer_free(arguments->tokenizer);
    free(arguments->columns);
    *arguments = (slr_prepare_arguments){0};
}
