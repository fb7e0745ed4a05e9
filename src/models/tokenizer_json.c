/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "models/tokenizer_parts.h"

/* True when `value` has everything that `wanted` has: objects may hold more, lists and scalars are
 * equal. */
static bool includes(const json_t *value, const json_t *wanted)
{
    if (json_is_array(wanted)) {
        bool fits = json_array_size(value) == json_array_size(wanted);
        for (size_t i = 0; fits && i < json_array_size(wanted); i++)
            fits = includes(json_array_get(value, i), json_array_get(wanted, i));
        return fits;
    }
    if (!json_is_object(wanted))
        return json_equal(value, wanted);
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)wanted, key, member)
        if (!includes(json_object_get(value, key), member))
            return false;
    return true;
}

/* One part of tokenizer.json and the JSON texts that CLIP's tokenizers have there; NULL: the key
 * may be missing. */
typedef struct known_part {
    const char *key;
    const char *forms[3];
} known_part;

#define SPLIT(pattern)                                                                             \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":"        \
    "\"" pattern "\"},\"behavior\":\"Removed\",\"invert\":true},{\"type\":\"ByteLevel\",\"add_"    \
                 "prefix_space\":false}]}"
#define WORDS "'s|'t|'re|'ve|'m|'ll|'d|[\\\\p{L}]+|[\\\\p{N}]|[^\\\\s\\\\p{L}\\\\p{N}]+"

static const known_part parts[] = {
    {"normalizer",
     {"{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Replace\","
      "\"pattern\":{\"Regex\":"
      "\"\\\\s+\"},\"content\":\" \"},{\"type\":\"Lowercase\"}]}"}},
    {"pre_tokenizer",
     {SPLIT(WORDS), SPLIT("<\\\\|startoftext\\\\|>|<\\\\|endoftext\\\\|>|" WORDS)}},
};
static const known_part model_parts[] = {
    {"type", {"\"BPE\"", NULL}},        {"dropout", {"null", "0.0"}},
    {"end_of_word_suffix", {"\"</w>\""}}, {"continuing_subword_prefix", {"\"\"", "null"}},
    {"fuse_unk", {"false", "null"}},    {"byte_fallback", {"false", "null"}},
    {"ignore_merges", {"false", "null"}},
};

/* `optional`: a missing key means what CLIP's tokenizer has. */
static selora_status check_part(const json_t *object, const known_part *part, bool optional,
                                const char *prefix, const char *name, slr_error *err)
{
    const json_t *value = json_object_get(object, part->key);
    bool fits = optional && !value;
    for (int i = 0; i < 3 && part->forms[i] && !fits; i++) {
        json_t *wanted = json_loads(part->forms[i], JSON_DECODE_ANY, NULL);
        fits = wanted && value && includes(value, wanted);
        json_decref(wanted);
    }
    if (fits)
        return SELORA_OK;
    return slr_fail(err, SELORA_BAD_INPUT,
                    "%s: tokenizer.json: %s%s is not the one of CLIP's tokenizer; no other is "
                    "supported",
                    name, prefix, part->key);
}

selora_status slr_tokenizer_json_check(const json_t *root, const char *name, slr_error *err)
{
    const json_t *model = json_object_get(root, "model"),
                 *padding = json_object_get(root, "padding");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        SLR_TRY(check_part(root, &parts[i], false, "", name, err));
    for (size_t i = 0; i < sizeof model_parts / sizeof *model_parts; i++)
        SLR_TRY(check_part(model, &model_parts[i],
                           strcmp(model_parts[i].key, "end_of_word_suffix") != 0, "model.", name,
                           err));
    const json_t *direction = json_object_get(padding, "direction");
    if (direction &&
        strcmp(json_is_string(direction) ? json_string_value(direction) : "", "Right") != 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: tokenizer.json: padding.direction is not Right",
                        name);
    return SELORA_OK;
}
