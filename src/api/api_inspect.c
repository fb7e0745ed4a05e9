/* SPDX-License-Identifier: MIT
 * selora_inspect(): tells what a path is and gathers its facts. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/context.h"
#include "api/inspect.h"
#include "core/memory.h"
#include "io/json.h"

static bool has(const char *folder, const char *name)
{
    char *path = slr_format("%s/%s", folder, name);
    bool there = path && access(path, F_OK) == 0;
    free(path);
    return there;
}

static selora_status gather(selora_context *context, const char *path, json_t **facts, slr_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return slr_fail_errno(err, path, "find");
    if (S_ISDIR(info.st_mode)) {
        if (has(path, "run.json"))
            return slr_inspect_run(path, facts, err);
        if (has(path, "model_index.json") || has(path, "unet/config.json"))
            return slr_inspect_model(path, facts, err);
        if (has(path, "adapter_config.json") || has(path, "unet/adapter_config.json") ||
            has(path, "text_encoder/adapter_config.json") || has(path, "pytorch_lora_weights.safetensors"))
            return slr_inspect_adapter(path, facts, err);
        return slr_inspect_data(path, &context->hooks, facts, err);
    }
    if (!slr_ends_in(path, ".safetensors"))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: expected a folder or a .safetensors file", path);
    return slr_is_adapter_file(path) ? slr_inspect_adapter(path, facts, err) : slr_inspect_model(path, facts, err);
}

selora_status selora_inspect(selora_context *context, const char *path, int json, char **text)
{
    slr_error *err = slr_context_begin(context);
    json_t *facts = NULL;
    *text = NULL;
    SLR_TRY(gather(context, path, &facts, err));
    *text = json ? slr_json_text(facts, 2) : slr_inspect_text(facts);
    json_decref(facts);
    return *text ? SELORA_OK : slr_fail_memory(err, 0, "the text");
}
