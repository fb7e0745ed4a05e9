/* SPDX-License-Identifier: MIT
 * PNG through libspng. gAMA, sRGB and iCCP are ignored, as everywhere in the field. */
#include <spng.h>
#include <zlib.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/atomic_file.h"
#include "io/image_codec.h"

enum {
    MAX_CHUNK_BYTES = 16 << 20, /* of text and profiles, unpacked */
    MAX_CACHE_BYTES = 64 << 20
};

bool slr_png_is(const void *data, size_t size)
{
    return size >= 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static selora_status fail_damaged(int code, const char *name, slr_error *err)
{
    if (code == SPNG_EMEM)
        return slr_fail(err, SELORA_NO_RESOURCE, "%s: not enough memory to read the PNG", name);
    return slr_fail(err, SELORA_BAD_INPUT, "%s: damaged or truncated PNG: %s", name,
                    spng_strerror(code));
}

/* ---- reading ---- */

static uint32_t big_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The size is checked before the library sees the file: it computes with it first and tests later.
 */
static selora_status open_reader(const void *data, size_t size, const char *name,
                                 const slr_image_limits *limits, spng_ctx **reader,
                                 struct spng_ihdr *header, slr_error *err)
{
    const unsigned char *bytes = data;
    *reader = NULL;
    if (size < 24 || memcmp(bytes + 12, "IHDR", 4) != 0)
        return fail_damaged(size < 24 ? SPNG_IO_EOF : SPNG_ENOIHDR, name, err);
    SLR_TRY(
        slr_image_check_size(big_endian(bytes + 16), big_endian(bytes + 20), name, limits, err));
    *reader = spng_ctx_new(0);
    if (!*reader)
        return fail_damaged(SPNG_EMEM, name, err);
    int code = spng_set_chunk_limits(*reader, MAX_CHUNK_BYTES, MAX_CACHE_BYTES);
    if (code == 0)
        code = spng_set_png_buffer(*reader, data, size);
    if (code == 0)
        code = spng_get_ihdr(*reader, header);
    return code == 0 ? SELORA_OK : fail_damaged(code, name, err);
}

selora_status slr_png_size(const void *data, size_t size, const char *name,
                           const slr_image_limits *limits, int *width, int *height, slr_error *err)
{
    spng_ctx *reader;
    struct spng_ihdr header;
    selora_status status = open_reader(data, size, name, limits, &reader, &header, err);
    if (status == SELORA_OK) {
        *width = (int)header.width;
        *height = (int)header.height;
    }
    spng_ctx_free(reader);
    return status;
}

/* How the samples of a file lie after decoding. */
typedef struct layout {
    int format;     /* SPNG_FMT_... */
    size_t samples; /* of a pixel, with alpha */
    int channels;   /* of a pixel, without */
    size_t bytes;   /* of a sample */
} layout;

static layout layout_of(const struct spng_ihdr *header)
{
    size_t bytes = header->bit_depth == 16 ? 2 : 1;
    switch (header->color_type) {
    case SPNG_COLOR_TYPE_GRAYSCALE: /* G8 scales 1, 2 and 4 bits to 0..255 */
        return (layout){bytes == 2 ? SPNG_FMT_PNG : SPNG_FMT_G8, 1, 1, bytes};
    case SPNG_COLOR_TYPE_GRAYSCALE_ALPHA:
        return (layout){SPNG_FMT_PNG, 2, 1, bytes};
    case SPNG_COLOR_TYPE_INDEXED:
        return (layout){SPNG_FMT_RGB8, 3, 3, 1};
    case SPNG_COLOR_TYPE_TRUECOLOR:
        return (layout){SPNG_FMT_PNG, 3, 3, bytes};
    default:
        return (layout){SPNG_FMT_PNG, 4, 3, bytes};
    }
}

/* With the alpha of a tRNS chunk as a sample of its own. */
static layout layout_with_alpha(const struct spng_ihdr *header)
{
    if (header->color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
        header->color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA)
        return layout_of(header);
    size_t bytes = header->bit_depth == 16 ? 2 : 1;
    return (layout){bytes == 2 ? SPNG_FMT_RGBA16 : SPNG_FMT_RGBA8, 4, 3, bytes};
}

/* Keeps the colours of each pixel, drops its alpha; dividing (not multiplying by 1/255) so that
 * writing the picture gives the same samples back. */
static void convert(const void *samples, const layout *how, size_t count, float *pixels)
{
    const uint8_t *narrow = samples;
    const uint16_t *wide = samples;
    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < how->channels; c++) {
            size_t at = i * how->samples + (size_t)c;
            *pixels++ = how->bytes == 2 ? (float)wide[at] / 65535.0f : (float)narrow[at] / 255.0f;
        }
}

