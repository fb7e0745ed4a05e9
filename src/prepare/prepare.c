/* SPDX-License-Identifier: MIT */
#include "prepare/prepare.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "core/clock.h"
#include "prepare/preparation.h"

enum { FAILURES_TOLD = 20 };

/* Files that are skipped because of what they are are no fault; these are. */
static bool is_bad(const slr_prepared_file *file, slr_picture_skip skip)
{
    switch (skip) {
    case SLR_SKIP_UNREADABLE:
    case SLR_SKIP_DAMAGED:
    case SLR_SKIP_TRANSFER_SYNTAX:
    case SLR_SKIP_COLOUR_MODEL:
    case SLR_SKIP_VALUES:
    case SLR_SKIP_ORIENTATION:
    case SLR_SKIP_NO_FRAME:
    case SLR_SKIP_NOT_BUILT: return true;
    case SLR_SKIP_FORMAT: return slr_source_name_promises(file->source->name);
    default: return false;
    }
}

void slr_prepare_skip(slr_preparation *p, const slr_prepared_file *file, slr_picture_skip skip,
                      const char *message)
{
    bool bad = is_bad(file, skip), tell = bad || skip == SLR_SKIP_BURNED_IN;
    p->counts.bad += bad;
    p->counts.skips[skip]++;
    if (!tell || p->counts.failures_told++ >= FAILURES_TOLD)
        return;
    const char *reason = slr_picture_skip_name(skip);
    const char *path = p->job->show_paths ? file->source->path : "", *colon = p->job->show_paths ? ": " : "";
    slr_warn(p->hooks, "file %zu%s%s: %s%s%s", file->number, colon, path, reason,
             message && *message ? ": " : "", message ? message : "");
    if (p->counts.failures_told == FAILURES_TOLD)
        slr_warn(p->hooks, "further files like these are only counted");
}

selora_status slr_prepare_pool_failed(selora_status status, slr_error *err)
{
    return status == SELORA_INTERRUPTED
               ? slr_fail(err, SELORA_INTERRUPTED,
                          "stopped; nothing was added. The same command starts again")
               : status;
}

static selora_status run(slr_preparation *p, json_t **manifest, slr_error *err)
{
    SLR_TRY(slr_private_folder_open(p->job->out, &p->folder, err));
    SLR_TRY(slr_prepare_load(p, err));
    SLR_TRY(slr_source_files_list(p->job->sources, p->job->source_count, p->job->out, &p->sources, err));
    SLR_TRY(slr_prepare_read(p, err));
    SLR_TRY(slr_prepare_texts(p, err));
    SLR_TRY(slr_prepare_draw(p, err));
    return slr_prepare_store(p, manifest, err);
}

static void preparation_free(slr_preparation *p)
{
    for (size_t i = 0; i < p->file_count; i++)
        free(p->files[i].facts);
    for (size_t i = 0; i < p->picture_count; i++)
        free(p->pictures[i].drawn);
    free(p->files);
    free(p->pictures);
    slr_prompts_free(p->prompts);
    slr_split_report_free(&p->counts.split);
    slr_source_files_free(&p->sources);
    slr_source_files_free(&p->report_files);
    slr_rows_free(&p->rows);
    slr_private_folder_close(&p->folder);
    free(p);
}

selora_status slr_prepare(const slr_prepare_job *job, const slr_hooks *hooks, json_t **manifest,
                          slr_error *err)
{
    *manifest = NULL;
    slr_preparation *p = calloc(1, sizeof *p);
    if (!p)
        return slr_fail_memory(err, sizeof *p, "the job");
    p->job = job;
    p->hooks = hooks;
    p->folder.lock = -1;
    p->counts.seconds = -slr_clock_seconds();
    selora_status status = run(p, manifest, err);
    if (status == SELORA_OK && (int64_t)p->counts.bad > job->max_bad)
        status = slr_fail(err, SELORA_BAD_INPUT,
                          "%zu files are damaged or cannot be read (%s); all others are in %s. Copy them "
                          "again, or accept them with --max-bad %zu",
                          p->counts.bad, job->show_paths ? "listed above" : "--show-paths names them",
                          job->out, p->counts.bad);
    preparation_free(p);
    return status;
}
