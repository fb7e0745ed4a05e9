/* SPDX-License-Identifier: MIT */
#include "medical/dicom_rule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "medical/dicom_facts.h"
#include "medical/functional_groups.h"

enum { MAX_LUT_BYTES = 2 * SLR_LUT_MAX_ENTRIES, MAX_WINDOWS = 32, PATH_CAPACITY = 160 };

selora_status slr_dicom_read_lut(const slr_dcm *dcm, const char *descriptor_path, const char *data_path,
                                 bool input_is_signed, const char *what, slr_lut *lut, slr_error *err)
{
    double descriptor[3];
    memset(lut, 0, sizeof *lut);
    long bytes = slr_dcm_bytes(dcm, data_path, NULL, 0);
    if (slr_dcm_doubles(dcm, descriptor_path, descriptor, 3) < 3 || bytes < 1 || bytes > MAX_LUT_BYTES)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: its descriptor or its data are missing or too long",
                        what);
    void *data = slr_alloc((size_t)bytes, 1);
    if (!data)
        return slr_fail_memory(err, (size_t)bytes, what);
    slr_dcm_bytes(dcm, data_path, data, (size_t)bytes);
    selora_status status = slr_lut_unpack(descriptor, data, (size_t)bytes, input_is_signed, what, lut, err);
    free(data);
    return status;
}

/* ---- modality ---- */

/* Absent: `value` stays. Present without being a number: refused. */
static selora_status read_number(const slr_dcm *dcm, const slr_group_place *place, const char *tag,
                                 const char *name, double *value, slr_error *err)
{
    double found;
    long count = slr_group_doubles(dcm, place, tag, &found, 1);
    if (count == -2)
        return slr_fail(err, SELORA_BAD_INPUT, "(%s) %s: is no number", tag, name);
    if (count > 0)
        *value = found;
    return SELORA_OK;
}

static selora_status read_modality(const slr_dcm *dcm, uint32_t frame, slr_dicom_rule *rule,
                                   slr_picture_facts *facts, slr_error *err)
{
    char text[64];
    slr_group_place place = slr_group_first(dcm, frame, SLR_GROUP_PIXEL_VALUES, "0028,1053");
    rule->grey.slope = 1.0;
    rule->grey.intercept = 0.0;
    if (slr_group_text(dcm, &place, "0028,1054", text, sizeof text) > 0)
        slr_dicom_clean_code(text, facts->rescale_type);
    if (slr_dcm_items(dcm, "0028,3000") > 0) {
        SLR_TRY(slr_dicom_read_lut(dcm, "0028,3000[0]/0028,3002", "0028,3000[0]/0028,3006",
                                   rule->grey.is_signed, "(0028,3000) Modality LUT", &rule->modality_lut,
                                   err));
        rule->grey.modality_lut = &rule->modality_lut;
        return SELORA_OK;
    }
    SLR_TRY(read_number(dcm, &place, "0028,1053", "Rescale Slope", &rule->grey.slope, err));
    return read_number(dcm, &place, "0028,1052", "Rescale Intercept", &rule->grey.intercept, err);
}

/* ---- values of interest ---- */

static int choose_item(const slr_medical_options *options, long count, slr_picture_facts *facts)
{
    facts->voi_choices = (int32_t)count;
    if (options->voi_item >= 0 && options->voi_item < count)
        return options->voi_item;
    facts->warnings |= SLR_WARN_LUT_ITEM;
    return 0;
}

static selora_status read_voi_lut(const slr_dcm *dcm, const slr_group_place *place, long count,
                                  const slr_medical_options *options, slr_dicom_rule *rule,
                                  slr_picture_facts *facts, slr_error *err)
{
    char descriptor[PATH_CAPACITY], data[PATH_CAPACITY];
    double low, high;
    int item = choose_item(options, count, facts);
    snprintf(descriptor, sizeof descriptor, "%s0028,3010[%d]/0028,3002", place->prefix, item);
    snprintf(data, sizeof data, "%s0028,3010[%d]/0028,3006", place->prefix, item);
    slr_grey_modality_range(&rule->grey, &low, &high);
    SLR_TRY(slr_dicom_read_lut(dcm, descriptor, data, low < 0.0, "(0028,3010) VOI LUT", &rule->voi_lut, err));
    rule->grey.voi = SLR_VOI_LUT;
    rule->grey.voi_lut = &rule->voi_lut;
    return SELORA_OK;
}

static slr_voi_function read_function(const slr_dcm *dcm, const slr_group_place *place)
{
    char text[64] = "", code[SLR_FACT_TEXT];
    slr_group_text(dcm, place, "0028,1056", text, sizeof text);
    slr_dicom_clean_code(text, code);
    return strcmp(code, "LINEAR_EXACT") == 0 ? SLR_VOI_LINEAR_EXACT
           : strcmp(code, "SIGMOID") == 0    ? SLR_VOI_SIGMOID
                                             : SLR_VOI_LINEAR;
}

