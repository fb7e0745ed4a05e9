/* SPDX-License-Identifier: MIT */
#include "adapters/pair_reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/adapter_scale.h"
#include "core/memory.h"

enum { MAX_RANK = 4096, MAX_KERNEL = 7 };

/* A tensor and the layer that its name tells. */
typedef struct named_tensor {
    char *path;
    slr_key_role role;
    const slr_stored_tensor *tensor;
} named_tensor;

typedef struct reading {
    const slr_safetensors *file;
    const slr_pair_reader *reader;
    slr_pairs *pairs;
    slr_adapter_header header;
    named_tensor *named;
    size_t count, capacity;
    slr_problems problems;
} reading;

static selora_status take_name(reading *r, const slr_stored_tensor *tensor, slr_error *err)
{
    slr_key key;
    const char *name = tensor->name, *foreign = slr_names_foreign(name);
    if (foreign)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: an adapter for %s (%s); Stable Diffusion 1.x is expected",
                        slr_safetensors_path(r->file), foreign, name);
    slr_key_read(r->reader->names, name, &key);
    if (key.role == SLR_KEY_REFUSED)
        slr_problems_add(&r->problems, "%s: %s", name, key.reason);
    if (key.role == SLR_KEY_UNKNOWN)
        slr_problems_add(&r->pairs->left_over, "%s: not the name of a layer's tensor", name);
    if (key.role != SLR_KEY_DOWN && key.role != SLR_KEY_UP && key.role != SLR_KEY_ALPHA)
        return SELORA_OK;
    r->pairs->bare = r->pairs->bare || key.bare;
    r->pairs->text_long = r->pairs->text_long || key.text_long;
    r->pairs->text_short = r->pairs->text_short || key.text_short;
    char *path = slr_copy_text(key.path);
    if (!path || !slr_grow((void **)&r->named, &r->capacity, r->count, sizeof *r->named)) {
        free(path);
        return slr_fail_memory(err, sizeof *r->named, name);
    }
    r->named[r->count++] = (named_tensor){path, key.role, tensor};
    return SELORA_OK;
}

static int by_layer(const void *x, const void *y)
{
    const named_tensor *p = x, *q = y;
    int order = strcmp(p->path, q->path);
    if (order == 0)
        order = (int)p->role - (int)q->role;
    return order ? order : strcmp(p->tensor->name, q->tensor->name);
}

static int by_path(const void *x, const void *y)
{
    return strcmp(((const named_tensor *)x)->path, ((const named_tensor *)y)->path);
}

static bool is_number_type(const slr_stored_tensor *tensor)
{
    return tensor->dtype != SLR_DTYPE_I64 && tensor->dtype != SLR_DTYPE_OTHER;
}

static bool same_tensor(const slr_stored_tensor *x, const slr_stored_tensor *y)
{
    return x->dtype == y->dtype && x->bytes == y->bytes && memcmp(x->data, y->data, x->bytes) == 0;
}

static void write_shape(char text[128], const slr_stored_tensor *tensor)
{
    size_t at = 0;
    text[0] = 0;
    for (int i = 0; i < tensor->dims && at < 100; i++)
        at += (size_t)snprintf(text + at, 128 - at, "%s%lld", i ? "x" : "", (long long)tensor->shape[i]);
    if (tensor->dims == 0)
        snprintf(text, 128, "one number");
}

