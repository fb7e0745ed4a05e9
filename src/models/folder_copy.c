/* SPDX-License-Identifier: MIT */
#include "models/folder_copy.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/atomic_file.h"
#include "io/json.h"
#include "io/regular_file.h"

enum { PIECE = 1 << 20, JSON_LIMIT = 64 << 20, MAX_DEPTH = 2 };

static selora_status copy_bytes(const char *source, const char *target, slr_error *err)
{
    int fd;
    uint64_t size;
    slr_atomic_file *file;
    SLR_TRY(slr_open_regular(source, &fd, &size, err));
    char *piece = slr_alloc(PIECE, 1);
    selora_status status = piece ? slr_atomic_open(target, 0644, &file, err) : slr_fail_memory(err, PIECE, "a copy");
    if (status == SELORA_OK) {
        size_t got = PIECE;
        while (status == SELORA_OK && got == PIECE) {
            status = slr_read_some(fd, source, piece, PIECE, &got, err);
            if (status == SELORA_OK)
                fwrite(piece, 1, got, slr_atomic_stream(file));
        }
        if (status == SELORA_OK)
            status = slr_atomic_commit(file, err);
        else
            slr_atomic_abort(file);
    }
    free(piece);
    close(fd);
    return status;
}

/* A JSON file whose root has a local path in it is written anew; others are copied byte for byte. */
static selora_status copy_file(const char *source, const char *target, slr_error *err)
{
    json_t *root = NULL;
    bool has_path = slr_ends_in(source, ".json") && slr_json_load_file(source, JSON_LIMIT, &root, NULL) == SELORA_OK &&
                    json_object_get(root, "_name_or_path");
    selora_status status;
    if (has_path) {
        json_object_del(root, "_name_or_path");
        status = slr_json_save_file(root, target, err);
    } else {
        status = copy_bytes(source, target, err);
    }
    json_decref(root);
    return status;
}

/* Weights of every tool, with their index files. */
static bool is_weights(const char *name)
{
    static const char *const forms[] = {".safetensors", ".bin", ".ckpt", ".msgpack", ".onnx", ".h5", ".pt"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const char *form = strstr(name, forms[i]);
        if (form && (slr_ends_in(name, forms[i]) || strncmp(form + strlen(forms[i]), ".index.", 7) == 0))
            return true;
    }
    return false;
}

static bool is_left_out(const char *folder, const char *name, int depth, bool with_vae)
{
    bool rewritten = depth == 0 || slr_ends_in(folder, "/unet") || slr_ends_in(folder, "/text_encoder") ||
                     (!with_vae && slr_ends_in(folder, "/vae"));
    return name[0] == '.' || (rewritten && is_weights(name));
}

static selora_status copy_folder(const char *source, const char *target, int depth, bool with_vae, slr_error *err);

static selora_status copy_entry(const char *source, const char *target, const char *name, int depth, bool with_vae,
                                slr_error *err)
{
    struct stat info;
    char *from = slr_format("%s/%s", source, name), *to = slr_format("%s/%s", target, name);
    selora_status status = from && to ? SELORA_OK : slr_fail_memory(err, 0, "a path");
    if (status == SELORA_OK && stat(from, &info) != 0)
        status = slr_fail_errno(err, from, "read");
    else if (status == SELORA_OK && S_ISREG(info.st_mode))
        status = copy_file(from, to, err);
    else if (status == SELORA_OK && S_ISDIR(info.st_mode) && depth < MAX_DEPTH) {
        status = slr_make_folders(to, 0755, err);
        if (status == SELORA_OK)
            status = copy_folder(from, to, depth + 1, with_vae, err);
    }
    free(from);
    free(to);
    return status;
}

static selora_status copy_folder(const char *source, const char *target, int depth, bool with_vae, slr_error *err)
{
    DIR *dir = opendir(source);
    if (!dir)
        return slr_fail_errno(err, source, "open");
    selora_status status = SELORA_OK;
    for (struct dirent *entry; status == SELORA_OK && (entry = readdir(dir));)
        if (!is_left_out(source, entry->d_name, depth, with_vae))
            status = copy_entry(source, target, entry->d_name, depth, with_vae, err);
    closedir(dir);
    return status;
}

selora_status slr_folder_copy(const char *source, const char *target, bool with_vae, slr_error *err)
{
    return copy_folder(source, target, 0, with_vae, err);
}

static selora_status write_merges(const json_t *merges, const char *path, slr_error *err)
{
    slr_atomic_file *file;
    SLR_TRY(slr_atomic_open(path, 0644, &file, err));
    FILE *stream = slr_atomic_stream(file);
    fputs("#version: 0.2\n", stream);
    for (size_t i = 0; i < json_array_size(merges); i++) {
        const json_t *merge = json_array_get(merges, i);
        const char *left = json_string_value(json_array_get(merge, 0)), *right = json_string_value(json_array_get(merge, 1));
        if (json_is_string(merge))
            fprintf(stream, "%s\n", json_string_value(merge));
        else
            fprintf(stream, "%s %s\n", left ? left : "", right ? right : "");
    }
    return slr_atomic_commit(file, err);
}

static json_t *special_tokens(const json_t *config)
{
    static const char *const keys[] = {"bos_token", "eos_token", "pad_token", "unk_token"};
    json_t *map = json_object();
    for (size_t i = 0; map && i < sizeof keys / sizeof *keys; i++) {
        json_t *token = json_object_get(config, keys[i]);
        if (token)
            json_object_set(map, keys[i], token);
    }
    return map;
}

static selora_status add_old_files(const char *folder, const json_t *config, slr_error *err)
{
    char *source = slr_format("%s/tokenizer.json", folder), *vocab = slr_format("%s/vocab.json", folder);
    char *merges = slr_format("%s/merges.txt", folder), *special = slr_format("%s/special_tokens_map.json", folder);
    json_t *root = NULL;
    selora_status status = SELORA_OK;
    if (!source || !vocab || !merges || !special)
        status = slr_fail_memory(err, 0, "a path");
    else if (access(source, F_OK) == 0 && access(vocab, F_OK) != 0)
        status = slr_json_load_file(source, JSON_LIMIT, &root, err);
    if (root) {
        const json_t *model = json_object_get(root, "model");
        json_t *tokens = special_tokens(config);
        status = slr_json_save_file(json_object_get(model, "vocab"), vocab, err);
        if (status == SELORA_OK)
            status = write_merges(json_object_get(model, "merges"), merges, err);
        if (status == SELORA_OK && access(special, F_OK) != 0)
            status = slr_json_save_file(tokens, special, err);
        json_decref(tokens);
    }
    json_decref(root);
    free(source);
    free(vocab);
    free(merges);
    free(special);
    return status;
}

selora_status slr_folder_complete_tokenizer(const char *target, int64_t positions, slr_error *err)
{
    char *folder = slr_format("%s/tokenizer", target), *path = slr_format("%s/tokenizer/tokenizer_config.json", target);
    json_t *config = NULL;
    selora_status status = folder && path ? SELORA_OK : slr_fail_memory(err, 0, "a path");
    if (status == SELORA_OK && access(path, F_OK) == 0)
        status = slr_json_load_file(path, JSON_LIMIT, &config, err);
    if (config && !json_is_integer(json_object_get(config, "model_max_length"))) {
        json_object_set_new(config, "model_max_length", json_integer(positions));
        status = slr_json_save_file(config, path, err);
    }
    if (status == SELORA_OK && access(folder, F_OK) == 0)
        status = add_old_files(folder, config, err);
    json_decref(config);
    free(folder);
    free(path);
    return status;
}
