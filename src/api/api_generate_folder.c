/* SPDX-License-Identifier: MIT
 * The job of `selora generate`: prompts to a folder of pictures. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/adapter_argument.h"
#include "api/drawing.h"
#include "api/generate_dicom.h"
#include "api/merge_choice.h"
#include "core/free_memory.h"
#include "core/memory.h"
#include "data/prompt_list.h"
#include "io/atomic_file.h"
#include "io/checksum.h"
#include "io/csv.h"
#include "io/image.h"
#include "io/json.h"
#include "report/picture_grid.h"
#include "report/watermark.h"

enum { GRID_SIDE = 2048, GRID_CELLS = 8, NAME = 32, MOST_TOGETHER = 8 };

typedef struct job {
    selora_context *context;
    const selora_generate_options *options;
    slr_model *model;
    slr_chosen_adapters chosen;
    char model_hash[SLR_SHA256_HEX], adapter_hash[SLR_SHA256_HEX];
    slr_prompt_list prompts;
    int64_t total, done;
    slr_drawing drawing;
    slr_picture_grid grid;
    slr_generate_dicom dicom;
} job;

static const char *prompt_of(const job *j, int64_t picture)
{
    return j->prompts.prompts[picture / j->options->count];
}

static selora_status read_prompts(job *j, slr_error *err)
{
    const selora_generate_options *o = j->options;
    if (!o->prompt == !o->prompts)
        return slr_fail(err, SELORA_USAGE, o->prompt ? "--prompt and --prompts: give one of them"
                                                     : "--prompt TEXT or --prompts FILE is missing");
    if (o->prompts)
        SLR_TRY(slr_prompt_list_read(o->prompts, &j->prompts, err));
    else
        SLR_TRY(slr_prompt_list_single(o->prompt, &j->prompts, err));
    if (j->prompts.count > (size_t)(UINT32_MAX / o->count))
        return slr_fail(err, SELORA_USAGE, "--count: %zu prompts times %lld pictures are too many", j->prompts.count,
                        (long long)o->count);
    j->total = (int64_t)j->prompts.count * o->count;
    return SELORA_OK;
}

static selora_status check_out(const char *out, slr_error *err)
{
    struct stat info;
    char path[4096];
    const char *ours[] = {"metadata.csv", "grid.png", "000000.png"};
    if (stat(out, &info) != 0)
        return SELORA_OK;
    if (!S_ISDIR(info.st_mode))
        return slr_fail(err, SELORA_BAD_INPUT, "--out: %s is a file, a folder is expected", out);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        snprintf(path, sizeof path, "%s/%s", out, ours[i]);
        if (stat(path, &info) == 0)
            return slr_fail(err, SELORA_USAGE, "--out: %s holds %s from an earlier job; choose another folder", out,
                            ours[i]);
    }
    return SELORA_OK;
}

static selora_status open_drawing(job *j, int64_t batch, slr_error *err)
{
    slr_drawing_close(&j->drawing);
    return slr_drawing_open(&j->drawing, j->context, j->model, j->chosen.set, j->options,
                            (int)(batch < j->total ? batch : j->total), err);
}

/* As many pictures at a time as half of the free memory holds, in batches as equal as their number allows. */
static selora_status open_fitting(job *j, slr_error *err)
{
    int64_t most = j->total < MOST_TOGETHER ? j->total : MOST_TOGETHER;
    SLR_TRY(open_drawing(j, most, err));
    while (most > 1 && slr_text_to_image_bytes(j->drawing.artist) > slr_free_memory() / 2)
        SLR_TRY(open_drawing(j, --most, err));
    int64_t batches = (j->total + most - 1) / most, even = (j->total + batches - 1) / batches;
    return even < most ? open_drawing(j, even, err) : SELORA_OK;
}

static selora_status open_inputs(job *j, slr_error *err)
{
    const selora_generate_options *o = j->options;
    slr_model_options model = {.variant = o->variant, .tokenizer = o->tokenizer, .config = o->model_config,
                                 .hashed = !o->dry_run};
    const slr_backend *backend;
    SLR_TRY(slr_drawing_check(o, err));
    SLR_TRY(check_out(o->out, err));
    SLR_TRY(read_prompts(j, err));
    SLR_TRY(slr_context_backend(j->context, o->compute, &backend, err));
    SLR_TRY(slr_context_weights(backend, o->weights, &model.weights, err));
    SLR_TRY(slr_model_open(o->model, &model, &j->model, err));
    SLR_TRY(slr_chosen_adapters_load(o->adapter, j->model, o->strict, &j->context->hooks, &j->chosen, err));
    SLR_TRY(slr_chosen_adapters_join(&j->chosen, err));
    SLR_TRY(slr_merge_for_drawing(j->context, j->model, o, j->chosen.set, err));
    return o->batch_size > 0 ? open_drawing(j, o->batch_size, err) : open_fitting(j, err);
}

