/* SPDX-License-Identifier: MIT */
#include "data/latent_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "io/atomic_file.h"
#include "io/checksum.h"
#include "io/regular_file.h"

/* A file: magic, moments as little-endian floats, SHA-256 (hex) of all before it. */
static const char magic[8] = {'S', 'L', 'R', 'L', 'A', 'T', '0', '1'};
enum { MAGIC = sizeof magic, HASH = SLR_SHA256_HEX - 1 };

struct slr_latent_cache {
    slr_latent_cache_options options; /* texts owned */
    slr_latent_encoder *encoder;
    const slr_dataset *data;
    uint32_t *items;
    size_t count;
    int64_t per_item; /* numbers */
    int64_t variant;  /* held now; -1 none */
    size_t encoded;
    float *moments;   /* (count, per_item) */
    float *pixels;    /* (H,W,3), while filling */
    char *record;     /* one file, while filling */
};

static size_t record_size(const slr_latent_cache *cache)
{
    return MAGIC + (size_t)cache->per_item * sizeof(float) + HASH;
}

selora_status slr_latent_cache_new(const slr_latent_cache_options *options, slr_latent_encoder *encoder,
                                   const slr_dataset *data, const uint32_t *items, size_t count,
                                   slr_latent_cache **result, slr_error *err)
{
    *result = NULL;
    slr_latent_cache *cache = slr_alloc(1, sizeof *cache);
    if (!cache)
        return slr_fail_memory(err, sizeof *cache, "the latent cache");
    cache->options = *options;
    cache->options.folder = options->folder ? slr_copy_text(options->folder) : NULL;
    cache->options.model_sha256 = slr_copy_text(options->model_sha256 ? options->model_sha256 : "");
    cache->encoder = encoder;
    cache->data = data;
    cache->count = count;
    cache->variant = -1;
    cache->per_item = slr_latent_encoder_count(encoder);
    cache->items = slr_alloc(count, sizeof *cache->items);
    cache->moments = slr_alloc(count, (size_t)cache->per_item * sizeof *cache->moments);
    if (!cache->items || !cache->moments || !cache->options.model_sha256 ||
        (options->folder && !cache->options.folder)) {
        size_t bytes = slr_latent_cache_bytes(cache);
        slr_latent_cache_free(cache);
        return slr_fail_memory(err, bytes, "the latents of the pictures");
    }
    memcpy(cache->items, items, count * sizeof *items);
    *result = cache;
    return SELORA_OK;
}

static void free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

void slr_latent_cache_free(slr_latent_cache *cache)
{
    if (!cache)
        return;
    free_text(cache->options.folder);
    free_text(cache->options.model_sha256);
    free(cache->items);
    free(cache->moments);
    free(cache->pixels);
    free(cache->record);
    free(cache);
}

size_t slr_latent_cache_bytes(const slr_latent_cache *cache)
{
    return cache->count * (size_t)cache->per_item * sizeof(float);
}

static bool varies(const slr_latent_cache *cache)
{
    return cache->options.prepare.random_crop || cache->options.prepare.random_flip;
}

/* The file of one item; everything its moments depend on is in the name. */
static char *entry_path(const slr_latent_cache *cache, size_t i, uint32_t variant)
{
    const slr_prepare_options *p = &cache->options.prepare;
    const slr_data_item *item = slr_dataset_item(cache->data, cache->items[i]);
    char draws[96] = "", hex[SLR_SHA256_HEX];
    if (varies(cache))
        snprintf(draws, sizeof draws, " %d %d %llu %u %u", p->random_crop, p->random_flip,
                 (unsigned long long)cache->options.seed, variant, cache->items[i]);
    char *key = slr_format("%.8s %s %s %dx%d %d%s", magic, item->sha256, cache->options.model_sha256, p->width,
                           p->height, (int)p->filter, draws);
    char *path = NULL;
    if (key && slr_sha256_memory(key, strlen(key), hex, NULL) == SELORA_OK)
        path = slr_format("%s/%.40s.latent", cache->options.folder, hex);
    free(key);
    return path;
}

/* True when the file holds these moments, whole. */
static bool read_entry(const slr_latent_cache *cache, const char *path, float *moments)
{
    char *data = NULL, hex[SLR_SHA256_HEX];
    size_t size, wanted = record_size(cache), body = wanted - HASH;
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode) || (size_t)info.st_size != wanted ||
        slr_read_file(path, wanted, &data, &size, NULL) != SELORA_OK)
        return false;
    bool whole = size == wanted && memcmp(data, magic, MAGIC) == 0 &&
                 slr_sha256_memory(data, body, hex, NULL) == SELORA_OK && memcmp(hex, data + body, HASH) == 0;
    if (whole)
        memcpy(moments, data + MAGIC, body - MAGIC);
    free(data);
    return whole;
}

