/* SPDX-License-Identifier: MIT
 * Facts of an adapter of any format, without its model: rank, shape, scale and size of the effect of every
 * layer, ranks by block, and how other tools would apply it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "adapters/adapter_names.h"
#include "adapters/adapter_tools.h"
#include "adapters/formats.h"
#include "api/inspect.h"
#include "core/memory.h"

enum { MAX_SHOWN_VALUE = 200 };

bool slr_is_adapter_file(const char *path)
{
    slr_safetensors *file;
    const slr_adapter_format *format;
    if (slr_safetensors_open(path, &file, NULL) != SELORA_OK)
        return false;
    bool found = slr_format_of(file, &format, NULL) == SELORA_OK;
    slr_safetensors_close(file);
    return found;
}

/* Rows of A that are not all zero: others are padding. */
static int acting_rank(const slr_pair *pair)
{
    int acting = 0;
    for (int i = 0; i < pair->rank; i++) {
        bool zero = true;
        for (int64_t k = 0; zero && k < pair->in; k++)
            zero = pair->a[i * pair->in + k] == 0;
        acting += !zero;
    }
    return acting;
}

/* More digits would only widen the table. */
static double four_digits(double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.4g", value);
    return strtod(text, NULL);
}

static json_t *layer_rows(const slr_pairs *pairs)
{
    json_t *rows = json_array();
    double square = 0;
    for (size_t i = 0; i < pairs->count; i++)
        square += pow(slr_pair_norm(&pairs->items[i]), 2);
    for (size_t i = 0; i < pairs->count; i++) {
        const slr_pair *pair = &pairs->items[i];
        double norm = slr_pair_norm(pair);
        json_t *row = json_pack("{s:s, s:I, s:I, s:i, s:i, s:o, s:f, s:f, s:f}", "layer", pair->path, "in",
                                (json_int_t)pair->in, "out", (json_int_t)pair->out, "rank", acting_rank(pair),
                                "stored_rank", pair->stored_rank, "alpha",
                                isnan(pair->alpha) ? json_null() : json_real(pair->alpha), "scale",
                                four_digits(pair->applied), "norm", four_digits(norm), "share",
                                square > 0 ? four_digits(norm * norm / square) : 0.0);
        if (row && pair->applied != pair->scale)
            json_object_set_new(row, "trained_scale", json_real(pair->scale));
        json_array_append_new(rows, row);
    }
    return rows;
}

/* "unet.down_blocks.1.attentions.0.transformer..." -> its first four parts. */
static void block_of(const char *path, char block[SLR_LAYER_PATH])
{
    int dots = 0, most = strncmp(path, "text_encoder.", 13) == 0 ? 5 : strncmp(path, "unet.mid_block", 14) == 0 ? 4 : 5;
    size_t length = 0;
    while (path[length] && (path[length] != '.' || ++dots < most))
        length++;
    snprintf(block, SLR_LAYER_PATH, "%.*s", (int)length, path);
}

/* Ranks of the layers of each block, in the order of paths. */
static json_t *block_rows(const slr_pairs *pairs)
{
    json_t *rows = json_array(), *ranks = NULL;
    char block[SLR_LAYER_PATH], last[SLR_LAYER_PATH] = "";
    for (size_t i = 0; i < pairs->count; i++) {
        block_of(pairs->items[i].path, block);
        if (!ranks || strcmp(block, last) != 0) {
            ranks = json_array();
            json_array_append_new(rows, json_pack("{s:s, s:o}", "block", block, "ranks", ranks));
            memcpy(last, block, sizeof last);
        }
        json_array_append_new(ranks, json_integer(acting_rank(&pairs->items[i])));
    }
    return rows;
}

static json_t *tool_rows(const slr_pairs *pairs)
{
    slr_tool_verdict verdicts[SLR_TOOLS];
    json_t *rows = json_array();
    slr_adapter_tools(pairs, verdicts);
    for (int i = 0; i < SLR_TOOLS; i++) {
        const char *to = verdicts[i].convert;
        char *mend = slr_format(to ? "selora convert ADAPTER --to %s OUT" : "%s", to ? to : "");
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "tool", verdicts[i].tool, "result",
                                              verdicts[i].result, "mended_by", mend ? mend : ""));
        free(mend);
    }
    return rows;
}

static json_t *header_facts(const char *path)
{
    json_t *facts = json_object();
    slr_safetensors *file;
    struct stat info;
    if (stat(path, &info) != 0 || S_ISDIR(info.st_mode) || slr_safetensors_open(path, &file, NULL) != SELORA_OK)
        return facts;
    for (size_t i = 0; i < slr_safetensors_metadata_count(file); i++) {
        const char *key, *value;
        slr_safetensors_metadata_at(file, i, &key, &value);
        if (strlen(value) <= MAX_SHOWN_VALUE)
            json_object_set_new(facts, key, json_string(value));
    }
    slr_safetensors_close(file);
    return facts;
}

static json_t *totals(const slr_pairs *pairs)
{
    json_int_t rank = 0, parameters = 0, largest = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        json_int_t r = acting_rank(&pairs->items[i]);
        rank += r;
        largest = r > largest ? r : largest;
        parameters += r * (pairs->items[i].in + pairs->items[i].out);
    }
    return json_pack("{s:I, s:I, s:I, s:I}", "layers", (json_int_t)pairs->count, "rank", rank, "largest_rank",
                     largest, "parameters", parameters);
}

selora_status slr_inspect_adapter(const char *path, json_t **facts, slr_error *err)
{
    *facts = NULL;
    slr_pairs *pairs = slr_alloc(1, sizeof *pairs);
    if (!pairs)
        return slr_fail_memory(err, sizeof *pairs, "the adapter");
    selora_status status = slr_pairs_load(path, pairs, err);
    if (status == SELORA_OK) {
        *facts = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "kind", "adapter", "naming", pairs->format, "header",
                           header_facts(path), "total", totals(pairs), "tools", tool_rows(pairs), "blocks",
                           block_rows(pairs), "layers", layer_rows(pairs));
        if (*facts && pairs->left_over.count > 0)
            json_object_set_new(*facts, "not_understood", json_integer(pairs->left_over.count));
        status = *facts ? SELORA_OK : slr_fail_memory(err, 0, "the facts");
    }
    slr_pairs_free(pairs);
    free(pairs);
    return status;
}