static void warn_of_cuts(const job *j)
{
    size_t cut = 0;
    for (size_t i = 0; i < j->prompts.count; i++)
        cut += slr_text_to_image_cuts(j->drawing.artist, j->prompts.prompts[i]);
    if (cut > 0)
        slr_warn(&j->context->hooks, "%zu of %zu prompts are longer than the text encoder reads; their ends are not seen",
                 cut, j->prompts.count);
}

/* What made the picture, for its text chunk: never paths, prompts only when asked for. */
static char *settings_text(const job *j, int64_t picture)
{
    const selora_generate_options *o = j->options;
    char seed[32];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)o->seed);
    json_t *root = json_pack("{ss ss sI sf ss sI si si ss}", "version", selora_version(), "sampler", o->sampler,
                             "steps", (json_int_t)o->steps, "guidance", o->guidance, "seed", seed,
                             "index", (json_int_t)picture, "width", j->drawing.width, "height", j->drawing.height,
                             "model_sha256", j->model_hash);
    if (root && j->chosen.count > 0) {
        json_t *strengths = json_array();
        for (int i = 0; i < j->chosen.count; i++)
            json_array_append_new(strengths, json_real(j->chosen.strengths[i]));
        json_object_set_new(root, "adapter_sha256", json_string(j->adapter_hash));
        json_object_set(root, "strength", j->chosen.count > 1 ? strengths : json_array_get(strengths, 0));
        json_decref(strengths);
    }
    if (root && o->embed_prompt)
        json_object_set_new(root, "prompt", json_string(prompt_of(j, picture)));
    char *text = root ? slr_json_text(root, 0) : NULL;
    json_decref(root);
    return text;
}

static selora_status write_picture(job *j, int64_t picture, float *pixels, slr_error *err)
{
    char *settings = settings_text(j, picture);
    char *path = slr_format("%s/%06lld.png", j->options->out, (long long)picture);
    selora_status status = settings && path ? SELORA_OK : slr_fail_memory(err, 0, "a picture's settings");
    if (status == SELORA_OK) {
        static const char comment[] = "synthetic image, selora " SELORA_VERSION ", not for diagnosis";
        slr_png_text texts[] = {{"Software", "selora " SELORA_VERSION}, {"Comment", comment}, {"selora", settings}};
        slr_image image = {.width = j->drawing.width, .height = j->drawing.height, .channels = 3, .bits = 8,
                           .pixels = pixels};
        if (j->options->watermark)
            slr_watermark(pixels, image.width, image.height, image.channels);
        status = slr_png_write(path, &image, 8, texts, 3, err);
        if (status == SELORA_OK && j->options->dicom)
            status = slr_generate_dicom_write(&j->dicom, picture, &image, prompt_of(j, picture), err);
    }
    free(settings);
    free(path);
    return status;
}

static selora_status draw_batch(job *j, const char **prompts, uint32_t *indices, slr_error *err)
{
    int64_t left = j->total - j->done;
    int count = (int)(left < j->drawing.batch ? left : j->drawing.batch);
    size_t values = (size_t)j->drawing.width * (size_t)j->drawing.height * 3;
    for (int i = 0; i < count; i++) {
        indices[i] = (uint32_t)(j->done + i);
        prompts[i] = prompt_of(j, j->done + i);
    }
    SLR_TRY(slr_drawing_draw(&j->drawing, prompts, indices, count, err));
    for (int i = 0; i < count; i++) {
        float *pixels = j->drawing.pixels + (size_t)i * values;
        SLR_TRY(write_picture(j, j->done, pixels, err));
        slr_picture_grid_put(&j->grid, (int)(j->done < GRID_CELLS * GRID_CELLS ? j->done : -1), pixels);
        j->done++;
    }
    return SELORA_OK;
}

