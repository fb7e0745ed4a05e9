/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"

typedef struct command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} command;

static const command commands[] = {
    {"prepare", "make a data set from DICOM, NIfTI, PNG, JPEG and reports", cmd_prepare},
    {"train", "fit an adapter to a folder of pictures with captions", cmd_train},
    {"sweep", "train with every combination of some options, and compare", cmd_sweep},
    {"generate", "draw pictures from prompts, with or without an adapter", cmd_generate},
    {"convert", "write an adapter of any format for other tools", cmd_convert},
    {"compress", "write an adapter with smaller ranks, by singular values", cmd_compress},
    {"merge", "fold adapters into a copy of their model", cmd_merge},
    {"inspect", "show what a model, adapter, run or data folder holds", cmd_inspect},
    {"evaluate", "compare synthetic pictures with real ones", cmd_evaluate},
    {"report", "one page about a run, or about several side by side", cmd_report},
    {"features", "write features of pictures, or features in another format", cmd_features},
    {"phantom", "draw synthetic training pictures with captions", cmd_phantom},
    {"purge", "remove what a data set or run keeps of patients", cmd_purge},
    {"audit", "does a run give its training pictures away: membership, copies", cmd_audit},
    {"utility", "what synthetic pictures are worth for a classifier", cmd_utility},
    {"bench", "measure speed and memory on random weights", cmd_bench},
    {"verify", "compare numbers with cases that diffusers has computed", cmd_verify},
    {"demo", "the whole job on phantoms, with a picture before and after", cmd_demo},
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_usage(FILE *stream)
{
    fprintf(stream, "selora %s: adapt Stable Diffusion 1.x models to medical pictures\n\n"
                    "usage: selora COMMAND [options]\n\n", selora_version());
    for (int i = 0; i < COMMAND_COUNT; i++)
        fprintf(stream, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fprintf(stream, "\nselora COMMAND --help shows the options of a command, with an example.\n"
                    "exit codes: 0 done, 1 a check failed, 2 usage, 3 bad input, 4 no memory or disk,\n"
                    "            5 numerical failure, 130 interrupted\n");
}

/* OpenBLAS chooses its kernels by the processor's model number and falls back to those of twenty years ago for models
 * that it does not know yet: what the processor can do is a better guide. */
static const char *blas_kernels(void)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq"))
        return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return "Haswell";
#endif
    return NULL;
}

/* What libraries read before main() runs: the program sets it and starts itself again, once. Threads that wait for work
 * should sleep soon instead of burning a core that the next program needs, but not in the short gaps between two loops:
 * 10000 rounds are less than a millisecond. What the caller has set stays. Threads that he has bound to processors would
 * hand on nothing but the first one's. */
static void settle_environment(char **argv)
{
    const char *kernels = blas_kernels();
    bool waits = getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY") || getenv("KMP_BLOCKTIME");
    bool chosen = !kernels || getenv("OPENBLAS_CORETYPE");
    if ((waits && chosen) || getenv("OMP_PROC_BIND") || getenv("OMP_PLACES") || getenv("GOMP_CPU_AFFINITY"))
        return;
    if ((waits || (setenv("GOMP_SPINCOUNT", "10000", 1) == 0 && setenv("KMP_BLOCKTIME", "0", 1) == 0)) &&
        (chosen || setenv("OPENBLAS_CORETYPE", kernels, 1) == 0))
        execv("/proc/self/exe", argv); /* where that fails, the program is slower or less polite, nothing else */
}

/* A caller may have closed them; the next file opened, a checkpoint say, would then take what is printed. */
static void open_standard_streams(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

static int run(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        printf("selora %s\n", selora_version());
        return 0;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (name[0])
        fprintf(stderr, "selora: %s: no such command\n\n", name);
    print_usage(stderr);
    return SELORA_USAGE;
}

int main(int argc, char **argv)
{
    open_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* a reader that went away, or a limit on file sizes, is no reason to */
    signal(SIGXFSZ, SIG_IGN); /* lose the work of hours: writing fails, and only what must be written ends the job */
    settle_environment(argv);
    int code = run(argc, argv);
    errno = 0;
    if ((fflush(stdout) == 0 && !ferror(stdout)) || errno == EPIPE)
        return code;
    fprintf(stderr, "selora: not everything could be written to standard output; is the disk full?\n");
    return SELORA_NO_RESOURCE;
}
