/* SPDX-License-Identifier: MIT */
#include "models/merged_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

typedef struct slr_merged_part {
    slr_merge_run *run;
    slr_merged_tensor tensor;
    bool counted; /* one of the model's weights */
    char layer[SLR_STORED_NAME];
} slr_merged_part;

static int by_address(const void *x, const void *y)
{
    uintptr_t p = (uintptr_t)((const slr_base_weight *)x)->tensor, q = (uintptr_t)((const slr_base_weight *)y)->tensor;
    return p < q ? -1 : p > q;
}

static selora_status find_weights(slr_merge_run *run, slr_error *err)
{
    size_t count = (size_t)slr_graph_weight_count(run->graph);
    run->weights = slr_alloc(count, sizeof *run->weights);
    if (!run->weights)
        return slr_fail_memory(err, count * sizeof *run->weights, "the model");
    for (size_t i = 0; i < count; i++) {
        const slr_weight_spec *spec = slr_graph_weight(run->graph, (int)i);
        const slr_stored_tensor *tensor = slr_model_stored(run->job->model, spec->name);
        if (!tensor)
            return slr_fail(err, SELORA_BAD_INPUT, "%s: not in the model's files", spec->name);
        run->weights[run->count++] = (slr_base_weight){tensor, spec};
    }
    qsort(run->weights, run->count, sizeof *run->weights, by_address);
    return SELORA_OK;
}

static selora_status check_layers(const slr_merge_job *job, slr_error *err)
{
    slr_problems problems = {0};
    for (int s = 0; s < job->set_count; s++)
        for (int i = 0; i < slr_adapter_set_count(job->sets[s]); i++) {
            const slr_adapter *adapter = slr_adapter_set_at(job->sets[s], i);
            char name[SLR_STORED_NAME];
            snprintf(name, sizeof name, "%s.weight", adapter->path);
            const slr_stored_tensor *tensor = slr_model_stored(job->model, name);
            if (!tensor || slr_stored_count(tensor) != adapter->slot.in * adapter->slot.out)
                slr_problems_add(&problems, "%s: the weight that the adapter belongs to is not in the model's files",
                                 adapter->path);
        }
    return slr_problems_report(&problems, job->model->path, err);
}

selora_status slr_merge_run_begin(slr_merge_run *run, const slr_merge_job *job, bool with_vae, slr_error *err)
{
    *run = (slr_merge_run){.job = job};
    SLR_TRY(check_layers(job, err));
    run->graph = slr_model_record(job->model, true);
    if (!run->graph)
        return slr_fail_memory(err, 0, "the model's graph");
    SLR_TRY(find_weights(run, err));
    int64_t written = 0;
    for (size_t i = 0; i < run->count; i++)
        written += with_vae || strncmp(run->weights[i].spec->name, "vae.", 4) != 0;
    run->task = slr_task_begin(job->hooks, "merge", written);
    return SELORA_OK;
}

void slr_merge_run_end(slr_merge_run *run)
{
    slr_graph_free(run->graph);
    free(run->weights);
}

selora_status slr_merged_file_begin(slr_merged_file *file, slr_merge_run *run, size_t most, slr_error *err)
{
    *file = (slr_merged_file){.run = run, .capacity = most};
    file->parts = slr_alloc(most, sizeof *file->parts);
    file->writer = slr_safetensors_writer_new();
    return file->parts && file->writer ? SELORA_OK : slr_fail_memory(err, most * sizeof *file->parts, "the merged file");
}

void slr_merged_file_end(slr_merged_file *file)
{
    slr_safetensors_writer_free(file->writer);
    free(file->parts);
    file->writer = NULL;
    file->parts = NULL;
}

static selora_status make(void *context, void *data, slr_error *err)
{
    slr_merged_part *part = context;
    slr_merge_run *run = part->run;
    if (slr_interrupted(run->job->hooks))
        return slr_fail(err, SELORA_INTERRUPTED, "interrupted; nothing was written");
    SLR_TRY(slr_merged_tensor_make(&part->tensor, data, err));
    if (part->counted)
        slr_task_report(&run->task, ++run->done, NULL);
    return SELORA_OK;
}

static bool is_real(slr_dtype dtype)
{
    return dtype != SLR_DTYPE_I64 && dtype != SLR_DTYPE_OTHER;
}

