/* SPDX-License-Identifier: MIT */
#include "medical/medical_options.h"

#include <stdlib.h>
#include <string.h>

slr_medical_options slr_medical_options_default(void)
{
    return (slr_medical_options){.slice = SLR_SLICE_MID};
}

/* The place of `text` in `names`, -1 when it is not there. */
static int find_name(const char *text, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return -1;
}

/* Digits, sign and point alone: strtod() would take "inf", "nan" and hexadecimal too. */
static bool read_number(const char **text, double *value)
{
    size_t length = strspn(*text, "+-.0123456789eE");
    char copy[64], *end;
    if (length == 0 || length >= sizeof copy)
        return false;
    memcpy(copy, *text, length);
    copy[length] = 0;
    *value = strtod(copy, &end);
    *text += length;
    return *end == 0;
}

static bool read_integer(const char **text, int64_t *value)
{
    size_t length = strspn(*text, "0123456789");
    if (length == 0 || length > 9)
        return false;
    *value = strtol(*text, NULL, 10);
    *text += length;
    return true;
}

selora_status slr_medical_parse_window(const char *text, slr_medical_options *options, slr_error *err)
{
    static const struct {
        const char *name;
        double centre, width; /* Hounsfield units */
    } known[] = {{"lung", -600, 1500},
                 {"mediastinum", 40, 400},
                 {"brain", 40, 80},
                 {"bone", 400, 1800},
                 {"abdomen", 50, 350}};
    options->window_function = SLR_VOI_LINEAR;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(text, known[i].name) == 0) {
            options->has_window = options->window_named = true;
            options->window_centre = known[i].centre;
            options->window_width = known[i].width;
            return SELORA_OK;
        }
    const char *at = text;
    slr_window window = {.function = SLR_VOI_LINEAR};
    if (!read_number(&at, &window.centre) || *at++ != '/' || !read_number(&at, &window.width) || *at ||
        !slr_window_is_valid(&window))
        return slr_fail(
            err, SELORA_USAGE,
            "window '%s': lung, mediastinum, brain, bone, abdomen or CENTRE/WIDTH with a width of at "
            "least 1 is expected, such as -600/1500",
            text);
    options->has_window = true;
    options->window_named = false;
    options->window_centre = window.centre;
    options->window_width = window.width;
    return SELORA_OK;
}

selora_status slr_medical_parse_no_voi(const char *text, slr_medical_options *options, slr_error *err)
{
    static const char *const names[] = {"percentile", "minmax", "full"};
    int found = find_name(text, names, 3);
    if (found < 0)
        return slr_fail(err, SELORA_USAGE, "no-voi '%s': percentile, minmax or full is expected", text);
    options->no_voi = (slr_no_voi)found;
    return SELORA_OK;
}

selora_status slr_medical_parse_padding(const char *text, slr_medical_options *options, slr_error *err)
{
    static const char *const names[] = {"black", "keep"};
    int found = find_name(text, names, 2);
    if (found < 0)
        return slr_fail(err, SELORA_USAGE, "padding '%s': black or keep is expected", text);
    options->keep_padding = found == 1;
    return SELORA_OK;
}

selora_status slr_medical_parse_axis(const char *text, slr_medical_options *options, slr_error *err)
{
    static const char *const names[] = {"axial", "coronal", "sagittal"};
    int found = find_name(text, names, 3);
    if (found < 0)
        return slr_fail(err, SELORA_USAGE, "axis '%s': axial, coronal or sagittal is expected", text);
    options->axis = (slr_axis)found;
    return SELORA_OK;
}

/* The number after "every:" or "index:". */
static bool numbered(const char *text, const char *prefix, int64_t least, int64_t *number)
{
    size_t length = strlen(prefix);
    if (strncmp(text, prefix, length) != 0)
        return false;
    text += length;
    return read_integer(&text, number) && !*text && *number >= least;
}

selora_status slr_medical_parse_slice(const char *text, slr_medical_options *options, slr_error *err)
{
    int64_t number = 0;
    if (strcmp(text, "mid") == 0)
        options->slice = SLR_SLICE_MID;
    else if (strcmp(text, "all") == 0)
        options->slice = SLR_SLICE_ALL;
    else if (strcmp(text, "largest") == 0)
        options->slice = SLR_SLICE_LARGEST;
    else if (numbered(text, "every:", 1, &number))
        options->slice = SLR_SLICE_EVERY;
    else if (numbered(text, "index:", 0, &number))
        options->slice = SLR_SLICE_INDEX;
    else
        return slr_fail(err, SELORA_USAGE,
                        "slice '%s': mid, all, largest, every:N (N from 1) or index:K (K from 0) is expected",
                        text);
    options->slice_number = number;
    return SELORA_OK;
}

selora_status slr_medical_parse_blackout(const char *text, slr_medical_options *options, slr_error *err)
{
    const char *at = text;
    int64_t values[4] = {0};
    bool good = true;
    for (int i = 0; i < 4 && good; i++)
        good = read_integer(&at, &values[i]) && *at == (i < 3 ? ',' : 0) && (i == 3 || *at++);
    if (!good || values[2] < 1 || values[3] < 1)
        return slr_fail(err, SELORA_USAGE, "blackout '%s': X,Y,WIDTH,HEIGHT in pixels is expected", text);
    if (options->blackouts == SLR_BLACKOUT_MAX)
        return slr_fail(err, SELORA_USAGE, "at most %d blackouts are taken", SLR_BLACKOUT_MAX);
    options->blackout[options->blackouts++] =
        (slr_blackout){(int32_t)values[0], (int32_t)values[1], (int32_t)values[2], (int32_t)values[3]};
    return SELORA_OK;
}
