/* SPDX-License-Identifier: MIT */
#include "medical/dicom_picture.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "medical/dicom_colour.h"
#include "medical/dicom_facts.h"
#include "medical/dicom_rule.h"
#include "medical/picture_colour.h"
#include "medical/picture_geometry.h"
#include "medical/slice_choice.h"

static const double percentile = 0.5; /* and 99.5, of a file without window and table */

static bool is_grey(const slr_picture_facts *facts)
{
    return strncmp(facts->photometric, "MONOCHROME", 10) == 0;
}

/* Header and, of a grey frame, its rule, which the caller frees. */
static selora_status read_header(const slr_dcm *dcm, uint32_t frame, const slr_medical_options *options,
                                 slr_dicom_rule *rule, slr_picture_facts *facts, slr_error *err)
{
    static const char *const models[] = {"MONOCHROME1", "MONOCHROME2",  "PALETTE COLOR", "RGB",
                                         "YBR_FULL",    "YBR_FULL_422", "YBR_RCT",       "YBR_ICT"};
    memset(rule, 0, sizeof *rule);
    SLR_TRY(slr_dicom_header_facts(dcm, frame, options, facts, err));
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (strcmp(facts->photometric, models[i]) == 0)
            return is_grey(facts) ? slr_dicom_rule_read(dcm, frame, options, rule, facts, err) : SELORA_OK;
    facts->skip = SLR_SKIP_COLOUR_MODEL;
    return slr_fail(
        err, SELORA_BAD_INPUT,
        "(0028,0004) Photometric Interpretation: '%s' is not read; MONOCHROME1, MONOCHROME2, PALETTE "
        "COLOR, RGB, YBR_FULL, YBR_FULL_422, YBR_RCT and YBR_ICT are",
        facts->photometric);
}

selora_status slr_dicom_read_facts(const slr_dcm *dcm, uint32_t frame, const slr_medical_options *options,
                                   slr_picture_facts *facts, slr_error *err)
{
    slr_dicom_rule rule;
    selora_status status = read_header(dcm, frame, options, &rule, facts, err);
    slr_dicom_rule_free(&rule);
    return status;
}

/* One frame as it is stored; free() *words. */
static selora_status read_words(slr_dcm *dcm, const slr_dcm_desc *desc, uint32_t frame, void **words,
                                char model[SLR_DCM_MODEL], slr_error *err)
{
    *words = slr_alloc_aligned(desc->frame_bytes, 1);
    if (!*words)
        return slr_fail_memory(err, desc->frame_bytes, "a frame");
    selora_status status = slr_dcm_frame(dcm, frame, *words, desc->frame_bytes, model, err);
    if (status != SELORA_OK) {
        free(*words);
        *words = NULL;
    }
    return status;
}

/* Percentiles or extremes, where the header gave neither window nor table. */
static selora_status measure(slr_grey_rule *rule, const slr_grey_counts *counts, slr_picture_facts *facts,
                             slr_error *err)
{
    bool found;
    if (rule->voi == SLR_VOI_PERCENTILE || rule->voi == SLR_VOI_MINMAX) {
        double p = rule->voi == SLR_VOI_PERCENTILE ? percentile : 0.0;
        SLR_TRY(slr_grey_percentiles(rule, counts, p, &rule->low, &rule->high, &found, err));
    }
    if (rule->voi == SLR_VOI_PERCENTILE || rule->voi == SLR_VOI_MINMAX || rule->voi == SLR_VOI_FULL) {
        facts->voi_low = rule->low;
        facts->voi_high = rule->high;
    }
    facts->padding_pixels = (int64_t)slr_grey_padding(rule, counts);
    return SELORA_OK;
}

