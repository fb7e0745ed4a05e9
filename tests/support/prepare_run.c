/* SPDX-License-Identifier: MIT */
#include "support/prepare_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/rng.h"
#include "io/image.h"
#include "io/json.h"
#include "support/scratch.h"

static void prepare_listen(void *user, selora_log_level level, const char *line)
{
    prepare_heard *h = user;
    char *text = level == SELORA_LOG_WARNING ? h->warnings : h->notes;
    size_t used = strlen(text);
    snprintf(text + used, sizeof h->notes - used, "%s\n", line);
}

static int prepare_interrupted(void *user)
{
    prepare_heard *h = user;
    return h->stop_at > 0 && ++h->polls >= h->stop_at;
}

/* A picture of its own for each seed, `bits` deep. */
void prepare_write_picture(const char *name, int width, int height, int bits, uint32_t seed)
{
    slr_image image;
    slr_rng rng = slr_rng_at(seed, SLR_STREAM_SPLIT, 0, 0);
    float waves[6];
    for (int i = 0; i < 6; i++)
        waves[i] = (float)(slr_rng_u32(&rng) % 1000) / 1000;
    assert_int_equal(slr_image_new(width, height, 1, &image, NULL), SELORA_OK);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            float u = (float)x / (float)width - waves[0], v = (float)y / (float)height - waves[1];
            float w = waves[2] * u * u + waves[3] * v + waves[4] * u * v * 3 + 0.5f * waves[5];
            image.pixels[y * width + x] = 0.9f * (w - (float)(int)(w)) * (w > 0 ? 1 : -1);
        }
    image.bits = bits;
    assert_int_equal(slr_png_write(scratch_path(name), &image, bits, NULL, 0, NULL), SELORA_OK);
    slr_image_free(&image);
}

/* in/p<patient>_<k>.png for 2 * patients pictures, and in/metadata.csv. */
void prepare_write_source(const char *folder, int patients, uint32_t seed)
{
    char name[64];
    assert_int_equal(mkdir(scratch_path(folder), 0755), 0);
    snprintf(name, sizeof name, "%s/metadata.csv", folder);
    FILE *table = fopen(scratch_path(name), "w");
    assert_non_null(table);
    fputs("file_name,text,who,kind\n", table);
    for (int i = 0; i < 2 * patients; i++) {
        snprintf(name, sizeof name, "%s/p%d_%d.png", folder, i / 2, i % 2);
        prepare_write_picture(name, 40 + i % 3, 36, 8, seed + (uint32_t)i);
        fprintf(table, "p%d_%d.png,\"picture %d, of %s\",W%d,%s\n", i / 2, i % 2, i, folder, i / 2,
                i % 4 < 2 ? "ill" : "well");
    }
    fclose(table);
}

selora_status prepare_run(const selora_prepare_options *options, const char *const *names, int count,
                          prepare_heard *h, char *error)
{
    static char paths[4][4096];
    const char *sources[4];
    selora_context *context;
    selora_prepare_options o = *options;
    char out[4096];
    for (int i = 0; i < count; i++) {
        snprintf(paths[i], sizeof paths[i], "%s", scratch_path(names[i]));
        sources[i] = paths[i];
    }
    snprintf(out, sizeof out, "%s", scratch_path(options->out));
    o.sources = sources;
    o.source_count = count;
    o.out = out;
    selora_settings settings = {.threads = 1,
                                .hooks = {.user = h,
                                          .log = h ? prepare_listen : NULL,
                                          .interrupted = h ? prepare_interrupted : NULL}};
    assert_int_equal(selora_context_new(&settings, &context), SELORA_OK);
    selora_status status = selora_prepare(context, &o);
    if (error)
        snprintf(error, 4096, "%s", selora_error(context));
    else if (status != SELORA_OK)
        print_message("%s\n", selora_error(context));
    selora_context_free(context);
    return status;
}

selora_prepare_options prepare_options(const char *out)
{
    selora_prepare_options o = selora_prepare_defaults();
    o.out = out;
    o.jobs = 2;
    return o;
}

selora_status prepare_plain(const char *source, const char *out)
{
    selora_prepare_options o = prepare_options(out);
    return prepare_run(&o, &source, 1, NULL, NULL);
}

char *prepare_read(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    size_t size;
    char *text = scratch_read(path, &size);
    if (!text)
        fail_msg("%s cannot be read", path);
    return text;
}

void prepare_share_salt(const char *from, const char *folder)
{
    char path[256];
    char *salt = prepare_read(from, ".selora/salt");
    snprintf(path, sizeof path, "%s/.selora", folder);
    assert_int_equal(mkdir(scratch_path(folder), 0700), 0);
    assert_int_equal(mkdir(scratch_path(path), 0700), 0);
    snprintf(path, sizeof path, "%s/.selora/salt", folder);
    scratch_write(path, salt, strlen(salt));
    free(salt);
}

void prepare_assert_same(const char *a, const char *b, const char *name)
{
    char path[2][256];
    size_t size[2];
    snprintf(path[0], 256, "%s/%s", a, name);
    snprintf(path[1], 256, "%s/%s", b, name);
    char *left = scratch_read(path[0], &size[0]), *right = scratch_read(path[1], &size[1]);
    if (!left || !right || size[0] != size[1] || memcmp(left, right, size[0]) != 0)
        fail_msg("%s and %s differ in %s", a, b, name);
    free(left);
    free(right);
}

slr_table *prepare_table(const char *folder, const char *name)
{
    slr_table *table;
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(slr_table_read_csv(scratch_path(path), &table, NULL), SELORA_OK);
    return table;
}

json_t *prepare_manifest(const char *folder)
{
    json_t *root;
    char path[256];
    snprintf(path, sizeof path, "%s/manifest.json", folder);
    assert_int_equal(slr_json_load_file(scratch_path(path), 1 << 24, &root, NULL), SELORA_OK);
    return root;
}

json_int_t prepare_number(const json_t *root, const char *part, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(root, part), key));
}
