/* SPDX-License-Identifier: MIT
 * One JPEG 2000 codestream (or JP2 file) in memory to stored values, by OpenJPEG in strict mode. */
#include <openjpeg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "medical/dcm_parts.h"

/* ---- a stream over memory ---- */

typedef struct memory {
    const uint8_t *data;
    size_t size, at;
} memory;

static OPJ_SIZE_T read_some(void *out, OPJ_SIZE_T wanted, void *user)
{
    memory *m = user;
    size_t left = m->size - m->at, take = wanted < left ? wanted : left;
    if (take == 0)
        return (OPJ_SIZE_T)-1;
    memcpy(out, m->data + m->at, take);
    m->at += take;
    return take;
}

static OPJ_OFF_T skip_some(OPJ_OFF_T wanted, void *user)
{
    memory *m = user;
    size_t left = m->size - m->at;
    if (wanted < 0)
        return -1;
    size_t take = (uint64_t)wanted < left ? (size_t)wanted : left;
    m->at += take;
    return take > 0 || wanted == 0 ? (OPJ_OFF_T)take : -1;
}

static OPJ_BOOL seek_to(OPJ_OFF_T where, void *user)
{
    memory *m = user;
    if (where < 0 || (uint64_t)where > m->size)
        return OPJ_FALSE;
    m->at = (size_t)where;
    return OPJ_TRUE;
}

static opj_stream_t *open_memory(memory *m)
{
    opj_stream_t *stream =
        opj_stream_create(m->size < 1 << 20 ? (m->size > 0 ? m->size : 1) : 1 << 20, OPJ_TRUE);
    if (!stream)
        return NULL;
    opj_stream_set_user_data(stream, m, NULL);
    opj_stream_set_user_data_length(stream, m->size);
    opj_stream_set_read_function(stream, read_some);
    opj_stream_set_skip_function(stream, skip_some);
    opj_stream_set_seek_function(stream, seek_to);
    return stream;
}

/* ---- what the library complains of: its first error ---- */

static void keep_error(const char *message, void *user)
{
    char *text = user;
    if (!text[0])
        snprintf(text, 120, "%.*s", (int)strcspn(message, "\r\n"), message);
}

static void ignore(const char *message, void *user)
{
    (void)message, (void)user;
}

/* ---- checks and copies ---- */

static selora_status check_picture(const opj_image_t *image, const slr_dcm_desc *desc, slr_error *err)
{
    if (image->numcomps != (OPJ_UINT32)desc->samples)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "(7FE0,0010) Pixel Data: found a JPEG 2000 picture of %u components, expected "
                        "(0028,0002) Samples "
                        "per Pixel, %d",
                        (unsigned)image->numcomps, desc->samples);
    for (OPJ_UINT32 c = 0; c < image->numcomps; c++) {
        const opj_image_comp_t *component = &image->comps[c];
        if (component->w != desc->columns || component->h != desc->rows || component->dx != 1 ||
            component->dy != 1)
            return slr_fail(err, SELORA_BAD_INPUT,
                            "(7FE0,0010) Pixel Data: found a JPEG 2000 picture of %u x %u, expected "
                            "(0028,0011) Columns x "
                            "(0028,0010) Rows, %u x %u, without subsampling",
                            (unsigned)component->w, (unsigned)component->h, (unsigned)desc->columns,
                            (unsigned)desc->rows);
        if (component->prec < 1 || component->prec > (OPJ_UINT32)desc->bits_allocated)
            return slr_fail(
                err, SELORA_BAD_INPUT,
                "(7FE0,0010) Pixel Data: found a JPEG 2000 picture of %u bits, expected at most (0028,0100) "
                "Bits Allocated, %d",
                (unsigned)component->prec, desc->bits_allocated);
    }
    return SELORA_OK;
}

