/* SPDX-License-Identifier: MIT
 *
 * How well pictures obey their captions: the share in which the prompted region, finding and place
 * are seen, over a folder of phantom-like pictures with a metadata.csv (file_name, text).
 *
 *     selora generate --prompts prompts.csv --out drawn ... && build/obedience drawn
 *     selora phantom --count 3000 --out real ... && build/obedience real .93  the measure itself
 *
 * The eye is a linear discriminant: one class for each caption, Gaussian with a mean of its own and
 * one covariance for all, learned from phantoms that this program draws with a seed of its own.
 * It sees pictures as 32 x 32 grey values. On real phantoms it is right in about 95 of 100.
 */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/phantom.h"
#include "io/csv.h"
#include "io/image.h"

enum {
    SIDE = 32,           /* what the eye sees */
    PIXELS = SIDE * SIDE,
    DRAWN = 64,          /* pixels of a phantom's side when it is drawn */
    EXAMPLES = 20000,
    BATCH = 500,         /* divides EXAMPLES */
    SEED = 777
};

/* Added to the covariance (grey values 0..1): what pictures may differ by besides. */
static const double RIDGE = 1e-4;

typedef struct eye {
    uint32_t classes;
    slr_phantom_spec *specs; /* (classes) */
    double *counts;          /* (classes) */
    double *means;           /* (classes, PIXELS) */
    double *covariance;      /* (PIXELS, PIXELS), lower half; then its Cholesky factor */
    double *weights;         /* (classes, PIXELS) */
    double *biases;          /* (classes) */
} eye;

static void eye_free(eye *e)
{
    free(e->specs);
    free(e->counts);
    free(e->means);
    free(e->covariance);
    free(e->weights);
    free(e->biases);
}

static int spec_is(slr_phantom_spec a, slr_phantom_spec b)
{
    return a.region == b.region && a.finding == b.finding && a.place == b.place;
}

/* Averages a (size, size) picture of `channels` to (SIDE, SIDE); size is a multiple of SIDE. */
static void look(const float *pixels, int size, int channels, double *seen)
{
    int block = size / SIDE;
    memset(seen, 0, PIXELS * sizeof *seen);
    for (int y = 0; y < size; y++) {
        for (int x = 0; x < size; x++) {
            const float *pixel = pixels + ((size_t)y * (size_t)size + (size_t)x) * (size_t)channels;
            for (int c = 0; c < channels; c++)
                seen[y / block * SIDE + x / block] += (double)pixel[c];
        }
    }
    for (int i = 0; i < PIXELS; i++)
        seen[i] /= (double)block * block * channels;
}

static selora_status eye_new(eye *e, const slr_phantom_set *set, slr_error *err)
{
    e->classes = slr_phantom_set_kinds(set);
    e->specs = slr_alloc(e->classes, sizeof *e->specs);
    e->counts = slr_alloc(e->classes, sizeof *e->counts);
    e->biases = slr_alloc(e->classes, sizeof *e->biases);
    e->means = slr_alloc(e->classes, PIXELS * sizeof *e->means);
    e->weights = slr_alloc(e->classes, PIXELS * sizeof *e->weights);
    e->covariance = slr_alloc(PIXELS, PIXELS * sizeof *e->covariance);
    if (!e->specs || !e->counts || !e->biases || !e->means || !e->weights || !e->covariance)
        return slr_fail(err, SELORA_NO_RESOURCE, "obedience: no memory for the discriminant");
    for (uint32_t i = 0; i < e->classes; i++) /* one block of a set holds every kind once */
        e->specs[i] = slr_phantom_set_item(set, i);
    return SELORA_OK;
}

static uint32_t eye_class(const eye *e, slr_phantom_spec spec)
{
    uint32_t k = 0;
    while (k + 1 < e->classes && !spec_is(e->specs[k], spec))
        k++;
    return k;
}

/* Draws the examples; leaves sums in `means` and the sum of outer products in `covariance`. */
static selora_status eye_look_at_examples(eye *e, const slr_phantom_set *set, slr_error *err)
{
    static float drawn[DRAWN * DRAWN];
    static double seen[BATCH][PIXELS];
    for (uint32_t first = 0; first < EXAMPLES; first += BATCH) {
        for (uint32_t i = 0; i < BATCH; i++) {
            slr_phantom_spec spec = slr_phantom_set_item(set, first + i);
            SLR_TRY(slr_phantom_draw(SEED, first + i, spec, DRAWN, drawn, NULL, err));
            look(drawn, DRAWN, 1, seen[i]);
            uint32_t k = eye_class(e, spec);
            e->counts[k] += 1.0;
            cblas_daxpy(PIXELS, 1.0, seen[i], 1, e->means + (size_t)k * PIXELS, 1);
        }
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, PIXELS, BATCH, 1.0, seen[0], PIXELS, 1.0,
                    e->covariance, PIXELS);
    }
    return SELORA_OK;
}