static selora_status render_grey(slr_dicom_rule *rule, const slr_dcm_desc *desc, const void *words,
                                 slr_image *image, slr_picture_facts *facts, slr_error *err)
{
    size_t n = (size_t)desc->columns * desc->rows;
    slr_grey_counts counts = {0};
    bool constant = false;
    selora_status status = slr_grey_count(&rule->grey, words, n, &counts, err);
    if (status == SELORA_OK)
        status = measure(&rule->grey, &counts, facts, err);
    if (status == SELORA_OK)
        status = slr_image_new((int)desc->columns, (int)desc->rows, 1, image, err);
    if (status == SELORA_OK) {
        image->bits = desc->bits_stored > 8 ? 16 : 8;
        status = slr_grey_render(&rule->grey, &counts, words, n, image->pixels, &constant, err);
    }
    if (constant)
        facts->warnings |= SLR_WARN_CONSTANT;
    slr_grey_counts_free(&counts);
    return status;
}

/* The frame with the pixels of the file; nothing of the coded frame stays behind. */
static selora_status render(slr_dcm *dcm, uint32_t frame, slr_dicom_rule *rule, slr_image *image,
                            slr_picture_facts *facts, slr_error *err)
{
    slr_dcm_desc desc;
    char model[SLR_DCM_MODEL];
    void *words;
    slr_dcm_describe(dcm, &desc);
    facts->skip = SLR_SKIP_DAMAGED;
    SLR_TRY(read_words(dcm, &desc, frame, &words, model, err));
    selora_status status;
    slr_dcm_describe(dcm, &desc); /* what only a decoded frame tells */
    if (desc.other_sign)
        facts->warnings |= SLR_WARN_SIGN;
    facts->skip = SLR_SKIP_COLOUR_MODEL;
    if (is_grey(facts))
        status = render_grey(rule, &desc, words, image, facts, err);
    else if (strcmp(facts->photometric, "PALETTE COLOR") == 0)
        status = slr_dicom_palette(dcm, &desc, words, image, err);
    else
        status = slr_dicom_colour(&desc, model, words, image, err);
    if (status == SELORA_OK)
        facts->skip = SLR_SKIP_NONE;
    free(words);
    return status;
}

static selora_status finish(const slr_dcm *dcm, uint32_t frame, const slr_medical_options *options,
                            slr_image *image, slr_picture_facts *facts, slr_error *err)
{
    double aspect[2];
    int width, height;
    SLR_TRY(slr_colour_settle(image, options->grey_only, facts, err));
    slr_picture_blackout(image, options->blackout, options->blackouts);
    slr_dicom_aspect(dcm, frame, aspect);
    if (!slr_square_size(image->width, image->height, aspect[0], aspect[1], &width, &height))
        facts->warnings |= SLR_WARN_NO_SQUARE;
    SLR_TRY(slr_picture_make_square(image, aspect[0], aspect[1], err));
    facts->width = image->width;
    facts->height = image->height;
    facts->channels = image->channels;
    return SELORA_OK;
}

selora_status slr_dicom_picture(slr_dcm *dcm, uint32_t frame, const slr_medical_options *options,
                                slr_image *image, slr_picture_facts *facts, slr_error *err)
{
    slr_dicom_rule rule;
    memset(image, 0, sizeof *image);
    selora_status status = read_header(dcm, frame, options, &rule, facts, err);
    if (status == SELORA_OK)
        status = render(dcm, frame, &rule, image, facts, err);
    if (status == SELORA_OK)
        status = finish(dcm, frame, options, image, facts, err);
    slr_dicom_rule_free(&rule);
    if (status == SELORA_NO_RESOURCE)
        facts->skip = SLR_SKIP_UNREADABLE; /* no fault of the file */
    if (status != SELORA_OK)
        slr_image_free(image);
    return status;
}

/* ---- the largest frame ---- */