static selora_status write_entry(slr_latent_cache *cache, const char *path, const float *moments, slr_error *err)
{
    size_t body = record_size(cache) - HASH;
    char hex[SLR_SHA256_HEX];
    memcpy(cache->record, magic, MAGIC);
    memcpy(cache->record + MAGIC, moments, body - MAGIC);
    SLR_TRY(slr_sha256_memory(cache->record, body, hex, err));
    memcpy(cache->record + body, hex, HASH);
    return slr_atomic_write(path, 0600, cache->record, body + HASH, err);
}

static selora_status encode_item(slr_latent_cache *cache, size_t i, uint32_t variant, float *moments, slr_error *err)
{
    const slr_data_item *item = slr_dataset_item(cache->data, cache->items[i]);
    slr_image image = {0};
    SLR_TRY(slr_image_read(item->path, NULL, &image, err));
    selora_status status = slr_image_prepare(&image, &cache->options.prepare, cache->options.seed, variant,
                                             cache->items[i], cache->pixels, err);
    if (status == SELORA_OK)
        status = slr_latent_encoder_run(cache->encoder, cache->pixels, moments, err);
    if (status != SELORA_OK)
        slr_fail_within(err, "%s", item->path);
    slr_image_free(&image);
    return status;
}

/* Memory that only encoding needs. */
static selora_status begin_encoding(slr_latent_cache *cache, slr_error *err)
{
    const slr_prepare_options *p = &cache->options.prepare;
    size_t pixels = (size_t)p->width * (size_t)p->height * 3;
    if (cache->pixels)
        return SELORA_OK;
    SLR_TRY(slr_latent_encoder_allocate(cache->encoder, err));
    cache->record = slr_alloc(record_size(cache), 1);
    cache->pixels = slr_alloc(pixels, sizeof *cache->pixels);
    return cache->pixels && cache->record ? SELORA_OK : slr_fail_memory(err, pixels * sizeof(float), "a picture");
}

static void end_encoding(slr_latent_cache *cache)
{
    free(cache->pixels);
    free(cache->record);
    cache->pixels = NULL;
    cache->record = NULL;
    slr_latent_encoder_release(cache->encoder);
}

/* From its file, or encoded and written. */
static selora_status fill_item(slr_latent_cache *cache, size_t i, uint32_t variant, slr_error *err)
{
    float *moments = cache->moments + (int64_t)i * cache->per_item;
    char *path = cache->options.folder ? entry_path(cache, i, variant) : NULL;
    if (cache->options.folder && !path)
        return slr_fail_memory(err, 0, "a path");
    selora_status status = SELORA_OK;
    if (!path || !read_entry(cache, path, moments)) {
        status = begin_encoding(cache, err);
        if (status == SELORA_OK)
            status = encode_item(cache, i, variant, moments, err);
        if (status == SELORA_OK && path)
            status = write_entry(cache, path, moments, err);
        cache->encoded++;
    }
    free(path);
    return status;
}

selora_status slr_latent_cache_fill(slr_latent_cache *cache, uint32_t epoch, const slr_hooks *hooks, slr_error *err)
{
    uint32_t variant = varies(cache) ? epoch % SLR_LATENT_VARIANTS : 0;
    if (cache->variant == (int64_t)variant)
        return SELORA_OK;
    cache->variant = -1;
    cache->encoded = 0;
    if (cache->options.folder)
        SLR_TRY(slr_make_folders(cache->options.folder, 0700, err));
    slr_task task = slr_task_begin(hooks, "encode pictures", (int64_t)cache->count);
    selora_status status = SELORA_OK;
    for (size_t i = 0; status == SELORA_OK && i < cache->count; i++) {
        if (slr_interrupted(hooks))
            status = slr_fail(err, SELORA_INTERRUPTED, "stopped while encoding pictures; those done are kept");
        else
            status = fill_item(cache, i, variant, err);
        slr_task_report(&task, (int64_t)i + 1, NULL);
    }
    end_encoding(cache);
    if (status == SELORA_OK)
        cache->variant = variant;
    return status;
}

const float *slr_latent_cache_moments(const slr_latent_cache *cache, size_t i)
{
    return cache->moments + (int64_t)i * cache->per_item;
}

size_t slr_latent_cache_encoded(const slr_latent_cache *cache)
{
    return cache->encoded;
}
