/* SPDX-License-Identifier: MIT */
#include "api/train_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/adapter_file.h"
#include "api/audit_groups.h"
#include "api/sample_grid.h"
#include "api/save_as.h"
#include "core/clock.h"
#include "core/machine.h"
#include "core/memory.h"
#include "io/atomic_file.h"
#include "report/run_costs.h"
#include "report/run_log.h"
#include "report/run_report.h"
#include "train/checkpoint.h"
#include "train/validation.h"

static const size_t text_budget = (size_t)SLR_TEXT_BUDGET_MB << 20;

typedef struct train_run {
    slr_train_job *job;
    const slr_hooks *hooks;
    int lock;
    slr_latent_cache *train, *validate; /* latents of the two parts; validate NULL without one */
    slr_train_sample *samples;          /* (places) */
    slr_validation *validation;         /* NULL without pictures for it */
    slr_run_log *log;
    slr_run_counters counters;
    int64_t saved_step; /* of the newest checkpoint; -1 none */
    double stepping, validating, saving; /* seconds of this process */
    slr_run_costs earlier;               /* of the processes before it */
    double opening;                      /* seconds until the first step */
} train_run;

/* ---- the folder ---- */

/* The folder itself or the nearest one above it that exists. free() it. */
static char *existing_part(const char *folder)
{
    char *path = slr_copy_text(folder);
    while (path && access(path, F_OK) != 0 && errno == ENOENT) {
        char *slash = strrchr(path, '/');
        if (!slash)
            strcpy(path, ".");
        else
            slash[slash == path] = 0;
    }
    return path;
}

static bool lies_in(const char *path, const char *folder)
{
    char *inner = realpath(path, NULL), *outer = realpath(folder, NULL);
    size_t length = outer ? strlen(outer) : 0;
    bool inside = inner && outer && strncmp(inner, outer, length) == 0 && (!inner[length] || inner[length] == '/');
    free(inner);
    free(outer);
    return inside;
}

static selora_status check_place(const selora_train_options *options, slr_error *err)
{
    struct stat info;
    char *place = existing_part(options->out);
    if (!place)
        return slr_fail_memory(err, 0, options->out);
    selora_status status = SELORA_OK;
    if (stat(place, &info) == 0 && !S_ISDIR(info.st_mode))
        status = slr_fail(err, SELORA_BAD_INPUT, "--out: %s is not a folder", place);
    else if (lies_in(place, options->data))
        status = slr_fail(err, SELORA_USAGE, "--out: %s lies in the data folder, where its pictures would count as data; "
                          "choose another folder", options->out);
    else if (access(place, W_OK | X_OK) != 0)
        status = slr_fail_errno(err, place, "write here");
    free(place);
    return status;
}

selora_status slr_train_run_check_folder(const selora_train_options *options, slr_error *err)
{
    if (!options->out[0])
        return slr_fail(err, SELORA_USAGE, "--out: the name of the run folder is empty");
    if (!options->resume && slr_run_file_exists(options->out))
        return slr_fail(err, SELORA_USAGE, "%s: holds a run already; --resume goes on with it, another --out starts a new one",
                        options->out);
    return check_place(options, err);
}

static char *path_in(const train_run *run, const char *name)
{
    return slr_format("%s/%s", run->job->options->out, name);
}

