/* SPDX-License-Identifier: MIT */
#include "report/run_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "report/event_file.h"
#include "report/run_file.h"

static const char rank_header[] = "step,layer,ratio,standard_error,rank_before,rank_after,note\n";

/* A text file that grows at its end. */
typedef struct table {
    char *path;
    FILE *stream;
    int error; /* errno of the first failure */
} table;

struct slr_run_log {
    table steps, ranks;
    slr_event_file *events;
    double *probed; /* ranks after the probe that the next step's line ends */
    size_t probed_count, probed_capacity;
};

static void note_failure(table *t)
{
    if (t->error == 0)
        t->error = errno ? errno : EIO;
}

static selora_status report_failure(const table *t, slr_error *err)
{
    if (t->error == 0)
        return SELORA_OK;
    errno = t->error;
    return slr_fail_errno(err, t->path, "write the file");
}

static selora_status open_table(table *t, const char *folder, const char *name, int64_t bytes, const slr_hooks *hooks,
                                slr_error *err)
{
    struct stat info;
    t->path = slr_format("%s/%s", folder, name);
    if (!t->path)
        return slr_fail_memory(err, 0, name);
    int fd = open(t->path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 || fstat(fd, &info) != 0 || (info.st_size > bytes && ftruncate(fd, bytes) != 0) ||
        lseek(fd, 0, SEEK_END) < 0 || !(t->stream = fdopen(fd, "ab"))) {
        selora_status status = slr_fail_errno(err, t->path, "write the file");
        if (fd >= 0)
            close(fd);
        return status;
    }
    if (info.st_size < bytes)
        slr_warn(hooks, "%s is shorter than the checkpoint says: earlier lines are lost", t->path);
    return SELORA_OK;
}

static void close_table(table *t)
{
    if (t->stream)
        fclose(t->stream);
    free(t->path);
}

static void flush(table *t)
{
    errno = 0;
    if (ferror(t->stream) || fflush(t->stream) != 0)
        note_failure(t);
}

selora_status slr_run_log_open(const char *folder, const slr_run_counters *counters, const slr_hooks *hooks,
                               slr_run_log **result, slr_error *err)
{
    *result = NULL;
    slr_run_log *log = slr_alloc(1, sizeof *log);
    if (!log)
        return slr_fail_memory(err, sizeof *log, "the log");
    selora_status status = open_table(&log->steps, folder, "log.jsonl", counters->log_bytes, hooks, err);
    if (status == SELORA_OK)
        status = open_table(&log->ranks, folder, "ranks.csv", counters->rank_bytes, hooks, err);
    if (status == SELORA_OK && ftell(log->ranks.stream) <= 0) {
        fputs(rank_header, log->ranks.stream);
        flush(&log->ranks);
        status = report_failure(&log->ranks, err);
    }
    if (status == SELORA_OK)
        status = slr_event_file_open(folder, counters->step, counters->validated_step, hooks, &log->events, err);
    if (status != SELORA_OK) {
        slr_run_log_close(log);
        return status;
    }
    *result = log;
    return SELORA_OK;
}

void slr_run_log_close(slr_run_log *log)
{
    if (!log)
        return;
    close_table(&log->steps);
    close_table(&log->ranks);
    slr_event_file_close(log->events);
    free(log->probed);
    free(log);
}

/* Layer names hold no commas or quotes; notes are our own texts. */
static void write_rank(void *context, const slr_rank_event *event)
{
    slr_run_log *log = context;
    errno = 0;
    if (fprintf(log->ranks.stream, "%" PRId64 ",%s,%.9g,%.9g,%d,%d,%s\n", event->step, event->layer, event->ratio,
                event->standard_error, event->rank_before, event->rank_after, event->note) < 0)
        note_failure(&log->ranks);
    if (slr_grow((void **)&log->probed, &log->probed_capacity, log->probed_count, sizeof *log->probed))
        log->probed[log->probed_count++] = event->rank_after;
}

slr_rank_log slr_run_log_ranks(slr_run_log *log)
{
    return (slr_rank_log){write_rank, log};
}

/* ---- events ---- */

enum { MOST_BUCKETS = 64 };