/* True when the place has a window that can be used. */
static bool read_window(const slr_dcm *dcm, const slr_group_place *place, const slr_medical_options *options,
                        slr_dicom_rule *rule, slr_picture_facts *facts)
{
    double centres[MAX_WINDOWS], widths[MAX_WINDOWS];
    long count = slr_group_doubles(dcm, place, "0028,1050", centres, MAX_WINDOWS);
    long width_count = slr_group_doubles(dcm, place, "0028,1051", widths, MAX_WINDOWS);
    if ((count == -1 || count == 0) && (width_count == -1 || width_count == 0))
        return false;
    count = count < width_count ? count : width_count;
    count = count < MAX_WINDOWS ? count : MAX_WINDOWS;
    if (count < 1) {
        facts->warnings |= SLR_WARN_WINDOW_IGNORED;
        return false;
    }
    int item = choose_item(options, count, facts);
    slr_window window = {read_function(dcm, place), centres[item], widths[item]};
    if (!slr_window_is_valid(&window)) {
        facts->warnings |= SLR_WARN_WINDOW_IGNORED;
        return false;
    }
    rule->grey.voi = SLR_VOI_WINDOW;
    rule->grey.window = window;
    return true;
}

/* A window by name is in Hounsfield units: of CT alone. */
static bool takes_user_window(const slr_medical_options *options, const slr_picture_facts *facts)
{
    return options->has_window && (!options->window_named || strcmp(facts->modality, "CT") == 0);
}

static selora_status read_voi(const slr_dcm *dcm, uint32_t frame, const slr_medical_options *options,
                              slr_dicom_rule *rule, slr_picture_facts *facts, slr_error *err)
{
    static const slr_voi_source without[] = {SLR_VOI_PERCENTILE, SLR_VOI_MINMAX, SLR_VOI_FULL};
    if (takes_user_window(options, facts)) {
        rule->grey.voi = SLR_VOI_USER;
        rule->grey.window =
            (slr_window){options->window_function, options->window_centre, options->window_width};
        return SELORA_OK;
    }
    for (int i = 0; i < SLR_GROUP_PLACES; i++) {
        slr_group_place place = slr_group_at(SLR_GROUP_VOI, frame, i);
        long tables = slr_group_items(dcm, &place, "0028,3010");
        if (tables > 0)
            return read_voi_lut(dcm, &place, tables, options, rule, facts, err);
        if (read_window(dcm, &place, options, rule, facts))
            return SELORA_OK;
    }
    rule->grey.voi = without[options->no_voi];
    if (rule->grey.voi == SLR_VOI_FULL)
        slr_grey_modality_range(&rule->grey, &rule->grey.low, &rule->grey.high);
    return SELORA_OK;
}

/* ---- padding and presentation ---- */

static void read_padding(const slr_dcm *dcm, const slr_medical_options *options, slr_dicom_rule *rule,
                         slr_picture_facts *facts)
{
    double value, limit;
    if (slr_dcm_doubles(dcm, "0028,0120", &value, 1) < 1)
        return;
    if (slr_dcm_doubles(dcm, "0028,0121", &limit, 1) < 1)
        limit = NAN;
    slr_grey_set_padding(&rule->grey, value, limit);
    facts->has_padding = rule->grey.has_padding;
    if (options->keep_padding)
        rule->grey.has_padding = false;
}

/* Shape and photometric interpretation say the same thing: it is done once. */
static void read_presentation(const slr_dcm *dcm, slr_dicom_rule *rule, slr_picture_facts *facts)
{
    char text[64] = "", shape[SLR_FACT_TEXT];
    bool negative = strcmp(facts->photometric, "MONOCHROME1") == 0;
    slr_dcm_text(dcm, "2050,0020", text, sizeof text);
    slr_dicom_clean_code(text, shape);
    bool inverse = strcmp(shape, "INVERSE") == 0, identity = strcmp(shape, "IDENTITY") == 0;
    rule->grey.invert = inverse || (negative && !identity);
    if (negative ? identity : inverse)
        facts->warnings |= SLR_WARN_SHAPE_CONFLICT;
    facts->inverted = rule->grey.invert;
}

static void tell_range(const slr_grey_rule *rule, slr_picture_facts *facts)
{
    facts->voi = rule->voi;
    if (rule->voi == SLR_VOI_WINDOW || rule->voi == SLR_VOI_USER)
        slr_window_range(&rule->window, &facts->voi_low, &facts->voi_high);
    if (rule->voi == SLR_VOI_LUT) {
        facts->voi_low = rule->voi_lut->first;
        facts->voi_high = rule->voi_lut->first + (double)rule->voi_lut->entries - 1.0;
    }
}

selora_status slr_dicom_rule_read(const slr_dcm *dcm, uint32_t frame, const slr_medical_options *options,
                                  slr_dicom_rule *rule, slr_picture_facts *facts, slr_error *err)
{
    slr_dcm_desc desc;
    slr_dcm_describe(dcm, &desc);
    memset(rule, 0, sizeof *rule);
    rule->grey = (slr_grey_rule){.bits_allocated = desc.bits_allocated,
                                 .bits_stored = desc.bits_stored,
                                 .high_bit = desc.high_bit,
                                 .is_signed = desc.is_signed};
    read_padding(dcm, options, rule, facts);
    read_presentation(dcm, rule, facts);
    selora_status status = read_modality(dcm, frame, rule, facts, err);
    if (status == SELORA_OK)
        status = slr_grey_check(&rule->grey, err);
    if (status == SELORA_OK)
        status = read_voi(dcm, frame, options, rule, facts, err);
    if (status == SELORA_OK) {
        tell_range(&rule->grey, facts);
        return SELORA_OK;
    }
    if (status == SELORA_BAD_INPUT)
        facts->skip = SLR_SKIP_VALUES;
    slr_dicom_rule_free(rule);
    return status;
}

void slr_dicom_rule_free(slr_dicom_rule *rule)
{
    slr_lut_free(&rule->modality_lut);
    slr_lut_free(&rule->voi_lut);
}
