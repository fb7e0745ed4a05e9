/* SPDX-License-Identifier: MIT */
#include "report/rank_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

enum { LABEL = 96 };

/* Where a layer stands. `order`: of its column, left to right as data flows. */
typedef struct spot {
    char row[LABEL], column[LABEL];
    long order;
} spot;

static const char *after(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

/* "1.attentions.0.transformer_blocks.0.attn1.to_q" of a group of blocks. */
static bool place_block(const char *rest, const char *word, long order, spot *s)
{
    char *end;
    long block = strtol(rest, &end, 10), index = 0;
    bool counted = end != rest && *end == '.';
    const char *inner = counted ? end + 1 : rest;
    const char *kind = strchr(inner, '.');
    if (!kind || block < 0 || block > 999)
        return false;
    index = strtol(kind + 1, &end, 10);
    if (end == kind + 1 || *end != '.' || index < 0 || index > 999)
        return false;
    const char *row = end + 1, *short_row = after(row, "transformer_blocks.0.");
    if (counted)
        snprintf(s->column, LABEL, "%s %ld.%ld", word, block, index);
    else
        snprintf(s->column, LABEL, "%s %ld", word, index);
    snprintf(s->row, LABEL, "%s", short_row ? short_row : row);
    if (after(inner, "downsamplers") || after(inner, "upsamplers"))
        snprintf(s->row, LABEL, "sampler.%s", row);
    s->order = order + block * 1000 + index;
    return true;
}

static spot place(const char *path, const char *part)
{
    spot s = {.order = 4000000};
    const char *rest = path + strlen(part), *inner, *layer;
    if ((inner = after(rest, "down_blocks.")) && place_block(inner, "down", 0, &s))
        return s;
    if ((inner = after(rest, "mid_block.")) && place_block(inner, "mid", 1000000, &s))
        return s;
    if ((inner = after(rest, "up_blocks.")) && place_block(inner, "up", 2000000, &s))
        return s;
    if ((layer = strstr(rest, "layers."))) {
        char *end;
        long number = strtol(layer + 7, &end, 10);
        if (end != layer + 7 && *end == '.' && number >= 0 && number < 1000) {
            snprintf(s.column, LABEL, "%ld", number);
            snprintf(s.row, LABEL, "%s", end + 1);
            s.order = number;
            return s;
        }
    }
    snprintf(s.column, LABEL, "other");
    snprintf(s.row, LABEL, "%s", rest);
    return s;
}

/* The label's index, added where it is new; SIZE_MAX when memory lacks. */
static size_t index_of(char **labels, size_t *count, const char *label)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(labels[i], label) == 0)
            return i;
    labels[*count] = slr_copy_text(label);
    return labels[*count] ? (*count)++ : SIZE_MAX;
}

typedef struct column {
    long order;
    char label[LABEL];
} column;

static int by_order(const void *a, const void *b)
{
    const column *x = a, *y = b;
    return x->order != y->order ? (x->order > y->order) - (x->order < y->order) : strcmp(x->label, y->label);
}

static bool add_columns(const slr_run_layer *layers, size_t count, const char *part, slr_rank_map *map)
{
    column *columns = slr_alloc(count, sizeof *columns);
    size_t used = 0;
    for (size_t i = 0; columns && i < count; i++) {
        if (!after(layers[i].path, part))
            continue;
        spot s = place(layers[i].path, part);
        columns[used].order = s.order;
        memcpy(columns[used++].label, s.column, LABEL);
    }
    if (used > 0)
        qsort(columns, used, sizeof *columns, by_order);
    bool good = columns != NULL;
    for (size_t i = 0; good && i < used; i++)
        good = index_of(map->column_labels, &map->columns, columns[i].label) != SIZE_MAX;
    free(columns);
    return good;
}

/* Rows in the order of a block: attention, then what follows it, then the rest as it comes. */
static bool add_rows(const slr_run_layer *layers, size_t count, const char *part, slr_rank_map *map)
{
    static const char *const first[] = {"proj_in", "attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0", "attn2.to_q",
                                        "attn2.to_k", "attn2.to_v", "attn2.to_out.0", "ff.net.0.proj", "ff.net.2", "proj_out",
                                        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj"};
    enum { FIRST = sizeof first / sizeof *first };
    for (size_t wanted = 0; wanted <= FIRST; wanted++)
        for (size_t i = 0; i < count; i++) {
            if (!after(layers[i].path, part))
                continue;
            spot s = place(layers[i].path, part);
            if ((wanted == FIRST || strcmp(s.row, first[wanted]) == 0) &&
                index_of(map->row_labels, &map->rows, s.row) == SIZE_MAX)
                return false;
        }
    return true;
}

selora_status slr_rank_map_new(const slr_run_layer *layers, size_t count, const char *part, slr_rank_map *map, slr_error *err)
{
    *map = (slr_rank_map){.row_labels = slr_alloc(count + 1, sizeof(char *)), .cells = slr_alloc(count + 1, sizeof(size_t)),
                          .column_labels = slr_alloc(count + 1, sizeof(char *))};
    if (!map->row_labels || !map->column_labels || !map->cells || !add_columns(layers, count, part, map) ||
        !add_rows(layers, count, part, map)) {
        slr_rank_map_free(map);
        return slr_fail_memory(err, count * LABEL, "the rank map");
    }
    for (size_t i = 0; i < count; i++) {
        map->cells[i] = SIZE_MAX;
        if (!after(layers[i].path, part))
            continue;
        spot s = place(layers[i].path, part);
        map->cells[i] = index_of(map->row_labels, &map->rows, s.row) * map->columns +
                        index_of(map->column_labels, &map->columns, s.column);
    }
    return SELORA_OK;
}

void slr_rank_map_free(slr_rank_map *map)
{
    for (size_t i = 0; map->row_labels && i < map->rows; i++)
        free(map->row_labels[i]);
    for (size_t i = 0; map->column_labels && i < map->columns; i++)
        free(map->column_labels[i]);
    free(map->row_labels);
    free(map->column_labels);
    free(map->cells);
    *map = (slr_rank_map){0};
}
