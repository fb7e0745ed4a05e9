/* SPDX-License-Identifier: MIT
 * Feature sets as .npy files, versions 1 to 3 of numpy's format: magic, length, a Python dict in text, then numbers. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "eval/feature_set.h"
#include "io/atomic_file.h"

enum { MOST_HEADER = 1 << 16 };

/* What the header says. */
typedef struct npy_header {
    size_t count, dim, element; /* bytes of a number */
    const unsigned char *data;
    size_t data_bytes;
} npy_header;

static selora_status fail_header(const char *name, const char *what, slr_error *err)
{
    return slr_fail(err, SELORA_BAD_INPUT, "%s: %s; expected a .npy file as numpy.save(name, x) writes it for a 2-D array "
                    "of float32 or float64", name, what);
}

/* The text behind 'key': in the header, blanks skipped; NULL when it is not there. */
static const char *value_of(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    if (!at)
        return NULL;
    at += strlen(key);
    while (isspace((unsigned char)*at))
        at++;
    if (*at++ != ':')
        return NULL;
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

/* "(12, 3)" or "(12, 3,)" and nothing else. */
static bool read_shape(const char *at, size_t sizes[2])
{
    if (*at++ != '(')
        return false;
    for (int i = 0; i < 2; i++) {
        sizes[i] = 0;
        while (*at == ' ')
            at++;
        if (!isdigit((unsigned char)*at))
            return false;
        for (; isdigit((unsigned char)*at); at++)
            if (!slr_mul_size(sizes[i], 10, &sizes[i]) || !slr_add_size(sizes[i], (size_t)(*at - '0'), &sizes[i]))
                return false;
        while (*at == ' ')
            at++;
        if (*at == ',')
            at++;
        else if (i == 0)
            return false;
    }
    while (*at == ' ')
        at++;
    return *at == ')';
}

static selora_status read_dict(const char *text, const char *name, npy_header *header, slr_error *err)
{
    const char *type = value_of(text, "'descr'"), *order = value_of(text, "'fortran_order'");
    const char *shape = value_of(text, "'shape'");
    size_t sizes[2];
    if (!type || !order || !shape)
        return fail_header(name, "the header lacks descr, fortran_order or shape", err);
    if (strncmp(type, "'<f4'", 5) != 0 && strncmp(type, "'<f8'", 5) != 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: numbers of type %.16s; expected '<f4' or '<f8': save x.astype('<f4')",
                        name, type);
    if (strncmp(order, "False", 5) != 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the array is stored by columns; save numpy.ascontiguousarray(x)", name);
    if (!read_shape(shape, sizes))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: shape %.40s; expected two axes (pictures, features)", name, shape);
    header->element = type[3] == '4' ? 4 : 8;
    header->count = sizes[0];
    header->dim = sizes[1];
    return SELORA_OK;
}

static selora_status read_header(const unsigned char *data, size_t size, const char *name, npy_header *header,
                                 slr_error *err)
{
    if (size < 12 || memcmp(data, "\x93NUMPY", 6) != 0)
        return fail_header(name, "not a .npy file", err);
    if (data[6] < 1 || data[6] > 3)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: .npy version %d; expected 1, 2 or 3", name, data[6]);
    size_t begin = data[6] == 1 ? 10 : 12, length = data[8] | (size_t)data[9] << 8;
    if (data[6] > 1)
        length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
    if (length > size - begin || length > MOST_HEADER)
        return fail_header(name, "the header is longer than the file", err);
    char *text = slr_copy_text_n((const char *)data + begin, length);
    if (!text)
        return slr_fail_memory(err, length, "a header");
    selora_status status = read_dict(text, name, header, err);
    free(text);
    header->data = data + begin + length;
    header->data_bytes = size - begin - length;
    return status;
}

selora_status slr_feature_set_parse_npy(const void *data, size_t size, const char *name, slr_feature_set *set,
                                        slr_error *err)
{
    npy_header header = {0};
    size_t cells, bytes;
    *set = (slr_feature_set){0};
    SLR_TRY(read_header(data, size, name, &header, err));
    if (!slr_mul_size(header.count, header.dim, &cells) || !slr_mul_size(cells, header.element, &bytes) ||
        bytes != header.data_bytes)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %zu bytes of numbers; %zu rows of %zu features of %zu bytes were "
                        "expected; is the file cut short?", name, header.data_bytes, header.count, header.dim,
                        header.element);
    SLR_TRY(slr_feature_set_new(header.count, header.dim, set, err));
    set->rounded = header.element == 4;
    for (size_t i = 0; i < cells; i++) {
        float single;
        if (header.element == 4) {
            memcpy(&single, header.data + 4 * i, 4);
            set->values[i] = single;
        } else {
            memcpy(&set->values[i], header.data + 8 * i, 8);
        }
    }
    selora_status status = slr_feature_set_check(set, name, err);
    if (status != SELORA_OK)
        slr_feature_set_free(set);
    return status;
}

selora_status slr_feature_set_write_npy(const slr_feature_set *set, const char *path, slr_error *err)
{
    enum { HEADER = 128 }; /* with magic and length; numpy pads so that numbers begin on a multiple of 64 */
    char header[HEADER];
    slr_atomic_file *file;
    SLR_TRY(slr_atomic_open(path, 0644, &file, err));
    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10);
    int length = snprintf(header + 10, sizeof header - 10, "{'descr': '<f8', 'fortran_order': False, 'shape': (%zu, %zu), }",
                          set->count, set->dim);
    header[10 + length] = ' ';
    header[HEADER - 1] = '\n';
    fwrite(header, 1, sizeof header, slr_atomic_stream(file));
    fwrite(set->values, sizeof *set->values, set->count * set->dim, slr_atomic_stream(file));
    return slr_atomic_commit(file, err);
}
