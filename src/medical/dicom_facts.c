/* SPDX-License-Identifier: MIT
 * Only tags of the allow-list are read into facts, and only values of their form: what a hospital typed into
 * a code field in its own way may name a person. */
#include "medical/dicom_facts.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/checksum.h"
#include "medical/functional_groups.h"

enum { TEXT_CAPACITY = 1024 };

void slr_dicom_clean_code(const char *text, char code[SLR_FACT_TEXT])
{
    size_t length = strcspn(text, "\\");
    memset(code, 0, SLR_FACT_TEXT);
    while (length > 0 && text[length - 1] == ' ')
        length--;
    for (; length > 0 && *text == ' '; length--)
        text++;
    bool good = length < SLR_FACT_TEXT;
    for (size_t i = 0; good && i < length; i++) {
        char c = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
        good = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ' || c == '_';
        code[i] = c;
    }
    if (!good)
        memset(code, 0, SLR_FACT_TEXT);
}

static void read_code(const slr_dcm *dcm, const char *path, char code[SLR_FACT_TEXT])
{
    char text[TEXT_CAPACITY];
    code[0] = 0;
    if (slr_dcm_text(dcm, path, text, sizeof text) > 0)
        slr_dicom_clean_code(text, code);
}

/* Value `index` of several. */
static void read_code_at(const slr_dcm *dcm, const char *path, int index, char code[SLR_FACT_TEXT])
{
    char text[TEXT_CAPACITY], *at = text;
    code[0] = 0;
    if (slr_dcm_text(dcm, path, text, sizeof text) <= 0)
        return;
    for (; at && index > 0; index--) {
        at = strchr(at, '\\');
        at = at ? at + 1 : NULL;
    }
    if (at)
        slr_dicom_clean_code(at, code);
}

/* Whole when it fits; longer identifiers must not become equal by being cut. */
static void read_key(const slr_dcm *dcm, const char *path, char key[SLR_FACT_KEY])
{
    char text[TEXT_CAPACITY];
    key[0] = 0;
    long length = slr_dcm_text(dcm, path, text, sizeof text);
    if (length <= 0)
        return;
    size_t size = strlen(text);
    if (size < SLR_FACT_KEY)
        memcpy(key, text, size + 1);
    else
        slr_sha256_memory(text, size, key, NULL);
}

static slr_answer read_answer(const slr_dcm *dcm, const char *path, const char *yes, const char *no)
{
    char code[SLR_FACT_TEXT];
    read_code(dcm, path, code);
    return strcmp(code, yes) == 0 ? SLR_YES : strcmp(code, no) == 0 ? SLR_NO : SLR_ABSENT;
}

static bool one_of(const char *text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, list[i]) == 0)
            return true;
    return false;
}

/* "032Y": three digits and a unit; anything else is not an age. */
static bool is_age(const char *text)
{
    return strlen(text) == 4 && isdigit((unsigned char)text[0]) && isdigit((unsigned char)text[1]) &&
           isdigit((unsigned char)text[2]) && strchr("DWMY", text[3]);
}

static void read_patient(const slr_dcm *dcm, slr_picture_facts *facts)
{
    static const char *const sexes[] = {"M", "F", "O"};
    read_code(dcm, "0010,0040", facts->sex);
    if (!one_of(facts->sex, sexes, 3))
        facts->sex[0] = 0;
    read_code(dcm, "0010,1010", facts->age);
    if (!is_age(facts->age))
        facts->age[0] = 0;
    read_key(dcm, "0010,0020", facts->patient_id);
    read_key(dcm, "0020,000d", facts->study_uid);
    read_key(dcm, "0020,000e", facts->series_uid);
    facts->deidentified = read_answer(dcm, "0012,0062", "YES", "NO");
}