/* In place, lower half: covariance = L * transpose(L). It is positive definite: the ridge. */
static void factor(double *a)
{
    for (int j = 0; j < PIXELS; j++) {
        double *row = a + (size_t)j * PIXELS;
        row[j] = sqrt(row[j] - cblas_ddot(j, row, 1, row, 1));
        for (int i = j + 1; i < PIXELS; i++) {
            double *below = a + (size_t)i * PIXELS;
            below[j] = (below[j] - cblas_ddot(j, below, 1, row, 1)) / row[j];
        }
    }
}

/* weights = inverse(covariance) * mean, bias = -mean * weights / 2: the log-likelihood of a class
 * is weights * seen + bias, up to a term that all classes share. */
static void eye_decide(eye *e)
{
    for (uint32_t k = 0; k < e->classes; k++) {
        double *mean = e->means + (size_t)k * PIXELS;
        cblas_dscal(PIXELS, 1.0 / e->counts[k], mean, 1);
        cblas_dsyr(CblasRowMajor, CblasLower, PIXELS, -e->counts[k], mean, 1, e->covariance,
                   PIXELS);
    }
    cblas_dscal(PIXELS * PIXELS, 1.0 / (EXAMPLES - e->classes), e->covariance, 1);
    for (int i = 0; i < PIXELS; i++)
        e->covariance[(size_t)i * PIXELS + (size_t)i] += RIDGE;
    factor(e->covariance);
    for (uint32_t k = 0; k < e->classes; k++) {
        const double *mean = e->means + (size_t)k * PIXELS;
        double *weights = e->weights + (size_t)k * PIXELS;
        memcpy(weights, mean, PIXELS * sizeof *weights);
        cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, PIXELS, e->covariance,
                    PIXELS, weights, 1);
        cblas_dtrsv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, PIXELS, e->covariance,
                    PIXELS, weights, 1);
        e->biases[k] = -0.5 * cblas_ddot(PIXELS, mean, 1, weights, 1);
    }
}

static slr_phantom_spec eye_see(const eye *e, const double *seen)
{
    uint32_t best = 0;
    double highest = -INFINITY;
    for (uint32_t k = 0; k < e->classes; k++) {
        double score =
            cblas_ddot(PIXELS, e->weights + (size_t)k * PIXELS, 1, seen, 1) + e->biases[k];
        if (score > highest) {
            highest = score;
            best = k;
        }
    }
    return e->specs[best];
}

/* The spec whose caption this is. */
static int caption_spec(const eye *e, const char *text, slr_phantom_spec *spec)
{
    char caption[SLR_PHANTOM_CAPTION_CAPACITY];
    for (uint32_t k = 0; k < e->classes; k++) {
        slr_phantom_caption(e->specs[k], caption, sizeof caption);
        if (strcmp(caption, text) == 0) {
            *spec = e->specs[k];
            return 1;
        }
    }
    return 0;
}

typedef struct shares {
    size_t pictures, placed; /* placed: with a finding other than normal */
    size_t region, finding, place, finding_and_place, all;
    size_t asked[SLR_PHANTOM_FINDINGS], shown[SLR_PHANTOM_FINDINGS];
} shares;

static void shares_add(shares *s, slr_phantom_spec asked, slr_phantom_spec seen)
{
    int has_place = asked.finding != SLR_PHANTOM_NORMAL;
    int region = seen.region == asked.region, finding = seen.finding == asked.finding;
    int place = has_place && seen.finding != SLR_PHANTOM_NORMAL && seen.place == asked.place;
    s->pictures++;
    s->placed += (size_t)has_place;
    s->region += (size_t)region;
    s->finding += (size_t)finding;
    s->place += (size_t)place;
    s->finding_and_place += (size_t)(finding && place);
    s->all += (size_t)(region && finding && (place || !has_place));
    s->asked[asked.finding]++;
    s->shown[asked.finding] += (size_t)finding;
}

static double share(size_t part, size_t whole)
{
    return whole ? (double)part / (double)whole : 0.0;
}