static selora_status put(slr_merged_file *file, const char *name, const slr_stored_tensor *tensor,
                         const slr_base_weight *weight, int dims, const int64_t *shape, slr_error *err)
{
    static const char tail[] = ".weight";
    const slr_merge_job *job = file->run->job;
    if (file->count == file->capacity)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: too many tensors", name);
    slr_merged_part *part = &file->parts[file->count++];
    slr_dtype dtype = job->convert && is_real(tensor->dtype) ? job->dtype : tensor->dtype;
    *part = (slr_merged_part){.run = file->run, .counted = weight != NULL, .tensor = {.source = tensor, .dtype = dtype, .sets = job->sets,
                                                           .set_count = job->set_count, .threads = job->threads}};
    size_t length = weight ? strlen(weight->spec->name) : 0;
    if (length > sizeof tail - 1 && strcmp(weight->spec->name + length - (sizeof tail - 1), tail) == 0) {
        snprintf(part->layer, sizeof part->layer, "%.*s", (int)(length - (sizeof tail - 1)), weight->spec->name);
        part->tensor.layer = part->layer;
    }
    file->bytes += (uint64_t)slr_stored_count(tensor) * slr_dtype_bytes(dtype);
    if (file->map && file->shard)
        json_object_set_new(file->map, name, json_string(file->shard));
    return slr_safetensors_writer_made(file->writer, name, dtype, dims, shape, make, part, err);
}

/* "encoder.layers..." -> "text_model.encoder.layers...", behind what the component's names begin with. */
static void full_name(const char *stored, bool is_text, char name[2 * SLR_STORED_NAME])
{
    static const char single[] = "cond_stage_model.transformer.", level[] = "text_model.";
    size_t begin = strncmp(stored, single, sizeof single - 1) == 0 ? sizeof single - 1 : 0;
    bool bare = (is_text || begin > 0) && strncmp(stored + begin, level, sizeof level - 1) != 0;
    snprintf(name, 2 * SLR_STORED_NAME, "%.*s%s%s", (int)begin, stored, bare ? level : "", stored + begin);
}

selora_status slr_merged_file_stored(slr_merged_file *file, const slr_safetensors *source, bool is_text, slr_error *err)
{
    const slr_merge_run *run = file->run;
    for (size_t i = 0; i < slr_safetensors_count(source); i++) {
        char name[2 * SLR_STORED_NAME];
        const slr_stored_tensor *tensor = slr_safetensors_at(source, i);
        if (tensor->dtype == SLR_DTYPE_OTHER || strncmp(tensor->name, "model_ema.", 10) == 0)
            continue; /* no network reads such a tensor */
        slr_base_weight wanted = {.tensor = tensor};
        const slr_base_weight *weight = bsearch(&wanted, run->weights, run->count, sizeof wanted, by_address);
        full_name(tensor->name, is_text, name);
        SLR_TRY(put(file, name, tensor, weight, tensor->dims, tensor->shape, err));
    }
    return SELORA_OK;
}

/* LDM holds the VAE's attention as 1x1 convolutions, diffusers as matrices. */
static int shape_of(const slr_weight_spec *spec, bool single_file, int64_t shape[SLR_MAX_DIMS])
{
    bool convolution = single_file && spec->dims == 2 && strncmp(spec->name, "vae.", 4) == 0;
    memcpy(shape, spec->shape, sizeof spec->shape);
    if (convolution)
        shape[2] = shape[3] = 1;
    return convolution ? 4 : spec->dims;
}

selora_status slr_merged_file_weights(slr_merged_file *file, const char *component, bool single_file, slr_error *err)
{
    slr_merge_run *run = file->run;
    slr_name_rules rules = slr_model_name_rules(run->job->model, single_file);
    size_t length = component ? strlen(component) : 0;
    for (size_t i = 0; i < run->count; i++) {
        const slr_base_weight *weight = &run->weights[i];
        char names[SLR_MAX_STORED_NAMES][SLR_STORED_NAME];
        int64_t shape[SLR_MAX_DIMS];
        if (component && (strncmp(weight->spec->name, component, length) != 0 || weight->spec->name[length] != '.'))
            continue;
        if (slr_stored_names(&rules, weight->spec->name, names) == 0)
            return slr_fail(err, SELORA_BAD_INPUT, "%s: has no name in files of that kind", weight->spec->name);
        int dims = shape_of(weight->spec, single_file, shape);
        SLR_TRY(put(file, names[0], weight->tensor, weight, dims, shape, err));
    }
    return SELORA_OK;
}

selora_status slr_merged_file_write(slr_merged_file *file, const char *path, slr_error *err)
{
    const slr_merge_job *job = file->run->job;
    SLR_TRY(slr_safetensors_writer_metadata(file->writer, "format", "pt", err));
    SLR_TRY(slr_safetensors_writer_metadata(file->writer, "selora.version", SELORA_VERSION, err));
    if (job->model_sha256)
        SLR_TRY(slr_safetensors_writer_metadata(file->writer, "selora.model_sha256", job->model_sha256, err));
    if (job->merged)
        SLR_TRY(slr_safetensors_writer_metadata(file->writer, "selora.merged", job->merged, err));
    return slr_safetensors_writer_save(file->writer, path, err);
}