/* Darkens what is see-through, as if it lay on black; returns how many pixels that are. */
static int64_t put_on_black(const void *samples, const layout *how, size_t count, float *pixels)
{
    const uint8_t *narrow = samples;
    const uint16_t *wide = samples;
    float top = how->bytes == 2 ? 65535.0f : 255.0f;
    int64_t see_through = 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = (i + 1) * how->samples - 1;
        float alpha = (float)(how->bytes == 2 ? wide[at] : narrow[at]) / top;
        see_through += alpha < 1.0f;
        for (int c = 0; c < how->channels; c++)
            *pixels++ *= alpha;
    }
    return see_through;
}

/* `see_through` NULL: alpha is dropped. */
static selora_status decode(spng_ctx *reader, const struct spng_ihdr *header, const char *name,
                            slr_image *image, int64_t *see_through, slr_error *err)
{
    layout how = see_through ? layout_with_alpha(header) : layout_of(header);
    size_t count = (size_t)header->width * header->height, size, expected;
    int code = spng_decoded_image_size(reader, how.format, &size);
    if (code != 0)
        return fail_damaged(code, name, err);
    if (!slr_mul_size(count, how.samples * how.bytes, &expected) || expected != size)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: this kind of PNG is not supported", name);
    void *samples = slr_alloc(size, 1);
    if (!samples)
        return slr_fail_memory(err, size, name);
    selora_status status;
    code = spng_decode_image(reader, samples, size, how.format, see_through ? SPNG_DECODE_TRNS : 0);
    if (code == 0) /* on to the end: a file cut after its pixels is still cut */
        code = spng_decode_chunks(reader);
    int width = (int)header->width, height = (int)header->height;
    status = code != 0 ? fail_damaged(code, name, err)
                       : slr_image_new(width, height, how.channels, image, err);
    if (status == SELORA_OK) {
        image->bits = how.bytes == 2 ? 16 : 8;
        convert(samples, &how, count, image->pixels);
        if (see_through)
            *see_through = put_on_black(samples, &how, count, image->pixels);
    }
    free(samples);
    return status;
}

static selora_status decode_memory(const void *data, size_t size, const char *name,
                                   const slr_image_limits *limits, slr_image *image,
                                   int64_t *see_through, slr_error *err)
{
    spng_ctx *reader;
    struct spng_ihdr header;
    selora_status status = open_reader(data, size, name, limits, &reader, &header, err);
    if (status == SELORA_OK)
        status = decode(reader, &header, name, image, see_through, err);
    spng_ctx_free(reader);
    return status;
}

selora_status slr_png_decode(const void *data, size_t size, const char *name,
                             const slr_image_limits *limits, slr_image *image, slr_error *err)
{
    return decode_memory(data, size, name, limits, image, NULL, err);
}

selora_status slr_png_decode_on_black(const void *data, size_t size, const char *name,
                                      const slr_image_limits *limits, slr_image *image,
                                      int64_t *see_through, slr_error *err)
{
    *see_through = 0;
    return decode_memory(data, size, name, limits, image, see_through, err);
}

/* ---- writing ---- */

/* Clamped and rounded; not a number becomes 0. */
static unsigned quantize(float value, unsigned top)
{
    if (!(value > 0.0f))
        return 0;
    return value >= 1.0f ? top : (unsigned)(value * (float)top + 0.5f);
}

static void *quantize_image(const slr_image *image, int bits, size_t *size)
{
    size_t count = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
    *size = count * (bits == 16 ? 2 : 1);
    void *samples = slr_alloc(*size, 1);
    uint8_t *narrow = samples;
    uint16_t *wide = samples;
    for (size_t i = 0; samples && i < count; i++) {
        if (bits == 16)
            wide[i] = (uint16_t)quantize(image->pixels[i], 65535);
        else
            narrow[i] = (uint8_t)quantize(image->pixels[i], 255);
    }
    return samples;
}

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

/* The texts as the library wants them: writable, and alive until the picture is encoded. */
typedef struct text_chunks {
    struct spng_text *chunks;
    char **values;
    size_t count;
} text_chunks;

static void text_chunks_free(text_chunks *list)
{
    for (size_t i = 0; list->values && i < list->count; i++)
        free(list->values[i]);
    free(list->values);
    free(list->chunks);
}

