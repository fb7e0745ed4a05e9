/* SPDX-License-Identifier: MIT */
#include "core/machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The first "model name" of /proc/cpuinfo; other systems and processors have none. */
static void processor_name(char name[128])
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    snprintf(name, 128, "unknown processor");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            char *text = strchr(line, ':') + 1;
            text += strspn(text, " \t");
            snprintf(name, 128, "%.*s", (int)strcspn(text, "\n"), text);
            break;
        }
    if (file)
        fclose(file);
}

void slr_machine_describe(char *text, size_t size)
{
    char name[128];
    processor_name(name);
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    int tenths = (int)(memory / 1e8 + 0.5);
    snprintf(text, size, "%s, %ld processors, %d.%d GB of memory", name, sysconf(_SC_NPROCESSORS_ONLN), tenths / 10, tenths % 10);
}

size_t slr_machine_peak_memory(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (size_t)usage.ru_maxrss * 1024 : 0;
}