static void read_acquisition(const slr_dcm *dcm, slr_picture_facts *facts)
{
    static const char *const sides[] = {"L", "R", "U", "B"};
    static const char *const screens[] = {"US", "SC", "XC", "ES", "OT"};
    char conversion[2];
    read_code(dcm, "0008,0060", facts->modality);
    read_code(dcm, "0018,5101", facts->view_position);
    read_code(dcm, "0018,0015", facts->body_part);
    read_code_at(dcm, "0008,0008", 2, facts->image_type);
    read_code(dcm, "0020,0062", facts->laterality);
    if (!facts->laterality[0])
        read_code(dcm, "0020,0060", facts->laterality);
    if (!one_of(facts->laterality, sides, 4))
        facts->laterality[0] = 0;
    facts->burned_in = read_answer(dcm, "0028,0301", "YES", "NO");
    if (facts->burned_in == SLR_ABSENT && (one_of(facts->modality, screens, 5) ||
                                           slr_dcm_text(dcm, "0008,0064", conversion, sizeof conversion) > 0))
        facts->warnings |= SLR_WARN_BURNED_IN;
    if (read_answer(dcm, "0008,001c", "YES", "NO") == SLR_YES)
        facts->warnings |= SLR_WARN_SYNTHETIC;
}

static void read_coding(const slr_dcm *dcm, const slr_dcm_desc *desc, slr_picture_facts *facts)
{
    static const char *const always_lossy[] = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"};
    double ratio;
    if (strncmp(desc->transfer_syntax, "1.2.840.10008.1.2", 17) ==
        0) /* a private one may name its hospital */
        snprintf(facts->transfer_syntax, sizeof facts->transfer_syntax, "%s", desc->transfer_syntax);
    slr_dicom_clean_code(desc->photometric, facts->photometric);
    facts->bits_stored = desc->bits_stored;
    facts->is_signed = desc->is_signed;
    facts->lossy = read_answer(dcm, "0028,2110", "01", "00");
    if (one_of(desc->transfer_syntax, always_lossy, 2))
        facts->lossy = SLR_YES;
    if (slr_dcm_doubles(dcm, "0028,2112", &ratio, 1) > 0 && isfinite(ratio))
        facts->lossy_ratio = ratio;
    read_code(dcm, "0028,2114", facts->lossy_method);
}

/* Values that are all finite. */
static bool read_vector(const slr_dcm *dcm, uint32_t frame, const char *sequence, const char *tag,
                        double *out, long n)
{
    slr_group_place place = slr_group_first(dcm, frame, sequence, tag);
    if (slr_group_doubles(dcm, &place, tag, out, (size_t)n) < n)
        return false;
    for (long i = 0; i < n; i++)
        if (!isfinite(out[i]))
            return false;
    return true;
}

static void read_place(const slr_dcm *dcm, uint32_t frame, slr_picture_facts *facts)
{
    facts->has_position = read_vector(dcm, frame, SLR_GROUP_POSITION, "0020,0032", facts->position, 3);
    facts->has_orientation =
        read_vector(dcm, frame, SLR_GROUP_ORIENTATION, "0020,0037", facts->orientation, 6);
    if (!read_vector(dcm, frame, SLR_GROUP_MEASURES, "0028,0030", facts->spacing, 2) &&
        !read_vector(dcm, frame, SLR_GROUP_MEASURES, "0018,1164", facts->spacing, 2))
        facts->spacing[0] = facts->spacing[1] = 0.0;
    if (!read_vector(dcm, frame, SLR_GROUP_MEASURES, "0018,0050", &facts->slice_thickness, 1))
        facts->slice_thickness = 0.0;
}

void slr_dicom_aspect(const slr_dcm *dcm, uint32_t frame, double aspect[2])
{
    if (!read_vector(dcm, frame, SLR_GROUP_MEASURES, "0028,0030", aspect, 2) &&
        !read_vector(dcm, frame, SLR_GROUP_MEASURES, "0018,1164", aspect, 2) &&
        !read_vector(dcm, frame, SLR_GROUP_MEASURES, "0028,0034", aspect, 2))
        aspect[0] = aspect[1] = 1.0;
}

static selora_status skip(slr_picture_facts *facts, slr_picture_skip why, slr_error *err, const char *message)
{
    facts->skip = why;
    return slr_fail(err, SELORA_BAD_INPUT, "%s", message);
}

