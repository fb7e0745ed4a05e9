/* SPDX-License-Identifier: MIT */
#include "eval/case_report.h"

#include <math.h>
#include <string.h>

static const double gradient_share = 1e-3;
enum { CHUNK = 512 };

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_gradient(const char *name)
{
    return starts_with(name, "expect.grad.") || starts_with(name, "expect.probe_grad.");
}

static double default_tolerance(slr_case_kind kind, const char *name)
{
    switch (kind) {
    case SLR_CASE_UNET:
    case SLR_CASE_VAE_ENCODE:
    case SLR_CASE_VAE_DECODE:
    case SLR_CASE_FEATURES: return 1e-4;
    case SLR_CASE_TRAIN_STEP:
        return is_gradient(name) || starts_with(name, "expect.ratio.") ? 2e-4 : 1e-4;
    case SLR_CASE_SAMPLE: return 1e-3;
    default: return 1e-5;
    }
}

/* What rounding the operands of every product to 8 bits does to small random networks, three times what was seen. */
static double bf16_tolerance(slr_case_kind kind, const char *name)
{
    switch (kind) {
    case SLR_CASE_TEXT_ENCODER: return 2e-2;
    case SLR_CASE_UNET:
    case SLR_CASE_VAE_ENCODE:
    case SLR_CASE_VAE_DECODE:
    case SLR_CASE_FEATURES: return 1e-1;
    case SLR_CASE_TRAIN_STEP:
        return is_gradient(name) || starts_with(name, "expect.ratio.") ? 5e-1 : 1e-1;
    case SLR_CASE_SAMPLE: return 3e-1;
    default: return default_tolerance(kind, name); /* no products */
    }
}

/* Elements [begin, begin + count) of any type. */
static void read_doubles(const slr_stored_tensor *tensor, int64_t begin, int64_t count, double *out)
{
    int64_t integers[CHUNK];
    if (tensor->dtype != SLR_DTYPE_I64) {
        slr_stored_to_f64(tensor, begin, count, out);
        return;
    }
    slr_stored_to_i64(tensor, begin, count, integers);
    for (int64_t i = 0; i < count; i++)
        out[i] = (double)integers[i];
}

static double norm_of(const slr_stored_tensor *tensor)
{
    double values[CHUNK], sum = 0;
    int64_t count = slr_stored_count(tensor);
    for (int64_t at = 0; at < count; at += CHUNK) {
        int64_t part = count - at < CHUNK ? count - at : CHUNK;
        read_doubles(tensor, at, part, values);
        for (int64_t i = 0; i < part; i++)
            sum += values[i] * values[i];
    }
    return sqrt(sum);
}

void slr_case_report_gradients(slr_case_report *report)
{
    double largest = 0;
    for (size_t i = 0; i < slr_safetensors_count(report->c->file); i++) {
        const slr_stored_tensor *tensor = slr_safetensors_at(report->c->file, i);
        double norm = is_gradient(tensor->name) ? norm_of(tensor) : 0;
        if (norm > largest)
            largest = norm;
    }
    report->gradient_floor = gradient_share * largest;
}

/* What the comparison of one tensor adds up. */
typedef struct sums {
    double max_abs, difference, reference; /* the last two: sums of squares */
    bool finite;
} sums;

static void add(sums *s, double ours, double theirs)
{
    double difference = fabs(ours - theirs);
    s->finite = s->finite && isfinite(ours) && isfinite(theirs);
    s->max_abs = difference > s->max_abs ? difference : s->max_abs;
    s->difference += difference * difference;
    s->reference += theirs * theirs;
}

static void write_row(slr_case_report *report, const slr_stored_tensor *tensor, const sums *s)
{
    const slr_reference_case *c = report->c;
    bool exact = tensor->dtype == SLR_DTYPE_I64;
    double floor = is_gradient(tensor->name) ? report->gradient_floor : 0;
    double difference = sqrt(s->difference), reference = sqrt(s->reference);
    double denominator = reference > floor ? reference : floor;
    selora_verify_row row = {
        .file = slr_safetensors_path(c->file),
        .kind = c->kind_name,
        .tensor = tensor->name,
        .max_abs = s->finite ? s->max_abs : NAN,
        .relative = !s->finite        ? NAN
                    : difference == 0 ? 0
                    : denominator > 0 ? difference / denominator
                                      : INFINITY,
        .tolerance = exact              ? 0
                     : report->rtol > 0 ? report->rtol
                     : report->bf16     ? bf16_tolerance(c->kind, tensor->name)
                                        : default_tolerance(c->kind, tensor->name),
    };
    row.passed = row.relative <= row.tolerance; /* false for NaN */
    report->rows++;
    report->failed = report->failed || !row.passed;
    if (report->write)
        report->write(report->user, &row);
}

void slr_case_compare(slr_case_report *report, const char *name, slr_case_layout layout,
                      const slr_real *values)
{
    const slr_stored_tensor *tensor = slr_case_find(report->c, name);
    sums s = {.finite = true};
    double theirs[CHUNK];
    int64_t count = slr_stored_count(tensor);
    for (int64_t i = 0; i < count; i++) {
        if (i % CHUNK == 0)
            read_doubles(tensor, i, count - i < CHUNK ? count - i : CHUNK, theirs);
        add(&s, (double)values[slr_case_engine_index(tensor, layout, i)], theirs[i % CHUNK]);
    }
    write_row(report, tensor, &s);
}

void slr_case_compare_doubles(slr_case_report *report, const char *name, const double *values)
{
    const slr_stored_tensor *tensor = slr_case_find(report->c, name);
    sums s = {.finite = true};
    int64_t count = slr_stored_count(tensor);
    for (int64_t i = 0; i < count; i++) {
        double theirs;
        read_doubles(tensor, i, 1, &theirs);
        add(&s, values[i], theirs);
    }
    write_row(report, tensor, &s);
}

void slr_case_compare_integers(slr_case_report *report, const char *name, const int64_t *values)
{
    const slr_stored_tensor *tensor = slr_case_find(report->c, name);
    sums s = {.finite = true};
    int64_t count = slr_stored_count(tensor);
    for (int64_t i = 0; i < count; i++) {
        double theirs;
        read_doubles(tensor, i, 1, &theirs);
        add(&s, (double)values[i], theirs);
    }
    write_row(report, tensor, &s);
}