/* (rank, in) or (rank, channels, k, k) against (out, rank) or (out, rank, 1, 1). */
static const char *shape_problem(const slr_stored_tensor *a, const slr_stored_tensor *b)
{
    if (!is_number_type(a) || !is_number_type(b))
        return "stored as a type that holds no real numbers or that selora does not read";
    if ((a->dims != 2 && a->dims != 4) || (b->dims != 2 && b->dims != 4) ||
        (b->dims == 4 && (b->shape[2] != 1 || b->shape[3] != 1)) ||
        (a->dims == 4 && (a->shape[2] != a->shape[3] || a->shape[2] > MAX_KERNEL)))
        return "neither the shapes of a matrix pair nor of a convolution's";
    if (a->shape[0] == 0 || b->shape[1] == 0)
        return "rank 0";
    if (a->shape[0] != b->shape[1])
        return "A and B disagree about the rank";
    if (a->shape[0] > MAX_RANK)
        return "a rank beyond 4096";
    return slr_stored_count(a) == 0 || slr_stored_count(b) == 0 ? "empty" : NULL;
}

bool slr_pair_check(const slr_pair_tensors *tensors, slr_problems *problems)
{
    const char *problem = shape_problem(tensors->a, tensors->b);
    int64_t rank = problem ? 1 : tensors->a->shape[0];
    int64_t in = slr_stored_count(tensors->a) / rank, out = slr_stored_count(tensors->b) / rank;
    if (!problem && !tensors->said && rank > in && rank > out)
        problem = "the rank is above both dimensions of the layer";
    if (!problem)
        return true;
    char a[128], b[128];
    write_shape(a, tensors->a);
    write_shape(b, tensors->b);
    slr_problems_add(problems, "%s: %s (A is %s, B is %s)", tensors->a->name, problem, a, b);
    return false;
}

/* The first value that is not finite, -1 for none. */
static int64_t first_bad(const slr_real *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return i;
    return -1;
}

static bool rows_are_zero(const slr_stored_tensor *a, int64_t from)
{
    int64_t in = slr_stored_count(a) / a->shape[0];
    for (int64_t i = from * in; i < slr_stored_count(a); i++) {
        double value;
        if (!slr_stored_to_f64(a, i, 1, &value) || value != 0)
            return false;
    }
    return true;
}

selora_status slr_pair_fill(const slr_pair_tensors *t, slr_pairs *pairs, slr_problems *problems,
                            slr_error *err)
{
    int stored = (int)t->a->shape[0], rank = t->said ? t->true_rank : stored;
    int64_t in = slr_stored_count(t->a) / stored, out = slr_stored_count(t->b) / stored;
    double factor = t->said ? t->scale / t->true_scale : 1;
    slr_pair *pair;
    if (rank > stored || !rows_are_zero(t->a, rank)) {
        slr_problems_add(problems, "%s: the header says rank %d, but %s is stored", t->path, rank,
                         rank > stored ? "less" : "more");
        return SELORA_OK;
    }
    SLR_TRY(slr_pairs_add(pairs, t->path, in, out, rank, &pair, err));
    pair->kernel = t->a->dims == 4 ? (int)t->a->shape[2] : 0;
    pair->stored_rank = stored;
    pair->scale = t->said ? t->true_scale : t->scale;
    pair->applied = t->scale;
    pair->alpha = t->alpha;
    slr_stored_to_real(t->a, 0, rank * in, pair->a);
    for (int64_t o = 0; o < out; o++)
        for (int i = 0; i < rank; i++) {
            double value = 0;
            slr_stored_to_f64(t->b, o * stored + i, 1, &value);
            pair->b[o * rank + i] = (slr_real)(value * factor);
        }
    int64_t bad_a = first_bad(pair->a, rank * in), bad_b = first_bad(pair->b, rank * out);
    if (bad_a >= 0 || bad_b >= 0 || !isfinite(pair->scale))
        slr_problems_add(problems, "%s: holds values that are not finite",
                         bad_a >= 0 ? t->a->name : t->b->name);
    return SELORA_OK;
}

/* Real or, as diffusers' own converter stores it, whole. */
static bool read_alpha(const slr_stored_tensor *tensor, double *alpha)
{
    int64_t whole;
    if (slr_stored_count(tensor) != 1)
        return false;
    if (tensor->dtype == SLR_DTYPE_I64 && slr_stored_to_i64(tensor, 0, 1, &whole)) {
        *alpha = (double)whole;
        return true;
    }
    return slr_stored_to_f64(tensor, 0, 1, alpha) && isfinite(*alpha);
}

