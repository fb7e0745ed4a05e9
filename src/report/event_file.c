/* SPDX-License-Identifier: MIT */
#include "report/event_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/regular_file.h"

static const char prefix[] = "events.out.tfevents.";
enum { MAX_RECORD = 1 << 28 };

struct slr_event_file {
    char *path;
    int fd;
    slr_event_record record;
    bool fresh;
};

static double wall_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The name of a new file: no host name, which may be a person's. */
static char *new_path(const char *folder)
{
    return slr_format("%s/%s%010lld.selora.%ld.0", folder, prefix, (long long)wall_time(), (long)getpid());
}

/* The run's file, the newest by its name where somebody has put several; NULL in *path: none. */
static selora_status find_file(const char *folder, char **path, slr_error *err)
{
    char newest[256] = "";
    *path = NULL;
    DIR *listing = opendir(folder);
    if (!listing)
        return slr_fail_errno(err, folder, "read the folder");
    for (struct dirent *entry; (entry = readdir(listing));)
        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) == 0 && strcmp(entry->d_name, newest) > 0)
            snprintf(newest, sizeof newest, "%s", entry->d_name);
    closedir(listing);
    if (newest[0] && !(*path = slr_format("%s/%s", folder, newest)))
        return slr_fail_memory(err, 0, folder);
    return SELORA_OK;
}

static bool is_wanted(const slr_event_head *head, int64_t step, int64_t validated_step)
{
    bool validation = strncmp(head->tag, SLR_EVENT_VALIDATION, sizeof SLR_EVENT_VALIDATION - 1) == 0;
    return head->step <= step && (!validation || head->step <= validated_step);
}

/* The walk through a file: what is kept so far, and room for one record. */
typedef struct walk {
    uint64_t size, bytes; /* of the file; kept */
    size_t records;       /* kept */
    bool damaged;         /* something that no crash leaves */
    unsigned char *room;
    size_t capacity;
} walk;

/* *whole: the length of the next record by its own word; 0 when the file has no room for it. */
static void measure_record(int fd, const walk *w, size_t *whole)
{
    unsigned char length[8];
    uint64_t data = 0;
    *whole = 0;
    if (w->size - w->bytes < SLR_EVENT_FRAME || pread(fd, length, sizeof length, (off_t)w->bytes) != (ssize_t)sizeof length)
        return;
    for (int i = 0; i < 8; i++)
        data |= (uint64_t)length[i] << (8 * i);
    if (data <= MAX_RECORD && data <= w->size - w->bytes - SLR_EVENT_FRAME)
        *whole = (size_t)data + SLR_EVENT_FRAME;
}

static selora_status read_record(int fd, const char *path, walk *w, size_t whole, slr_error *err)
{
    size_t got;
    if (whole > w->capacity) {
        free(w->room);
        w->capacity = 2 * whole;
        w->room = malloc(w->capacity);
        if (!w->room)
            return slr_fail_memory(err, w->capacity, path);
    }
    if (lseek(fd, (off_t)w->bytes, SEEK_SET) < 0)
        return slr_fail_errno(err, path, "read the file");
    SLR_TRY(slr_read_some(fd, path, w->room, whole, &got, err));
    return got == whole ? SELORA_OK : slr_fail(err, SELORA_BAD_INPUT, "%s: became shorter while it was read", path);
}

/* Record by record, so that a file of any length needs little memory. */
static selora_status scan(int fd, const char *path, int64_t step, int64_t validated_step, walk *w, slr_error *err)
{
    size_t whole;
    slr_event_head head;
    for (measure_record(fd, w, &whole); whole > 0; measure_record(fd, w, &whole)) {
        SLR_TRY(read_record(fd, path, w, whole, err));
        w->damaged = !slr_event_read(w->room, whole, &head);
        if (w->damaged || !is_wanted(&head, step, validated_step))
            return SELORA_OK;
        w->bytes += whole;
        w->records++;
    }
    return SELORA_OK;
}

static selora_status cut(slr_event_file *file, int64_t step, int64_t validated_step, const slr_hooks *hooks, slr_error *err)
{
    struct stat info;
    if (fstat(file->fd, &info) != 0)
        return slr_fail_errno(err, file->path, "read the file");
    if (!S_ISREG(info.st_mode))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: not a plain file; remove it", file->path);
    walk kept = {.size = (uint64_t)info.st_size};
    selora_status status = scan(file->fd, file->path, step, validated_step, &kept, err);
    free(kept.room);
    if (status != SELORA_OK)
        return status;
    if (kept.damaged)
        slr_warn(hooks, "%s is damaged: its events after byte %llu are lost", file->path, (unsigned long long)kept.bytes);
    file->fresh = kept.records <= 1;
    if (kept.size > kept.bytes && ftruncate(file->fd, (off_t)kept.bytes) != 0)
        return slr_fail_errno(err, file->path, "write the file");
    if (lseek(file->fd, 0, SEEK_END) < 0)
        return slr_fail_errno(err, file->path, "write the file");
    if (kept.records > 0)
        return SELORA_OK;
    slr_event_version(slr_event_file_begin(file, -1));
    return slr_event_file_end(file, err);
}

selora_status slr_event_file_open(const char *folder, int64_t step, int64_t validated_step, const slr_hooks *hooks,
                                  slr_event_file **result, slr_error *err)
{
    *result = NULL;
    slr_event_file *file = slr_alloc(1, sizeof *file);
    if (!file)
        return slr_fail_memory(err, sizeof *file, "the events");
    file->fd = -1;
    selora_status status = find_file(folder, &file->path, err);
    if (status == SELORA_OK && !file->path && !(file->path = new_path(folder)))
        status = slr_fail_memory(err, 0, folder);
    if (status == SELORA_OK) {
        file->fd = open(file->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);
        status = file->fd < 0 ? slr_fail_errno(err, file->path, "write the file")
                              : cut(file, step, validated_step, hooks, err);
    }
    if (status != SELORA_OK) {
        slr_event_file_close(file);
        return status;
    }
    *result = file;
    return SELORA_OK;
}

void slr_event_file_close(slr_event_file *file)
{
    if (!file)
        return;
    if (file->fd >= 0)
        close(file->fd);
    slr_event_record_free(&file->record);
    free(file->path);
    free(file);
}

bool slr_event_file_is_new(const slr_event_file *file)
{
    return file->fresh;
}

slr_event_record *slr_event_file_begin(slr_event_file *file, int64_t step)
{
    slr_event_begin(&file->record, wall_time(), step);
    return &file->record;
}

selora_status slr_event_file_end(slr_event_file *file, slr_error *err)
{
    const void *bytes;
    size_t size;
    SLR_TRY(slr_event_finish(&file->record, &bytes, &size, err));
    for (const char *at = bytes; size > 0;) {
        errno = ENOSPC; /* of a write that takes nothing */
        ssize_t wrote = write(file->fd, at, size);
        if (wrote <= 0 && errno != EINTR)
            return slr_fail_errno(err, file->path, "write the file");
        at += wrote > 0 ? wrote : 0;
        size -= wrote > 0 ? (size_t)wrote : 0;
    }
    return SELORA_OK;
}

selora_status slr_event_file_sync(slr_event_file *file, slr_error *err)
{
    if (fsync(file->fd) != 0 && errno != EINVAL)
        return slr_fail_errno(err, file->path, "write the file");
    return SELORA_OK;
}
