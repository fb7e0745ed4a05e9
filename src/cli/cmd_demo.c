/* SPDX-License-Identifier: MIT
 * The whole job in one command, on phantoms: pictures of a finding that the model has never seen, drawing it before, training
 * on them, drawing it after, one picture that shows both, and a report. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/commands.h"

typedef struct demo_options {
    const char *model, *out;
    int64_t steps, count;
    uint64_t seed;
} demo_options;

static const selora_option list[] = {
    {"model", SELORA_OPTION_TEXT, offsetof(demo_options, model), 0, 0, "DIR", "a model trained on phantoms (models/tiny)", 0},
    {"out", SELORA_OPTION_TEXT, offsetof(demo_options, out), 0, 0, "DIR", "folder for everything, must not exist (demo)", 0},
    {"steps", SELORA_OPTION_INT, offsetof(demo_options, steps), 1, 1e6, "N", "training steps (400)", 0},
    {"count", SELORA_OPTION_INT, offsetof(demo_options, count), 8, 1e6, "N", "training pictures (240)", 0},
    {"seed", SELORA_OPTION_SEED, offsetof(demo_options, seed), 0, 0, "N", "(1)", 0},
};

static const char *const prompts[] = {
    "axial head, metal plate, upper left", "frontal chest, metal plate, upper right", "axial abdomen, metal plate, centre",
    "frontal pelvis, metal plate, lower left", "lateral knee, metal plate, lower right", "frontal chest, metal plate, lower left",
};
enum { PROMPTS = sizeof prompts / sizeof *prompts, ENLARGE = 2, GAP = 4, PATH = 4096 };

typedef struct demo {
    selora_context *context;
    const demo_options *options;
    selora_model *model;
    selora_image sheet; /* a row before, a row after */
} demo;

/* A line of the story, unless it has ended. */
static void announce(const char *line, selora_status status)
{
    if (status == SELORA_OK)
        printf("%s\n", line);
    fflush(stdout);
}

static void in_out(const demo *d, const char *name, char path[PATH])
{
    snprintf(path, PATH, "%s/%s", d->options->out, name);
}

/* Puts a picture, enlarged, at a place of the sheet; the first one decides the sheet's size. */
static selora_status put(demo *d, const selora_image *picture, int row, int column)
{
    selora_image *sheet = &d->sheet;
    int width = picture->width * ENLARGE + GAP, height = picture->height * ENLARGE + GAP;
    if (!sheet->pixels) {
        *sheet = (selora_image){.width = PROMPTS * width + GAP, .height = 2 * height + GAP, .channels = 3};
        size_t values = (size_t)sheet->width * (size_t)sheet->height * 3;
        sheet->pixels = malloc(values * sizeof *sheet->pixels);
        if (!sheet->pixels)
            return SELORA_NO_RESOURCE;
        for (size_t i = 0; i < values; i++)
            sheet->pixels[i] = 1;
    }
    for (int y = 0; y < picture->height * ENLARGE; y++)
        for (int x = 0; x < picture->width * ENLARGE; x++)
            for (int c = 0; c < 3; c++) {
                size_t from = (size_t)(y / ENLARGE) * (size_t)picture->width + (size_t)(x / ENLARGE);
                size_t to = (size_t)(row * height + GAP + y) * (size_t)sheet->width + (size_t)(column * width + GAP + x);
                sheet->pixels[3 * to + (size_t)c] =
                    picture->pixels[from * (size_t)picture->channels + (size_t)(picture->channels == 3 ? c : 0)];
            }
    return SELORA_OK;
}

/* The prompts as a file, for `selora generate --prompts`. */
static selora_status write_prompts(const demo *d)
{
    char path[PATH];
    in_out(d, "prompts.txt", path);
    FILE *file = fopen(path, "w");
    for (int i = 0; file && i < PROMPTS; i++)
        fprintf(file, "%s\n", prompts[i]);
    if (file && fclose(file) == 0)
        return SELORA_OK;
    fprintf(stderr, "selora: %s: %s; free some space or name another folder with --out\n", path, strerror(errno));
    return SELORA_NO_RESOURCE;
}

/* Draws every prompt into OUT/name, with the adapter when there is one, and fills a row of the sheet. */
static selora_status draw_row(demo *d, const char *name, const char *adapter, int row)
{
    char out[PATH], path[PATH];
    selora_generate_options options = selora_generate_defaults();
    in_out(d, name, out);
    in_out(d, "prompts.txt", path);
    options.model = d->options->model;
    options.adapter = adapter;
    options.prompts = path;
    options.out = out;
    options.steps = 25;
    options.guidance = 5;
    options.batch_size = PROMPTS;
    options.seed = d->options->seed;
    selora_status status = selora_generate_folder(d->context, &options);
    for (int i = 0; status == SELORA_OK && i < PROMPTS; i++) {
        selora_image picture = {0};
        snprintf(path, sizeof path, "%s/%s/%06d.png", d->options->out, name, i);
        status = selora_image_read(d->context, path, &picture);
        if (status == SELORA_OK)
            status = put(d, &picture, row, i);
        selora_image_free(&picture);
    }
    return status;
}