static selora_status lock_folder(train_run *run, slr_error *err)
{
    SLR_TRY(slr_make_folders(run->job->options->out, 0755, err));
    char *path = path_in(run, "lock");
    if (!path)
        return slr_fail_memory(err, 0, "a path");
    run->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    selora_status status = run->lock >= 0 ? SELORA_OK : slr_fail_errno(err, path, "write the file");
    if (status == SELORA_OK && flock(run->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        status = slr_fail(err, SELORA_USAGE, "%s: another process is training in this folder", run->job->options->out);
    free(path);
    return status;
}

/* Of a killed process, whose run goes on here. */
static selora_status remove_left_overs(const train_run *run, slr_error *err)
{
    static const char *const folders[] = {".", "cache", "samples"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char *path = path_in(run, folders[i]);
        if (!path)
            return slr_fail_memory(err, 0, "a path");
        slr_remove_left_overs(path);
        free(path);
    }
    return SELORA_OK;
}

/* What repeats the run. Sources of a prepared run are not named in it: RUN/data holds what was taken of them. */
static selora_train_options written_options(const slr_train_job *job)
{
    selora_train_options options = *job->options;
    if (options.prepare) {
        options.data = job->prepared;
        options.prepare = 0;
        options.prepare_with = NULL;
    }
    return options;
}

/* run.json of a new run, or the check that this one may go on. */
static selora_status begin_folder(train_run *run, slr_error *err)
{
    slr_train_job *job = run->job;
    size_t count;
    const selora_option *list = selora_train_option_list(&count);
    const char *folder = job->options->out;
    const selora_train_options written = written_options(job);
    int64_t steps;
    SLR_TRY(lock_folder(run, err));
    bool exists = slr_run_file_exists(folder);
    if (exists && !job->options->resume) /* another process was faster */
        return slr_train_run_check_folder(job->options, err);
    SLR_TRY(slr_model_hash(job->model, job->facts.model_sha256, err));
    if (job->options->resume) /* also of a process that was killed before it had written run.json */
        SLR_TRY(remove_left_overs(run, err));
    if (exists)
        SLR_TRY(slr_run_file_check(folder, list, count, &written, &job->facts, run->hooks, &steps, err));
    else if (job->options->resume)
        slr_note(run->hooks, "%s holds no run yet: starting one", folder);
    return slr_run_file_save(folder, list, count, &written, &job->facts, err);
}

/* ---- before the first step ---- */

static selora_status fill_latents(train_run *run, int64_t step, slr_error *err)
{
    int64_t epoch = slr_data_order_epoch(&run->job->order, (step - 1) * run->job->places);
    return slr_latent_cache_fill(run->train, (uint32_t)epoch, run->hooks, err);
}

static selora_status open_validation(train_run *run, const slr_latent_cache_options *options, slr_error *err)
{
    slr_train_job *job = run->job;
    const slr_split *split = &job->split;
    slr_latent_cache_options plain = *options;
    plain.prepare.random_crop = plain.prepare.random_flip = false;
    if (split->validation_count == 0)
        return SELORA_OK;
    SLR_TRY(slr_latent_cache_new(&plain, job->encoder, job->data, split->validation, split->validation_count,
                                 &run->validate, err));
    SLR_TRY(slr_latent_cache_fill(run->validate, 0, run->hooks, err));
    slr_train_sample *samples = slr_alloc(split->validation_count, sizeof *samples);
    if (!samples)
        return slr_fail_memory(err, split->validation_count * sizeof *samples, "validation");
    for (size_t i = 0; i < split->validation_count; i++)
        samples[i] = (slr_train_sample){slr_latent_cache_moments(run->validate, i),
                                        slr_train_job_ids(job, split->validation[i]), split->validation[i]};
    selora_status status = slr_validation_new(&slr_trainer_get_options(job->trainer)->draw, samples,
                                              split->validation_count, &run->validation, err);
    free(samples);
    return status;
}

static selora_status open_latents(train_run *run, slr_error *err)
{
    slr_train_job *job = run->job;
    char *folder = path_in(run, "cache");
    if (!folder)
        return slr_fail_memory(err, 0, "a path");
    slr_latent_cache_options options = {.folder = folder, .model_sha256 = job->facts.model_sha256,
                                        .prepare = job->settings.prepare, .seed = job->options->seed};
    selora_status status = slr_latent_cache_new(&options, job->encoder, job->data, job->split.train,
                                                job->split.train_count, &run->train, err);
    if (status == SELORA_OK)
        status = open_validation(run, &options, err);
    free(folder);
    run->samples = slr_alloc((size_t)job->places, sizeof *run->samples);
    if (status == SELORA_OK && !run->samples)
        status = slr_fail_memory(err, (size_t)job->places * sizeof *run->samples, "a batch");
    return status;
}

static selora_status keep_texts(train_run *run, slr_error *err)
{
    slr_train_job *job = run->job;
    slr_text_states *texts = slr_trainer_text_states(job->trainer);
    if (!texts)
        return SELORA_OK;
    slr_task task = slr_task_begin(run->hooks, "encode captions", job->facts.train);
    SLR_TRY(slr_text_states_keep(texts, job->settings.empty_ids, text_budget, err));
    for (size_t i = 0; i < job->split.train_count; i++) {
        if (slr_interrupted(run->hooks))
            return slr_fail(err, SELORA_INTERRUPTED, "stopped while encoding captions");
        SLR_TRY(slr_text_states_keep(texts, slr_train_job_ids(job, job->split.train[i]), text_budget, err));
        slr_task_report(&task, (int64_t)i + 1, NULL);
    }
    return SELORA_OK;
}

static selora_status load_checkpoint(train_run *run, slr_error *err)
{
    slr_checkpoint *found = NULL;
    char *folder = path_in(run, "checkpoints");
    if (!folder)
        return slr_fail_memory(err, 0, "a path");
    selora_status status = slr_checkpoint_find(folder, run->hooks, &found, err);
    if (status == SELORA_OK && found) {
        status = slr_checkpoint_load(found, run->job->trainer, err);
        run->counters = found->counters;
        run->saved_step = found->counters.step;
        if (status == SELORA_OK)
            status = slr_checkpoint_remove_old(folder, run->saved_step, run->job->options->checkpoints_keep, err);
        slr_note(run->hooks, "going on after step %" PRId64, found->counters.step);
    }
    slr_checkpoint_free(found);
    free(folder);
    return status;
}

static selora_status begin(train_run *run, slr_error *err)
{
    SLR_TRY(begin_folder(run, err));
    SLR_TRY(load_checkpoint(run, err));
    SLR_TRY(slr_run_costs_load(run->job->options->out, &run->earlier, err));
    SLR_TRY(slr_run_log_open(run->job->options->out, &run->counters, run->hooks, &run->log, err));
    size_t count;
    const selora_option *list = selora_train_option_list(&count);
    SLR_TRY(slr_run_log_options(run->log, list, count, run->job->options, err));
    run->job->rank_log = slr_run_log_ranks(run->log);
    SLR_TRY(open_latents(run, err));
    SLR_TRY(slr_trainer_allocate(run->job->trainer, err));
    SLR_TRY(keep_texts(run, err));
    return run->counters.step < run->job->steps ? fill_latents(run, run->counters.step + 1, err) : SELORA_OK;
}

/* ---- saving ---- */

static selora_status save_adapter(train_run *run, const char *name, slr_error *err)
{
    const slr_train_job *job = run->job;
    char *path = path_in(run, name);
    if (!path)
        return slr_fail_memory(err, 0, "a path");
    slr_adapter_note note = {.method = job->options->method, .lambda = job->options->lambda,
                             .steps = slr_trainer_steps_done(job->trainer), .model_sha256 = job->facts.model_sha256,
                             .data_sha256 = job->facts.data_sha256};
    slr_trainer_swap_average(job->trainer);
    selora_status status = slr_adapter_file_save(job->set, &note, path, err);
    slr_trainer_swap_average(job->trainer);
    free(path);
    return status;
}

static selora_status save_costs(const train_run *run, slr_error *err)
{
    const slr_train_job *job = run->job;
    slr_run_costs now = {.steps = *slr_trainer_costs(job->trainer), .opening = run->opening, .validating = run->validating,
                         .saving = run->saving, .planned_bytes = (double)job->peak,
                         .peak_bytes = (double)slr_machine_peak_memory(), .processes = 1};
    slr_machine_describe(now.machine, sizeof now.machine);
    return slr_run_costs_save(job->options->out, &run->earlier, &now, err);
}

/* Without validation the last adapter is the best there is. */
static selora_status save_checkpoint(train_run *run, slr_error *err)
{
    slr_train_job *job = run->job;
    if (run->saved_step == run->counters.step)
        return SELORA_OK;
    SLR_TRY(slr_run_log_sync(run->log, err));
    SLR_TRY(save_adapter(run, "last.safetensors", err));
    if (!run->validation)
        SLR_TRY(save_adapter(run, "adapter.safetensors", err));
    char *folder = path_in(run, "checkpoints");
    if (!folder)
        return slr_fail_memory(err, 0, "a path");
    selora_status status = slr_checkpoint_write(folder, job->trainer, &run->counters, job->options->checkpoints_keep, err);
    free(folder);
    if (status == SELORA_OK)
        run->saved_step = run->counters.step;
    return status == SELORA_OK ? save_costs(run, err) : status;
}

/* ---- validation ---- */

static selora_status validate_loss(train_run *run, slr_error *err)
{
    double loss;
    int64_t step = run->counters.step;
    if (!run->validation)
        return SELORA_OK;
    SLR_TRY(slr_validation_run(run->validation, run->job->trainer, run->hooks, &loss, err));
    bool best = run->counters.best_step == 0 || loss < run->counters.best_loss;
    if (best) {
        run->counters.best_step = step;
        run->counters.best_loss = loss;
    }
    slr_note(run->hooks, "step %" PRId64 ": validation loss %.5f%s", step, loss, best ? ", the best so far" : "");
    return slr_run_log_validation(run->log, step, loss, best, err);
}

static selora_status draw_samples(train_run *run, slr_error *err)
{
    slr_picture_grid grid = {0};
    if (run->job->options->validation_images == 0)
        return SELORA_OK;
    char *folder = path_in(run, "samples");
    char *path = folder ? slr_format("%s/step-%06" PRId64 ".png", folder, run->counters.step) : NULL;
    selora_status status = path ? slr_make_folders(folder, 0755, err) : slr_fail_memory(err, 0, "a path");
    if (status == SELORA_OK)
        status = slr_sample_grid_draw(run->job, &grid, err);
    if (status == SELORA_OK)
        status = slr_picture_grid_write(&grid, path, err);
    if (status == SELORA_OK)
        status = slr_run_log_samples(run->log, run->counters.step, &grid, err);
    slr_picture_grid_free(&grid);
    free(folder);
    free(path);
    return status;
}

static void note_lengths(train_run *run)
{
    slr_run_log_lengths(run->log, &run->counters.log_bytes, &run->counters.rank_bytes);
}

/* Loss, best adapter, pictures. When it is interrupted, everything is as before, so that a resumed run does it again. */
static selora_status validate(train_run *run, slr_error *err)
{
    slr_run_counters before = run->counters;
    slr_trainer_swap_average(run->job->trainer);
    selora_status status = validate_loss(run, err);
    if (status == SELORA_OK)
        status = draw_samples(run, err);
    slr_trainer_swap_average(run->job->trainer);
    if (status != SELORA_OK) {
        run->counters = before;
        return status;
    }
    if (run->validation && run->counters.best_step == run->counters.step)
        SLR_TRY(save_adapter(run, "adapter.safetensors", err));
    run->counters.validated_step = run->counters.step;
    note_lengths(run);
    return SELORA_OK;
}

static bool validation_is_due(const train_run *run)
{
    int64_t step = run->counters.step;
    return step > 0 && run->counters.validated_step != step &&
           (step % run->job->validate_every == 0 || step == run->job->steps);
}

static bool checkpoint_is_due(const train_run *run)
{
    int64_t step = run->counters.step, every = run->job->options->checkpoint_every;
    return step == run->job->steps || (every > 0 && step > 0 && step % every == 0);
}

/* ---- the loop ---- */

/* Steps of this process, so that rate and time left are right after resuming. */
static void report_step(const train_run *run, const slr_task *task, const slr_train_result *result)
{
    int64_t first = run->job->steps - task->total;
    char total[64] = "";
    if (first > 0)
        snprintf(total, sizeof total, "step %" PRId64 "  ", result->step);
    slr_task_report(task, result->step - first, "%sloss %.4f  rank %" PRId64 "  lr %.3g", total, result->loss,
                    result->total_rank, result->rates.unet);
}

static selora_status one_step(train_run *run, const slr_task *task, slr_error *err)
{
    slr_train_job *job = run->job;
    int64_t first = run->counters.step * job->places;
    slr_train_result result;
    double start = slr_clock_seconds();
    for (int64_t i = 0; i < job->places; i++) {
        uint32_t at = slr_data_order_at(&job->order, first + i), item = job->split.train[at];
        run->samples[i] = (slr_train_sample){slr_latent_cache_moments(run->train, at), slr_train_job_ids(job, item), item};
    }
    double ready = slr_clock_seconds();
    SLR_TRY(slr_trainer_step(job->trainer, run->samples, &result, err));
    double seconds = slr_clock_seconds() - start;
    run->stepping += slr_clock_seconds() - ready;
    run->counters.step = result.step;
    SLR_TRY(slr_run_log_step(run->log, &result, slr_data_order_epoch(&job->order, first), seconds,
                             (double)job->places / seconds, err));
    report_step(run, task, &result);
    note_lengths(run);
    return SELORA_OK;
}

static selora_status stop(train_run *run, slr_error *err)
{
    if (run->counters.step > 0)
        SLR_TRY(save_checkpoint(run, err));
    return slr_fail(err, SELORA_INTERRUPTED, "interrupted after step %" PRId64 "; --resume goes on from there",
                    run->counters.step);
}

/* From here on an interruption means: save, then stop. */
static selora_status step_and_save(train_run *run, const slr_task *task, slr_error *err)
{
    double start = slr_clock_seconds();
    selora_status status = validation_is_due(run) ? validate(run, err) : SELORA_OK;
    double validated = slr_clock_seconds();
    if (status == SELORA_OK && checkpoint_is_due(run))
        status = save_checkpoint(run, err);
    run->validating += validated - start;
    run->saving += slr_clock_seconds() - validated;
    if (status == SELORA_OK && run->counters.step < run->job->steps && slr_interrupted(run->hooks))
        status = SELORA_INTERRUPTED;
    if (status == SELORA_OK && run->counters.step < run->job->steps)
        status = fill_latents(run, run->counters.step + 1, err);
    if (status == SELORA_OK && run->counters.step < run->job->steps)
        status = one_step(run, task, err);
    return status == SELORA_INTERRUPTED ? stop(run, err) : status;
}

/* Where the time of the loop went. */
static void note_times(const train_run *run, int64_t steps, double seconds)
{
    double between = seconds - run->stepping - run->validating - run->saving;
    if (steps > 0)
        slr_note(run->hooks, "%" PRId64 " steps of %.3f s; between two of them %.2f %% of that; validation %.1f s, saving %.1f s",
                 steps, run->stepping / (double)steps, 100 * between / run->stepping, run->validating, run->saving);
}

/* RUN/report.html. What the run is for is saved by now: a report that cannot be written is a warning. */
static void write_report(train_run *run)
{
    const char *folder = run->job->options->out;
    slr_report_settings settings = {0};
    slr_error err = {0};
    char *path = path_in(run, "report.html");
    settings.list = selora_train_option_list(&settings.list_count);
    if (!path || slr_run_report_write(&folder, 1, &settings, path, &err) != SELORA_OK)
        slr_warn(run->hooks, "no report: %s", err.message);
    free(path);
}

static selora_status loop(train_run *run, slr_error *err)
{
    double start = slr_clock_seconds();
    slr_task task = slr_task_begin(run->hooks, "train", run->job->steps - run->counters.step);
    if (run->counters.step >= run->job->steps && !validation_is_due(run))
        slr_note(run->hooks, "all %" PRId64 " steps are done already; more --steps would go on", run->job->steps);
    while (run->counters.step < run->job->steps)
        SLR_TRY(step_and_save(run, &task, err));
    SLR_TRY(step_and_save(run, &task, err)); /* what is due after the last step */
    if (task.total > 0)
        SLR_TRY(save_costs(run, err));
    note_times(run, task.total, slr_clock_seconds() - start);
    SLR_TRY(slr_save_as(run->job->options->save_as, run->job->options->out, run->hooks, err));
    const char *audit = run->job->options->audit;
    bool small = !audit || strcmp(audit, "small") == 0;
    selora_status audited = small ? slr_audit_after_training(run->job, run->job->options->out, err) : SELORA_OK;
    write_report(run);
    SLR_TRY(audited);
    if (run->counters.best_step > 0)
        slr_note(run->hooks, "best validation loss %.5f at step %" PRId64 ": %s/adapter.safetensors",
                 run->counters.best_loss, run->counters.best_step, run->job->options->out);
    else
        slr_note(run->hooks, "the adapter is %s/adapter.safetensors", run->job->options->out);
    return SELORA_OK;
}

selora_status slr_train_run(slr_train_job *job, slr_error *err)
{
    train_run run = {.job = job, .hooks = &job->context->hooks, .lock = -1, .saved_step = -1};
    selora_status status = begin(&run, err);
    run.opening = slr_clock_seconds() - job->opened;
    if (status == SELORA_OK)
        slr_note(run.hooks, "ready after %.1f s", run.opening);
    if (status == SELORA_OK)
        status = loop(&run, err);
    job->rank_log = (slr_rank_log){0};
    slr_run_log_close(run.log);
    slr_validation_free(run.validation);
    slr_latent_cache_free(run.train);
    slr_latent_cache_free(run.validate);
    free(run.samples);
    if (run.lock >= 0)
        close(run.lock);
    return status;
}
