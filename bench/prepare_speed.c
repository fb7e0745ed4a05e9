/* SPDX-License-Identifier: MIT
 * What preparing radiographs costs beside converting them: COUNT files of 2000 x 2500 pixels and 12 bits are
 * written to FOLDER (10 MB each), dcm2pnm converts each of them alone, then `selora prepare` takes them all
 * with WORKERS workers.
 *
 *     prepare_speed FOLDER [COUNT [WORKERS [SIZE]]]      (20 files, 2 workers, 512 pixels; SIZE 0: as they are)
 *
 * The bound is 1.3 times the time of the conversions divided by the number of workers. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "selora.h"

enum { WIDTH = 2000, HEIGHT = 2500, MAX_PATH = 1024 };

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- a DICOM file, explicit little endian ---- */

static void put(FILE *file, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        fputc((int)(value >> (8 * i) & 255), file);
}

static void put_element(FILE *file, unsigned group, unsigned element, const char *vr, const void *value,
                        uint32_t size)
{
    uint32_t padded = size + size % 2;
    put(file, group, 2);
    put(file, element, 2);
    fwrite(vr, 1, 2, file);
    if (strcmp(vr, "OW") == 0 || strcmp(vr, "OB") == 0) {
        put(file, 0, 2);
        put(file, padded, 4);
    } else {
        put(file, padded, 2);
    }
    fwrite(value, 1, size, file);
    if (size % 2)
        fputc(strcmp(vr, "UI") == 0 ? 0 : ' ', file);
}

static void put_text(FILE *file, unsigned group, unsigned element, const char *vr, const char *text)
{
    put_element(file, group, element, vr, text, (uint32_t)strlen(text));
}

static void put_short(FILE *file, unsigned group, unsigned element, uint16_t value)
{
    const unsigned char bytes[2] = {(unsigned char)(value & 255), (unsigned char)(value >> 8)};
    put_element(file, group, element, "US", bytes, 2);
}

/* A body of soft waves with noise in its lower bits, as sensors have it. */
static void fill_pixels(uint16_t *pixels, uint32_t seed)
{
    uint32_t noise = 2654435761u * (seed + 1);
    for (int y = 0; y < HEIGHT; y++) {
        double v = (double)y / HEIGHT - 0.5, row = 900 * exp(-6 * v * v) + 200 * sin(20 * v + seed);
        for (int x = 0; x < WIDTH; x++) {
            double u = (double)x / WIDTH - 0.5;
            noise = 1664525u * noise + 1013904223u;
            pixels[y * WIDTH + x] = (uint16_t)(1500 + row * (1 - 2 * u * u) + (int)(noise >> 26) - 32);
        }
    }
}