/* The layer's tensors named[begin .. end). */
static selora_status take_layer(reading *r, size_t begin, size_t end, slr_error *err)
{
    slr_pair_tensors t = {.path = r->named[begin].path, .alpha = NAN};
    const slr_stored_tensor *alpha = NULL;
    for (size_t i = begin; i < end; i++) {
        const slr_stored_tensor **place = r->named[i].role == SLR_KEY_DOWN ? &t.a
                                          : r->named[i].role == SLR_KEY_UP ? &t.b
                                                                           : &alpha;
        if (*place && !same_tensor(*place, r->named[i].tensor)) {
            slr_problems_add(&r->problems, "%s: stored under two names with different values (%s, %s)",
                             t.path, (*place)->name, r->named[i].tensor->name);
            return SELORA_OK;
        }
        *place = r->named[i].tensor;
    }
    if (!t.a || !t.b) {
        slr_problems_add(&r->problems, "%s: only one half of the pair is there (%s)", t.path,
                         t.a ? t.a->name : t.b ? t.b->name : alpha->name);
        return SELORA_OK;
    }
    if (alpha && !read_alpha(alpha, &t.alpha)) {
        slr_problems_add(&r->problems, "%s: expected one finite number", alpha->name);
        return SELORA_OK;
    }
    SLR_TRY(slr_adapter_header_true(&r->header, t.path, &t.said, &t.true_rank, &t.true_scale, err));
    if (!slr_pair_check(&t, &r->problems))
        return SELORA_OK;
    SLR_TRY(r->reader->scale(r->reader->context, t.path, (int)t.a->shape[0], t.alpha, &t.scale, err));
    return slr_pair_fill(&t, r->pairs, &r->problems, err);
}

static selora_status take_layers(reading *r, slr_error *err)
{
    for (size_t i = 0; i < slr_safetensors_count(r->file); i++)
        SLR_TRY(take_name(r, slr_safetensors_at(r->file, i), err));
    if (r->count > 1)
        qsort(r->named, r->count, sizeof *r->named, by_layer);
    for (size_t begin = 0, end; begin < r->count; begin = end) {
        for (end = begin + 1; end < r->count && strcmp(r->named[end].path, r->named[begin].path) == 0;)
            end++;
        SLR_TRY(take_layer(r, begin, end, err));
    }
    const char *listed;
    json_t *entry;
    json_object_foreach(r->header.layers, listed, entry)
    {
        named_tensor wanted = {.path = (char *)(uintptr_t)listed};
        if (r->count == 0 || !bsearch(&wanted, r->named, r->count, sizeof wanted, by_path))
            slr_problems_add(&r->problems, "%s: listed in the header, but not stored", listed);
    }
    return slr_problems_report(&r->problems, slr_safetensors_path(r->file), err);
}

selora_status slr_pairs_read(const slr_safetensors *file, const slr_pair_reader *reader,
                             slr_pairs *pairs, slr_error *err)
{
    static const char *const facts[] = {"selora.version", "selora.method", "selora.lambda",
                                        "selora.steps", "selora.model_sha256", "selora.data_sha256",
                                        "selora.compressed"};
    reading r = {.file = file, .reader = reader, .pairs = pairs};
    selora_status status = slr_adapter_header_read(file, &r.header, err);
    if (status == SELORA_OK)
        status = take_layers(&r, err);
    for (size_t i = 0; status == SELORA_OK && i < sizeof facts / sizeof *facts; i++)
        slr_pairs_note(pairs, facts[i], slr_safetensors_metadata(file, facts[i]));
    slr_adapter_header_free(&r.header);
    for (size_t i = 0; i < r.count; i++)
        free(r.named[i].path);
    free(r.named);
    return status;
}