selora_status slr_run_log_options(slr_run_log *log, const selora_option *list, size_t count, const void *options,
                                  slr_error *err)
{
    char *text = NULL;
    size_t size;
    if (!slr_event_file_is_new(log->events))
        return SELORA_OK;
    FILE *rows = open_memstream(&text, &size);
    if (!rows)
        return slr_fail_memory(err, 0, "the options");
    fputs("| option | value |\n|---|---|\n", rows);
    for (size_t i = 0; i < count; i++) {
        json_t *value = slr_option_may_be_shown(&list[i]) ? slr_option_json(&list[i], options) : json_null();
        char *shown = json_is_null(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
        if (shown)
            fprintf(rows, "| %s | %s |\n", list[i].name, shown);
        free(shown);
        json_decref(value);
    }
    selora_status status = fclose(rows) == 0 ? SELORA_OK : slr_fail_memory(err, 0, "the options");
    if (status == SELORA_OK) {
        slr_event_text(slr_event_file_begin(log->events, 0), "run/options", text);
        status = slr_event_file_end(log->events, err);
    }
    free(text);
    return status;
}

/* A bucket for every rank, or for every few where there are many. */
static void put_ranks(slr_event_record *record, const double *ranks, size_t count)
{
    double limits[MOST_BUCKETS], counts[MOST_BUCKETS] = {0};
    slr_event_histogram h = {.least = ranks[0], .most = ranks[0], .count = (double)count, .limits = limits, .counts = counts};
    for (size_t i = 0; i < count; i++) {
        h.least = ranks[i] < h.least ? ranks[i] : h.least;
        h.most = ranks[i] > h.most ? ranks[i] : h.most;
        h.sum += ranks[i];
        h.squares += ranks[i] * ranks[i];
    }
    double width = ceil((h.most - h.least + 1) / MOST_BUCKETS);
    h.buckets = (size_t)((h.most - h.least) / width) + 1;
    for (size_t b = 0; b < h.buckets; b++)
        limits[b] = h.least + width * (double)(b + 1) - 0.5;
    for (size_t i = 0; i < count; i++)
        counts[(size_t)((ranks[i] - h.least) / width)]++;
    slr_event_put_histogram(record, "adapter/ranks", &h);
}

static selora_status put_step_event(slr_run_log *log, const slr_train_result *r, double seconds, slr_error *err)
{
    slr_event_record *record = slr_event_file_begin(log->events, r->step);
    slr_event_scalar(record, "train/loss", r->loss);
    slr_event_scalar(record, "train/learning_rate", r->rates.unet);
    slr_event_scalar(record, "train/learning_rate_text", r->rates.text_encoder);
    slr_event_scalar(record, "train/gradient_norm", r->gradient_norm);
    slr_event_scalar(record, "train/seconds_per_step", seconds);
    slr_event_scalar(record, "adapter/total_rank", (double)r->total_rank);
    slr_event_scalar(record, "adapter/parameters", (double)r->parameters);
    if (log->probed_count > 0)
        put_ranks(record, log->probed, log->probed_count);
    log->probed_count = 0;
    return slr_event_file_end(log->events, err);
}

selora_status slr_run_log_samples(slr_run_log *log, int64_t step, const slr_picture_grid *grid, slr_error *err)
{
    slr_image picture;
    SLR_TRY(slr_image_new(grid->width, grid->height, 3, &picture, err));
    slr_event_record *record = slr_event_file_begin(log->events, step);
    selora_status status = SELORA_OK;
    for (int i = 0; i < grid->cells && status == SELORA_OK; i++) {
        char tag[64];
        void *png;
        size_t size;
        slr_picture_grid_get(grid, i, picture.pixels);
        status = slr_png_write_memory(&picture, 8, NULL, 0, &png, &size, err);
        if (status != SELORA_OK)
            break;
        snprintf(tag, sizeof tag, SLR_EVENT_VALIDATION "sample_%d", i);
        slr_event_png(record, tag, picture.width, picture.height, 3, png, size);
        free(png);
    }
    slr_image_free(&picture);
    return status == SELORA_OK ? slr_event_file_end(log->events, err) : status;
}

/* ---- lines ---- */

selora_status slr_run_log_step(slr_run_log *log, const slr_train_result *r, int64_t epoch, double seconds,
                               double samples_per_second, slr_error *err)
{
    errno = 0;
    if (fprintf(log->steps.stream,
                "{\"step\": %" PRId64 ", \"epoch\": %" PRId64 ", \"loss\": %.9g, \"lr\": %.9g, \"lr_text\": %.9g, "
                "\"gradient_norm\": %.9g, \"rank\": %" PRId64 ", \"parameters\": %" PRId64 ", \"seconds\": %.6g, "
                "\"probe_seconds\": %.3g, \"samples_per_s\": %.6g}\n",
                r->step, epoch, r->loss, r->rates.unet, r->rates.text_encoder, r->gradient_norm, r->total_rank, r->parameters,
                seconds, r->method_seconds, samples_per_second) < 0)
        note_failure(&log->steps);
    flush(&log->steps);
    flush(&log->ranks);
    SLR_TRY(report_failure(&log->steps, err));
    SLR_TRY(report_failure(&log->ranks, err));
    return put_step_event(log, r, seconds, err);
}

selora_status slr_run_log_validation(slr_run_log *log, int64_t step, double loss, bool best, slr_error *err)
{
    errno = 0;
    if (fprintf(log->steps.stream, "{\"step\": %" PRId64 ", \"validation_loss\": %.17g, \"best\": %s}\n", step, loss,
                best ? "true" : "false") < 0)
        note_failure(&log->steps);
    flush(&log->steps);
    SLR_TRY(report_failure(&log->steps, err));
    slr_event_scalar(slr_event_file_begin(log->events, step), SLR_EVENT_VALIDATION "loss", loss);
    return slr_event_file_end(log->events, err);
}

void slr_run_log_lengths(const slr_run_log *log, int64_t *log_bytes, int64_t *rank_bytes)
{
    *log_bytes = ftell(log->steps.stream);
    *rank_bytes = ftell(log->ranks.stream);
}

static selora_status sync_table(table *t, slr_error *err)
{
    flush(t);
    if (t->error == 0 && fsync(fileno(t->stream)) != 0 && errno != EINVAL)
        note_failure(t);
    return report_failure(t, err);
}

selora_status slr_run_log_sync(slr_run_log *log, slr_error *err)
{
    SLR_TRY(sync_table(&log->steps, err));
    SLR_TRY(sync_table(&log->ranks, err));
    return slr_event_file_sync(log->events, err);
}
