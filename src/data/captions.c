/* SPDX-License-Identifier: MIT */
#include "data/captions.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "core/utf8.h"
#include "io/regular_file.h"

enum { MAX_CAPTION_BYTES = 1 << 20 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Cuts blanks and a byte order mark off, in place. */
static void trim(char *text, size_t size)
{
    char *begin = text, *end = text + size;
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        begin += 3;
    while (begin < end && is_blank(*begin))
        begin++;
    while (end > begin && is_blank(end[-1]))
        end--;
    memmove(text, begin, (size_t)(end - begin));
    text[end - begin] = 0;
}

/* *caption stays NULL when there is no such file. */
static selora_status read_caption(const char *path, char **caption, slr_error *err)
{
    struct stat info;
    size_t size;
    *caption = NULL;
    if (lstat(path, &info) != 0)
        return SELORA_OK;
    SLR_TRY(slr_read_file(path, MAX_CAPTION_BYTES, caption, &size, err));
    if (slr_utf8_valid(*caption, size) == size && !memchr(*caption, 0, size)) {
        trim(*caption, size);
        return SELORA_OK;
    }
    free(*caption);
    *caption = NULL;
    return slr_fail(err, SELORA_BAD_INPUT, "%s: not UTF-8 text; save it as UTF-8", path);
}

selora_status slr_caption_beside(const char *picture, char **caption, slr_error *err)
{
    *caption = NULL;
    const char *slash = strrchr(picture, '/'), *dot = strrchr(picture, '.');
    size_t stem = dot && (!slash || dot > slash) ? (size_t)(dot - picture) : strlen(picture);
    char *path = malloc(stem + sizeof ".caption"), *other = NULL;
    if (!path)
        return slr_fail_memory(err, stem, "a caption");
    memcpy(path, picture, stem);
    strcpy(path + stem, ".txt");
    selora_status status = read_caption(path, caption, err);
    strcpy(path + stem, ".caption");
    if (status == SELORA_OK)
        status = read_caption(path, &other, err);
    if (status == SELORA_OK && *caption && other && strcmp(*caption, other) != 0)
        status = slr_fail(err, SELORA_BAD_INPUT,
                          "%s: differs from the .txt file beside it; keep one", path);
    if (status == SELORA_OK && !*caption) {
        *caption = other;
        other = NULL;
    }
    if (status != SELORA_OK) {
        free(*caption);
        *caption = NULL;
    }
    free(other);
    free(path);
    return status;
}