/* One frame's values into the counts of the volume (`above` < 0), or how many of them lie above a bin. */
static selora_status scan_frame(slr_dcm *dcm, uint32_t frame, const slr_medical_options *options,
                                slr_volume_counts *volume, int above, uint64_t *area,
                                slr_picture_facts *facts, slr_error *err)
{
    slr_dcm_desc desc;
    slr_dicom_rule rule;
    slr_grey_counts counts = {0};
    char model[SLR_DCM_MODEL];
    void *words = NULL;
    slr_dcm_describe(dcm, &desc);
    selora_status status = read_header(dcm, frame, options, &rule, facts, err);
    if (status == SELORA_OK) {
        facts->skip = SLR_SKIP_DAMAGED;
        status = read_words(dcm, &desc, frame, &words, model, err);
    }
    if (status == SELORA_OK)
        status = slr_grey_count(&rule.grey, words, (size_t)desc.columns * desc.rows, &counts, err);
    for (size_t word = 0; word < counts.words; word++) {
        int32_t stored = slr_grey_stored(&rule.grey, (uint32_t)word);
        if (!counts.of_word[word] || slr_grey_is_padding(&rule.grey, stored))
            continue;
        int bin = slr_volume_bin(volume, slr_grey_modality(&rule.grey, stored));
        if (above < 0)
            volume->bins[bin] += counts.of_word[word];
        else if (bin > above)
            *area += counts.of_word[word];
    }
    slr_grey_counts_free(&counts);
    free(words);
    slr_dicom_rule_free(&rule);
    return status;
}

/* What values of all frames can be, by their headers. */
static selora_status volume_range(const slr_dcm *dcm, uint32_t frames, const slr_medical_options *options,
                                  slr_volume_counts *volume, slr_picture_facts *facts, slr_error *err)
{
    for (uint32_t frame = 0; frame < frames; frame++) {
        slr_dicom_rule rule;
        double low = 0.0, high = 0.0;
        SLR_TRY(read_header(dcm, frame, options, &rule, facts, err));
        if (is_grey(facts))
            slr_grey_modality_range(&rule.grey, &low, &high);
        slr_dicom_rule_free(&rule);
        if (!is_grey(facts)) {
            facts->skip = SLR_SKIP_COLOUR;
            return slr_fail(err, SELORA_BAD_INPUT,
                            "the largest slice can be found among grey frames only; give --slice mid, all, "
                            "every:N or index:K");
        }
        volume->low = frame == 0 || low < volume->low ? low : volume->low;
        volume->high = frame == 0 || high > volume->high ? high : volume->high;
    }
    return SELORA_OK;
}

static selora_status find_largest(slr_dcm *dcm, const slr_medical_options *options, slr_volume_counts *volume,
                                  int64_t *largest, slr_picture_facts *facts, slr_error *err)
{
    slr_dcm_desc desc;
    uint64_t most = 0;
    slr_dcm_describe(dcm, &desc);
    SLR_TRY(volume_range(dcm, desc.frames, options, volume, facts, err));
    for (uint32_t frame = 0; frame < desc.frames; frame++)
        SLR_TRY(scan_frame(dcm, frame, options, volume, -1, NULL, facts, err));
    int above = slr_volume_percentile_bin(volume, 5.0);
    for (uint32_t frame = 0; frame < desc.frames; frame++) {
        uint64_t area = 0;
        SLR_TRY(scan_frame(dcm, frame, options, volume, above, &area, facts, err));
        if (area > most) {
            most = area;
            *largest = frame;
        }
    }
    return SELORA_OK;
}

selora_status slr_dicom_largest(slr_dcm *dcm, const slr_medical_options *options, int64_t *largest,
                                slr_picture_skip *skip, slr_error *err)
{
    slr_picture_facts facts = {0};
    *largest = 0;
    slr_volume_counts *volume = slr_alloc(1, sizeof *volume);
    selora_status status = volume ? find_largest(dcm, options, volume, largest, &facts, err)
                                  : slr_fail_memory(err, sizeof *volume, "counts of a volume");
    *skip = status == SELORA_OK ? SLR_SKIP_NONE : volume ? facts.skip : SLR_SKIP_UNREADABLE;
    free(volume);
    return status;
}