static selora_status text_chunks_fill(text_chunks *list, const slr_png_text *texts, size_t count,
                                      const char *name, slr_error *err)
{
    static char nothing[] = "";
    list->chunks = slr_alloc(count, sizeof *list->chunks);
    list->values = slr_alloc(count, sizeof *list->values);
    if (!list->chunks || !list->values)
        return slr_fail_memory(err, count * sizeof *list->chunks, name);
    for (size_t i = 0; i < count; i++) {
        struct spng_text *chunk = &list->chunks[list->count];
        size_t length = strlen(texts[i].key);
        if (length == 0 || length >= sizeof chunk->keyword)
            return slr_fail(err, SELORA_USAGE,
                            "%s: the key of a PNG text has 1 to 79 characters, found %zu", name,
                            length);
        if (!*texts[i].value)
            continue; /* the library refuses empty ones */
        char *value = slr_copy_text(texts[i].value);
        if (!value)
            return slr_fail_memory(err, strlen(texts[i].value), name);
        list->values[list->count++] = value;
        memcpy(chunk->keyword, texts[i].key, length);
        chunk->type = is_ascii(texts[i].value) ? SPNG_TEXT : SPNG_ITXT;
        chunk->text = value;
        chunk->length = strlen(value);
        chunk->language_tag = chunk->translated_keyword = nothing;
    }
    return SELORA_OK;
}

static selora_status fail_encode(int code, const char *name, slr_error *err)
{
    return slr_fail(err, code == SPNG_EMEM ? SELORA_NO_RESOURCE : SELORA_USAGE,
                    "%s: cannot be written as PNG: %s", name, spng_strerror(code));
}

static selora_status encode(spng_ctx *writer, const slr_image *image, int bits,
                            const text_chunks *texts, const char *name, void **data, size_t *size,
                            slr_error *err)
{
    struct spng_ihdr header = {.width = (uint32_t)image->width,
                               .height = (uint32_t)image->height,
                               .bit_depth = (uint8_t)bits,
                               .color_type = image->channels == 1 ? SPNG_COLOR_TYPE_GRAYSCALE
                                                                  : SPNG_COLOR_TYPE_TRUECOLOR};
    int code = spng_set_option(writer, SPNG_ENCODE_TO_BUFFER, 1);
    /* The lower bytes of 16-bit samples are noise: looking for repeats in it takes six times as long and gains nothing. */
    if (code == 0 && bits == 16)
        code = spng_set_option(writer, SPNG_IMG_COMPRESSION_STRATEGY, Z_RLE);
    if (code == 0 && bits == 16)
        code = spng_set_option(writer, SPNG_FILTER_CHOICE, SPNG_FILTER_CHOICE_UP);
    if (code == 0)
        code = spng_set_ihdr(writer, &header);
    if (code == 0 && texts->count > 0)
        code = spng_set_text(writer, texts->chunks, (uint32_t)texts->count);
    if (code != 0)
        return fail_encode(code, name, err);
    size_t bytes;
    void *samples = quantize_image(image, bits, &bytes);
    if (!samples)
        return slr_fail_memory(err, bytes, name);
    code = spng_encode_image(writer, samples, bytes, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
    free(samples);
    if (code == 0)
        *data = spng_get_png_buffer(writer, size, &code);
    return code == 0 && *data ? SELORA_OK : fail_encode(code, name, err);
}

static selora_status write_named(const char *name, const slr_image *image, int bits,
                                 const slr_png_text *texts, size_t text_count, void **data,
                                 size_t *size, slr_error *err)
{
    *data = NULL;
    *size = 0;
    if ((bits != 8 && bits != 16) || (image->channels != 1 && image->channels != 3) ||
        text_count > UINT32_MAX)
        return slr_fail(err, SELORA_USAGE,
                        "%s: a PNG has 8 or 16 bits and 1 or 3 channels here, asked for %d and %d",
                        name, bits, image->channels);
    spng_ctx *writer = spng_ctx_new(SPNG_CTX_ENCODER);
    text_chunks list = {0};
    selora_status status = writer ? text_chunks_fill(&list, texts, text_count, name, err)
                                  : fail_encode(SPNG_EMEM, name, err);
    if (status == SELORA_OK)
        status = encode(writer, image, bits, &list, name, data, size, err);
    spng_ctx_free(writer);
    text_chunks_free(&list);
    return status;
}

selora_status slr_png_write_memory(const slr_image *image, int bits, const slr_png_text *texts,
                                   size_t text_count, void **data, size_t *size, slr_error *err)
{
    return write_named("picture", image, bits, texts, text_count, data, size, err);
}

selora_status slr_png_write(const char *path, const slr_image *image, int bits,
                            const slr_png_text *texts, size_t text_count, slr_error *err)
{
    void *data;
    size_t size;
    SLR_TRY(write_named(path, image, bits, texts, text_count, &data, &size, err));
    selora_status status = slr_atomic_write(path, 0644, data, size, err);
    free(data);
    return status;
}
