/* SPDX-License-Identifier: MIT */
#include "models/model_hash.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

struct slr_model_hash_job {
    pthread_t thread;
    bool running;
    const slr_weight_files *sets;
    int count;
    char hex[SLR_SHA256_HEX];
    selora_status status;
    slr_error err;
};

selora_status slr_model_hash_files(const slr_weight_files *sets, int count, char hex[SLR_SHA256_HEX], slr_error *err)
{
    slr_sha256 *all = slr_sha256_new();
    if (!all)
        return slr_fail_memory(err, 64, "a checksum");
    int files = 0;
    for (int c = 0; c < count; c++)
        for (int f = 0; f < sets[c].count; f++, files++) {
            char one[SLR_SHA256_HEX];
            selora_status status = slr_sha256_file(slr_safetensors_path(sets[c].files[f]), one, err);
            if (status != SELORA_OK) {
                slr_sha256_free(all);
                return status;
            }
            slr_sha256_update(all, one, strlen(one));
        }
    slr_sha256_finish(all, hex);
    if (files == 0)
        snprintf(hex, SLR_SHA256_HEX, "random");
    return SELORA_OK;
}

static void *run(void *argument)
{
    slr_model_hash_job *job = argument;
    job->status = slr_model_hash_files(job->sets, job->count, job->hex, &job->err);
    return NULL;
}

slr_model_hash_job *slr_model_hash_begin(const slr_weight_files *sets, int count)
{
    slr_model_hash_job *job = slr_alloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->sets = sets;
    job->count = count;
    job->running = pthread_create(&job->thread, NULL, run, job) == 0;
    if (!job->running) {
        free(job);
        return NULL;
    }
    return job;
}

static void wait_for(slr_model_hash_job *job)
{
    if (job->running)
        pthread_join(job->thread, NULL);
    job->running = false;
}

selora_status slr_model_hash_end(slr_model_hash_job *job, char hex[SLR_SHA256_HEX], slr_error *err)
{
    wait_for(job);
    if (job->status != SELORA_OK) {
        if (err)
            *err = job->err;
        return job->status;
    }
    memcpy(hex, job->hex, SLR_SHA256_HEX);
    return SELORA_OK;
}

void slr_model_hash_free(slr_model_hash_job *job)
{
    if (!job)
        return;
    wait_for(job);
    free(job);
}