static int write_radiograph(const char *path, uint32_t number, uint16_t *pixels)
{
    char uid[64], patient[32];
    FILE *file = fopen(path, "wb");
    if (!file)
        return 0;
    static const char zeros[128], meta_length[4] = {(char)(8 + 6 + 8 + 26 + 8 + 20), 0, 0, 0};
    snprintf(uid, sizeof uid, "2.25.1%03u", number % 1000);
    snprintf(patient, sizeof patient, "P%u", number / 2);
    fwrite(zeros, 1, 128, file);
    fputs("DICM", file);
    put_element(file, 2, 0, "UL", meta_length, 4);
    put_text(file, 2, 2, "UI", "1.2.840.10008.5.1.4.1.1.7");
    put_text(file, 2, 0x10, "UI", "1.2.840.10008.1.2.1");
    put_text(file, 8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.7");
    put_text(file, 8, 0x18, "UI", uid);
    put_text(file, 8, 0x60, "CS", "DX");
    put_text(file, 0x10, 0x20, "LO", patient);
    put_short(file, 0x28, 2, 1);
    put_text(file, 0x28, 4, "CS", number % 2 ? "MONOCHROME1" : "MONOCHROME2");
    put_short(file, 0x28, 0x10, HEIGHT);
    put_short(file, 0x28, 0x11, WIDTH);
    put_short(file, 0x28, 0x100, 16);
    put_short(file, 0x28, 0x101, 12);
    put_short(file, 0x28, 0x102, 11);
    put_short(file, 0x28, 0x103, 0);
    put_text(file, 0x28, 0x1050, "DS", "2048");
    put_text(file, 0x28, 0x1051, "DS", "2600");
    fill_pixels(pixels, number);
    put_element(file, 0x7fe0, 0x10, "OW", pixels, WIDTH * HEIGHT * 2);
    return fclose(file) == 0;
}

static int write_all(const char *folder, int count)
{
    char path[MAX_PATH];
    uint16_t *pixels = malloc(sizeof *pixels * WIDTH * HEIGHT);
    int written = 0;
    while (pixels && written < count) {
        snprintf(path, sizeof path, "%s/in/%05d.dcm", folder, written);
        if (access(path, F_OK) != 0 && !write_radiograph(path, (uint32_t)written, pixels))
            break;
        written++;
    }
    free(pixels);
    return written == count;
}

/* ---- the two ways ---- */

static double convert_all(const char *folder, int count)
{
    char command[3 * MAX_PATH];
    double start = seconds();
    for (int i = 0; i < count; i++) {
        snprintf(command, sizeof command, "dcm2pnm +Wi 1 '%s/in/%05d.dcm' '%s/converted.pgm' 2>/dev/null",
                 folder, i, folder);
        if (system(command) != 0)
            return NAN;
    }
    return seconds() - start;
}

static double prepare_all(const char *folder, int workers, const char *size)
{
    char in[MAX_PATH + 8], out[MAX_PATH + 8], command[2 * MAX_PATH];
    selora_context *context;
    snprintf(in, sizeof in, "%s/in", folder);
    snprintf(out, sizeof out, "%s/out", folder);
    snprintf(command, sizeof command, "rm -rf '%s'", out);
    if (system(command) != 0 || selora_context_new(NULL, &context) != SELORA_OK)
        return NAN;
    const char *sources[] = {in};
    selora_prepare_options options = selora_prepare_defaults();
    options.sources = sources;
    options.source_count = 1;
    options.out = out;
    options.jobs = workers;
    options.size = strcmp(size, "0") == 0 ? NULL : size;
    options.no_text = "keep";
    double start = seconds();
    selora_status status = selora_prepare(context, &options);
    double taken = seconds() - start;
    if (status != SELORA_OK)
        fprintf(stderr, "%s\n", selora_error(context));
    selora_context_free(context);
    return status == SELORA_OK ? taken : NAN;
}

int main(int argc, char **argv)
{
    char in[MAX_PATH];
    const char *folder = argc > 1 ? argv[1] : NULL, *size = argc > 4 ? argv[4] : "512";
    int count = argc > 2 ? atoi(argv[2]) : 20, workers = argc > 3 ? atoi(argv[3]) : 2;
    if (!folder || strlen(folder) > MAX_PATH / 4 || strchr(folder, '\'') || count < 1 || workers < 1) {
        fprintf(stderr, "usage: prepare_speed FOLDER [COUNT [WORKERS [SIZE]]]\n");
        return 2;
    }
    snprintf(in, sizeof in, "%s/in", folder);
    mkdir(folder, 0700);
    mkdir(in, 0700);
    if (!write_all(folder, count)) {
        fprintf(stderr, "%s: cannot be written\n", folder);
        return 4;
    }
    double converted = convert_all(folder, count), prepared = prepare_all(folder, workers, size);
    struct rusage children;
    getrusage(RUSAGE_CHILDREN, &children);
    printf("%d radiographs of %d x %d, 12 bits\n", count, WIDTH, HEIGHT);
    printf("dcm2pnm          %8.2f s, %.3f s each; divided by %d workers %.2f s\n", converted,
           converted / count, workers, converted / workers);
    printf("selora prepare   %8.2f s, size %s, %d workers\n", prepared,
           strcmp(size, "0") == 0 ? "as they are" : size, workers);
    printf("ratio            %8.2f   (bound 1.3)\n", prepared * workers / converted);
    printf("largest process  %8ld MB\n", children.ru_maxrss / 1024);
    return isfinite(prepared) && isfinite(converted) ? 0 : 1;
}