static selora_status check_pixels(const slr_dcm *dcm, const slr_dcm_desc *desc, slr_picture_facts *facts,
                                  slr_error *err)
{
    static const char documents[] = "1.2.840.10008.5.1.4.1.1.104.";
    static const slr_picture_skip why[] = {
        [SLR_DCM_PIXELS] = SLR_SKIP_NONE,
        [SLR_DCM_NO_PIXELS] = SLR_SKIP_NO_PIXELS,
        [SLR_DCM_FLOAT_PIXELS] = SLR_SKIP_FLOAT_PIXELS,
        [SLR_DCM_BIT_PIXELS] = SLR_SKIP_ONE_BIT,
        [SLR_DCM_WIDE_PIXELS] = SLR_SKIP_WIDE_BITS,
        [SLR_DCM_OTHER_SYNTAX] = SLR_SKIP_TRANSFER_SYNTAX,
        [SLR_DCM_BAD_PIXELS] = SLR_SKIP_DAMAGED,
    };
    char uid[SLR_FACT_KEY];
    if (desc->pixels == SLR_DCM_PIXELS)
        return SELORA_OK;
    if (desc->pixels == SLR_DCM_NO_PIXELS && slr_dcm_text(dcm, "0008,0016", uid, sizeof uid) > 0 &&
        strncmp(uid, documents, sizeof documents - 1) == 0)
        return skip(facts, SLR_SKIP_PDF, err,
                    "(0008,0016) SOP Class UID: an encapsulated document, no picture");
    return skip(facts, why[desc->pixels], err, desc->refusal);
}

/* Kinds that are left out unless the user wants them. */
static selora_status check_wanted(const slr_dcm *dcm, const slr_medical_options *options,
                                  slr_picture_facts *facts, slr_error *err)
{
    char intent[SLR_FACT_TEXT];
    if (strcmp(facts->image_type, "LOCALIZER") == 0 && !options->localizers)
        return skip(facts, SLR_SKIP_LOCALIZER, err,
                    "(0008,0008) Image Type: LOCALIZER, a survey for planning; --localizers keeps them");
    read_code(dcm, "0008,0068", intent);
    if (strcmp(intent, "FOR PROCESSING") == 0 && !options->for_processing)
        return skip(facts, SLR_SKIP_FOR_PROCESSING, err,
                    "(0008,0068) Presentation Intent Type: FOR PROCESSING, raw detector values; "
                    "--for-processing keeps them");
    if (facts->burned_in == SLR_YES && !options->allow_burned_in)
        return skip(facts, SLR_SKIP_BURNED_IN, err,
                    "(0028,0301) Burned In Annotation: YES, the pixels may name the patient; "
                    "--allow-burned-in keeps them, --blackout x,y,w,h covers parts");
    return SELORA_OK;
}

selora_status slr_dicom_header_facts(const slr_dcm *dcm, uint32_t frame, const slr_medical_options *options,
                                     slr_picture_facts *facts, slr_error *err)
{
    slr_dcm_desc desc;
    slr_dcm_describe(dcm, &desc);
    memset(facts, 0, sizeof *facts);
    facts->kind = SLR_KIND_DICOM;
    facts->source_width = (int32_t)desc.columns;
    facts->source_height = (int32_t)desc.rows;
    facts->frame = frame;
    facts->frames = desc.frames;
    facts->volumes = 1;
    read_patient(dcm, facts);
    read_acquisition(dcm, facts);
    read_coding(dcm, &desc, facts);
    read_place(dcm, frame, facts);
    SLR_TRY(check_pixels(dcm, &desc, facts, err));
    if (frame >= desc.frames) {
        facts->skip = SLR_SKIP_NO_FRAME;
        return slr_fail(err, SELORA_BAD_INPUT, "frame %u is asked for and there are %u, counted from 0",
                        frame, desc.frames);
    }
    return check_wanted(dcm, options, facts, err);
}
