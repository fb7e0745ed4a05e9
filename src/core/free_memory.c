/* SPDX-License-Identifier: MIT */
#include "core/free_memory.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The value of `key` in a file of "key  number [kB]" lines; 0 when absent. */
static unsigned long long field_of(const char *path, const char *key)
{
    char line[256];
    unsigned long long value = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), "%llu", &value) == 1)
            break;
    fclose(file);
    return value;
}

static size_t group_room(void)
{
    unsigned long long limit = field_of("/sys/fs/cgroup/memory.max", "");
    if (limit == 0) /* absent, or "max" */
        return SIZE_MAX;
    unsigned long long used = field_of("/sys/fs/cgroup/memory.current", "");
    unsigned long long reclaimable = field_of("/sys/fs/cgroup/memory.stat", "inactive_file ");
    used = used > reclaimable ? used - reclaimable : 0;
    return limit > used ? (size_t)(limit - used) : 0;
}

static size_t limit_room(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return SIZE_MAX;
    size_t used = (size_t)field_of("/proc/self/status", "VmSize:") * 1024;
    return (size_t)limit.rlim_cur > used ? (size_t)limit.rlim_cur - used : 0;
}

size_t slr_free_memory(void)
{
    unsigned long long kilobytes = field_of("/proc/meminfo", "MemAvailable:");
    size_t room = kilobytes ? (size_t)kilobytes * 1024 : SIZE_MAX;
    return smaller(room, smaller(group_room(), limit_room()));
}

selora_status slr_check_free_memory(size_t bytes, const char *what, const char *advice, slr_error *err)
{
    size_t room = slr_free_memory();
    if (bytes <= room)
        return SELORA_OK;
    return slr_fail(err, SELORA_NO_RESOURCE, "%s needs %.2f GB of memory, %.2f GB are free; %s", what,
                    (double)bytes / 1e9, (double)room / 1e9, advice);
}