static selora_status draw_data(const demo *d, char data[PATH])
{
    selora_phantom_options options = selora_phantom_defaults();
    in_out(d, "data", data);
    options.out = data;
    options.count = d->options->count;
    options.seed = d->options->seed;
    options.finding = "plate";
    printf("1. %d pictures of a finding that the model has never seen: %s\n", (int)options.count, data);
    fflush(stdout);
    return selora_phantom_folder(d->context, &options);
}

static selora_status train(const demo *d, const char *data, char run[PATH])
{
    selora_train_options options = selora_train_defaults();
    in_out(d, "run", run);
    options.model = d->options->model;
    options.data = data;
    options.out = run;
    options.steps = d->options->steps;
    options.probe_every = 20;
    options.lr = 2e-3;
    options.lr_schedule = "cosine";
    options.seed = d->options->seed;
    options.validate_every = (options.steps + 1) / 2;
    options.validation_guidance = 5;
    printf("3. training: selora train --model %s --data %s --out %s --steps %d --lr 0.002 --lr-scheduler cosine --probe-every 20\n",
           options.model, data, run, (int)options.steps);
    fflush(stdout);
    return selora_train(d->context, &options);
}

static selora_status write_report(const demo *d, const char *run, const char *picture)
{
    char path[PATH];
    selora_report_options options = selora_report_defaults();
    in_out(d, "report.html", path);
    options.runs = &run;
    options.run_count = 1;
    options.out = path;
    options.title = "A finding that the model had never seen";
    options.picture = picture;
    options.picture_caption = "Six prompts that name the new finding, drawn by the base model (upper row) and with the adapter (lower "
                              "row), from the same noise.";
    return selora_report(d->context, &options);
}

/* How many layers ended at which rank. */
static void print_ranks(const selora_adapter *adapter)
{
    enum { MOST = 64 };
    int layers[MOST + 1] = {0}, count = selora_adapter_layer_count(adapter);
    for (int i = 0; i < count; i++) {
        int rank = selora_adapter_layer_at(adapter, i).rank;
        layers[rank < MOST ? rank : MOST]++;
    }
    printf("   ranks:");
    for (int rank = 0; rank <= MOST; rank++)
        if (layers[rank])
            printf("  %d layers at %d", layers[rank], rank);
    printf("\n");
}

static selora_status show(demo *d)
{
    char data[PATH], run[PATH], path[PATH];
    selora_adapter *adapter = NULL;
    selora_status status = selora_model_load(d->context, d->options->model, NULL, &d->model);
    if (status == SELORA_OK)
        status = draw_data(d, data);
    if (status == SELORA_OK)
        status = write_prompts(d);
    announce("2. drawing that finding with the model as it is", status);
    if (status == SELORA_OK)
        status = draw_row(d, "before", NULL, 0);
    if (status == SELORA_OK)
        status = train(d, data, run);
    in_out(d, "run/adapter.safetensors", path);
    if (status == SELORA_OK)
        status = selora_adapter_load(d->context, d->model, path, 1, &adapter);
    if (status == SELORA_OK)
        print_ranks(adapter);
    announce("4. drawing it again, with the adapter", status);
    if (status == SELORA_OK)
        status = draw_row(d, "after", path, 1);
    in_out(d, "before_after.png", path);
    if (status == SELORA_OK)
        status = selora_image_write(d->context, &d->sheet, path);
    if (status == SELORA_OK)
        status = write_report(d, run, path);
    if (status == SELORA_OK)
        printf("\nthe report, for a browser:     %s/report.html\nbefore (upper row) and after:  %s\n"
               "the adapter:                   %s/adapter.safetensors\nthe run, with log and ranks:   %s\n",
               d->options->out, path, run, run);
    selora_adapter_free(adapter);
    selora_image_free(&d->sheet);
    selora_model_free(d->model);
    return status;
}

static int run_demo(const cli_arguments *arguments, const demo_options *options)
{
    cli_terminal terminal;
    demo d = {.context = cli_context(arguments, &terminal), .options = options};
    if (!d.context)
        return cli_exit_code(SELORA_NO_RESOURCE);
    return cli_finish(d.context, &terminal, show(&d));
}

int cmd_demo(int argc, char **argv)
{
    demo_options options = {.model = "models/tiny", .out = "demo", .steps = 400, .count = 240, .seed = 1};
    cli_arguments arguments = {.list = list, .count = sizeof list / sizeof *list, .options = &options};
    selora_status status = cli_parse(&arguments, argc, argv);
    int code = cli_exit_code(status);
    struct stat info;
    if (status == SELORA_OK && arguments.common.help) {
        cli_print_help("selora demo: the whole job on phantoms, with a picture before and after", "selora demo --out demo",
                       list, arguments.count);
    } else if (status == SELORA_OK && stat(options.out, &info) == 0) {
        fprintf(stderr, "selora: --out: %s exists; name a folder that does not\n", options.out);
        code = SELORA_USAGE;
    } else if (status == SELORA_OK) {
        code = run_demo(&arguments, &options);
    }
    cli_arguments_free(&arguments);
    return code;
}