static selora_status write_table(const job *j, slr_error *err)
{
    slr_atomic_file *file;
    char *path = slr_format("%s/metadata.csv", j->options->out);
    if (!path)
        return slr_fail_memory(err, 0, "a path");
    selora_status status = slr_atomic_open(path, 0644, &file, err);
    free(path);
    if (status != SELORA_OK)
        return status;
    FILE *stream = slr_atomic_stream(file);
    fputs("file_name,text,seed,index\n", stream);
    for (int64_t i = 0; i < j->done; i++) {
        fprintf(stream, "%06lld.png,", (long long)i);
        slr_csv_write_field(stream, prompt_of(j, i));
        fprintf(stream, ",%llu,%lld\n", (unsigned long long)j->options->seed, (long long)i);
    }
    return slr_atomic_commit(file, err);
}

static int clamp(int value, int high)
{
    return value < 1 ? 1 : value > high ? high : value;
}

static selora_status start_grid(job *j, slr_error *err)
{
    int columns = clamp(GRID_SIDE / j->drawing.width, GRID_CELLS), rows = clamp(GRID_SIDE / j->drawing.height, GRID_CELLS);
    int cells = j->total < columns * rows ? (int)j->total : columns * rows;
    return slr_picture_grid_new(j->drawing.width, j->drawing.height, cells, cells < columns * rows ? 0 : columns,
                                &j->grid, err);
}

static selora_status finish(job *j, slr_error *err)
{
    char *path = slr_format("%s/grid.png", j->options->out);
    if (!path)
        return slr_fail_memory(err, 0, "a path");
    selora_status status = slr_picture_grid_write(&j->grid, path, err);
    free(path);
    if (status == SELORA_OK)
        status = write_table(j, err);
    return status;
}

static selora_status draw_all(job *j, slr_error *err)
{
    const char **prompts = slr_alloc((size_t)j->drawing.batch, sizeof *prompts);
    uint32_t *indices = slr_alloc((size_t)j->drawing.batch, sizeof *indices);
    selora_status status = prompts && indices ? SELORA_OK : slr_fail_memory(err, 0, "a batch");
    while (status == SELORA_OK && j->done < j->total)
        status = draw_batch(j, prompts, indices, err);
    free(prompts);
    free(indices);
    /* What is finished keeps its table, also when the job was stopped. */
    slr_error second = {0};
    if (j->done > 0) {
        selora_status table = finish(j, status == SELORA_OK ? err : &second);
        status = status == SELORA_OK ? table : status;
    }
    return status;
}

static selora_status run(job *j, slr_error *err)
{
    const selora_generate_options *o = j->options;
    SLR_TRY(open_inputs(j, err));
    warn_of_cuts(j);
    slr_note(&j->context->hooks, "%lld pictures of %dx%d, %s, %lld steps, guidance %g; working memory %.2f GB",
             (long long)j->total, j->drawing.width, j->drawing.height, o->sampler, (long long)o->steps, o->guidance,
             (double)slr_text_to_image_bytes(j->drawing.artist) / 1e9);
    slr_note(&j->context->hooks, "backend %s, %d threads: %s", j->drawing.backend->name, j->context->threads,
             slr_backend_precision(j->drawing.backend));
    if (o->dry_run)
        return SELORA_OK;
    SLR_TRY(slr_model_hash(j->model, j->model_hash, err));
    SLR_TRY(slr_chosen_adapters_hash(&j->chosen, j->adapter_hash, err));
    if (o->dicom)
        SLR_TRY(slr_generate_dicom_begin(&j->dicom, o, j->model_hash, j->adapter_hash, err));
    SLR_TRY(slr_drawing_start(&j->drawing, j->total, err));
    SLR_TRY(start_grid(j, err));
    SLR_TRY(slr_make_folders(o->out, 0755, err));
    SLR_TRY(draw_all(j, err));
    slr_note(&j->context->hooks, "pictures, grid.png and metadata.csv are in %s", o->out);
    return SELORA_OK;
}

selora_status selora_generate_folder(selora_context *context, const selora_generate_options *options)
{
    size_t count;
    const selora_option *list = selora_generate_option_list(&count);
    SLR_TRY(selora_options_check(context, list, count, options));
    job j = {.context = context, .options = options};
    selora_status status = run(&j, slr_context_begin(context));
    slr_picture_grid_free(&j.grid);
    slr_drawing_close(&j.drawing);
    slr_chosen_adapters_free(&j.chosen);
    slr_model_free(j.model);
    slr_prompt_list_free(&j.prompts);
    return status;
}