/* Low bits of the decoded numbers; the sign comes back from (0028,0103). */
static void copy_values(const opj_image_t *image, const slr_dcm_desc *desc, uint8_t *out)
{
    size_t pixels = (size_t)desc->rows * desc->columns, samples = image->numcomps;
    for (size_t c = 0; c < samples; c++) {
        const OPJ_INT32 *from = image->comps[c].data;
        uint16_t *words = (uint16_t *)(void *)out;
        if (desc->bits_allocated == 8)
            for (size_t i = 0; i < pixels; i++)
                out[i * samples + c] = (uint8_t)from[i];
        else
            for (size_t i = 0; i < pixels; i++)
                words[i * samples + c] = (uint16_t)from[i];
    }
}

static selora_status decode(opj_codec_t *codec, opj_stream_t *stream, const slr_dcm_desc *desc,
                            opj_image_t **image, const char *complaint, slr_error *err)
{
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    bool ready = opj_setup_decoder(codec, &parameters) && opj_decoder_set_strict_mode(codec, OPJ_TRUE) &&
                 opj_read_header(stream, codec, image);
    if (ready) {
        opj_image_t *header = *image;
        if (header->x1 - header->x0 != desc->columns || header->y1 - header->y0 != desc->rows)
            return slr_fail(err, SELORA_BAD_INPUT,
                            "(7FE0,0010) Pixel Data: found a JPEG 2000 picture of %u x %u, expected "
                            "(0028,0011) Columns x "
                            "(0028,0010) Rows, %u x %u",
                            (unsigned)(header->x1 - header->x0), (unsigned)(header->y1 - header->y0),
                            (unsigned)desc->columns, (unsigned)desc->rows);
        if (header->numcomps == 0 || header->numcomps > 4)
            return check_picture(header, desc, err);
    }
    if (!ready || !opj_decode(codec, stream, *image) || !opj_end_decompress(codec, stream))
        return slr_fail(err, SELORA_BAD_INPUT,
                        "(7FE0,0010) Pixel Data: the JPEG 2000 stream is damaged or cut: %s",
                        complaint[0] ? complaint : "it ends early");
    for (OPJ_UINT32 c = 0; c < (*image)->numcomps; c++)
        if (!(*image)->comps[c].data)
            return slr_fail(err, SELORA_BAD_INPUT,
                            "(7FE0,0010) Pixel Data: the JPEG 2000 stream lacks a component");
    return SELORA_OK;
}

selora_status slr_jpeg2000_decode(const uint8_t *data, size_t size, const slr_dcm_desc *desc, uint8_t *out,
                                  char model[SLR_DCM_MODEL], bool *other_sign, slr_error *err)
{
    memory source = {data, size, 0};
    char complaint[120] = "";
    opj_image_t *image = NULL;
    bool boxed = size >= 2 && data[0] == 0;
    opj_codec_t *codec = opj_create_decompress(boxed ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
    opj_stream_t *stream = open_memory(&source);
    selora_status status;
    if (codec && stream) {
        opj_set_error_handler(codec, keep_error, complaint);
        opj_set_warning_handler(codec, ignore, NULL);
        opj_set_info_handler(codec, ignore, NULL);
        status = decode(codec, stream, desc, &image, complaint, err);
    } else {
        status = slr_fail_memory(err, 1 << 20, "the JPEG 2000 decoder");
    }
    if (status == SELORA_OK)
        status = check_picture(image, desc, err);
    if (status == SELORA_OK) {
        copy_values(image, desc, out);
        *other_sign = (image->comps[0].sgnd != 0) != desc->is_signed;
        bool transformed =
            strcmp(desc->photometric, "YBR_RCT") == 0 || strcmp(desc->photometric, "YBR_ICT") == 0;
        snprintf(model, SLR_DCM_MODEL, "%s", transformed ? "RGB" : desc->photometric);
    }
    if (image)
        opj_image_destroy(image);
    if (stream)
        opj_stream_destroy(stream);
    if (codec)
        opj_destroy_codec(codec);
    return status;
}