static void shares_print(const shares *s)
{
    printf("pictures            %zu\n", s->pictures);
    printf("region as prompted  %.3f\n", share(s->region, s->pictures));
    printf("finding             %.3f\n", share(s->finding, s->pictures));
    for (int f = 0; f < SLR_PHANTOM_FINDINGS; f++) {
        if (s->asked[f])
            printf("  %-16s  %.3f of %zu\n", slr_phantom_finding_name((slr_phantom_finding)f),
                   share(s->shown[f], s->asked[f]), s->asked[f]);
    }
    printf("place               %.3f of %zu with a finding\n", share(s->place, s->placed),
           s->placed);
    printf("finding and place   %.3f\n", share(s->finding_and_place, s->placed));
    printf("all as prompted     %.3f\n", share(s->all, s->pictures));
}

static selora_status see_file(const eye *e, const char *path, slr_phantom_spec *spec,
                              slr_error *err)
{
    slr_image image = {0};
    double seen[PIXELS];
    SLR_TRY(slr_image_read(path, NULL, &image, err));
    selora_status status = SELORA_OK;
    if (image.width != image.height || image.width % SIDE != 0) {
        status = slr_fail(err, SELORA_BAD_INPUT,
                          "%s: found %d x %d pixels, expected a square with a side divisible by %d",
                          path, image.width, image.height, SIDE);
    } else {
        look(image.pixels, image.width, image.channels, seen);
        *spec = eye_see(e, seen);
    }
    slr_image_free(&image);
    return status;
}

/* What each row's caption asks for; all rows are read before the first picture is looked at. */
static selora_status read_asked(const eye *e, const char *folder, const slr_table *table,
                                slr_phantom_spec **asked, slr_error *err)
{
    int text = slr_table_column(table, "text");
    if (text < 0 || slr_table_column(table, "file_name") < 0)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s/metadata.csv: expected the columns file_name and text", folder);
    *asked = slr_alloc(slr_table_rows(table) + 1, sizeof **asked);
    if (!*asked)
        return slr_fail(err, SELORA_NO_RESOURCE, "obedience: no memory for the captions");
    for (size_t row = 0; row < slr_table_rows(table); row++) {
        if (!caption_spec(e, slr_table_cell(table, row, text), *asked + row))
            return slr_fail(err, SELORA_BAD_INPUT,
                            "%s/metadata.csv: line %zu: the text is no caption of a phantom",
                            folder, slr_table_line(table, row));
    }
    return SELORA_OK;
}

static selora_status measure(const eye *e, const char *folder, const slr_table *table,
                             const slr_phantom_spec *asked, shares *s, slr_error *err)
{
    int file = slr_table_column(table, "file_name");
    for (size_t row = 0; row < slr_table_rows(table); row++) {
        slr_phantom_spec seen = {0};
        char *path = slr_format("%s/%s", folder, slr_table_cell(table, row, file));
        if (!path)
            return slr_fail(err, SELORA_NO_RESOURCE, "obedience: no memory for a path");
        selora_status status = see_file(e, path, &seen, err);
        free(path);
        SLR_TRY(status);
        shares_add(s, asked[row], seen);
    }
    return SELORA_OK;
}

static selora_status run(const char *folder, shares *s, slr_error *err)
{
    eye e = {0};
    slr_table *table = NULL;
    slr_phantom_spec *asked = NULL;
    slr_phantom_set set = slr_phantom_set_default(SEED);
    set.classes = SLR_PHANTOM_ALL;
    char *path = slr_format("%s/metadata.csv", folder);
    selora_status status =
        path ? slr_table_read_csv(path, &table, err)
             : slr_fail(err, SELORA_NO_RESOURCE, "obedience: no memory for a path");
    if (status == SELORA_OK)
        status = eye_new(&e, &set, err);
    if (status == SELORA_OK)
        status = read_asked(&e, folder, table, &asked, err);
    if (status == SELORA_OK)
        status = eye_look_at_examples(&e, &set, err);
    if (status == SELORA_OK) {
        eye_decide(&e);
        status = measure(&e, folder, table, asked, s, err);
    }
    slr_table_free(table);
    eye_free(&e);
    free(asked);
    free(path);
    return status;
}

int main(int argc, char **argv)
{
    char *end = NULL;
    double least = argc == 3 ? strtod(argv[2], &end) : 0.0;
    if (argc < 2 || argc > 3 || (end && (end == argv[2] || *end))) {
        fputs("usage: obedience FOLDER [SHARE]   (pictures and metadata.csv with file_name,text; "
              "exit 1 when fewer than SHARE are all as prompted)\n", stderr);
        return SELORA_USAGE;
    }
    slr_error err = {0};
    shares s = {0};
    selora_status status = run(argv[1], &s, &err);
    if (status != SELORA_OK) {
        fprintf(stderr, "obedience: %s\n", err.message);
        return (int)status;
    }
    shares_print(&s);
    return share(s.all, s.pictures) < least ? SELORA_CHECK_FAILED : SELORA_OK;
}
