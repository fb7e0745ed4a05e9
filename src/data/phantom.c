/* SPDX-License-Identifier: MIT */
#include "data/phantom.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/rng.h"

typedef struct ellipse {
    float x, y, a, b; /* centre and half-axes */
    float angle;      /* radians, from the x axis towards y */
    float grey;       /* 0..1 */
    float texture;    /* share of the texture seen inside */
} ellipse;

enum { ELLIPSES_MAX = 12, LATTICE = 34, KINDS_MAX = 256 };

/* Items of the phantom stream. */
enum { ITEM_PICTURE = 1, ITEM_TEXTURE = 2, ITEM_GRAIN = 3, ITEM_ORDER = 4 };

typedef struct class_name {
    const char *name, *option;
} class_name;

static const class_name region_names[SLR_PHANTOM_REGIONS] = {
    {"axial head", "head"},         {"frontal chest", "chest"}, {"axial abdomen", "abdomen"},
    {"frontal pelvis", "pelvis"},   {"lateral knee", "knee"},   {"oblique breast", "breast"},
};

static const class_name finding_names[SLR_PHANTOM_FINDINGS] = {
    {"normal", "normal"},           {"bright mass", "mass"},  {"small nodule", "nodule"},
    {"dark cyst", "cyst"},          {"ring lesion", "ring"},  {"calcifications", "calcifications"},
    {"metal plate", "plate"},
};

static const class_name place_names[SLR_PHANTOM_PLACES] = {
    {"upper left", "upper-left"}, {"upper right", "upper-right"}, {"centre", "centre"},
    {"lower left", "lower-left"}, {"lower right", "lower-right"},
};

static const float place_centres[SLR_PHANTOM_PLACES][2] = {
    {-0.36f, -0.34f}, {0.36f, -0.34f}, {0.0f, 0.0f}, {-0.36f, 0.34f}, {0.36f, 0.34f},
};

/* Later ellipses cover earlier ones; a half-axis of 0 ends a list. Tissue stays within 0.15..0.66
 * so that bright and dark findings stand out. */
static const ellipse anatomy[SLR_PHANTOM_REGIONS][ELLIPSES_MAX] = {
    [SLR_PHANTOM_HEAD] =
        {
            {0.0f, 0.0f, 0.76f, 0.92f, 0.0f, 0.64f, 0.3f},
            {0.0f, 0.0f, 0.67f, 0.83f, 0.0f, 0.24f, 0.3f},
            {0.0f, 0.0f, 0.63f, 0.79f, 0.0f, 0.40f, 1.0f},
            {-0.31f, -0.02f, 0.22f, 0.52f, 0.12f, 0.34f, 1.0f},
            {0.31f, -0.02f, 0.22f, 0.52f, -0.12f, 0.34f, 1.0f},
            {0.0f, 0.0f, 0.018f, 0.76f, 0.0f, 0.50f, 0.3f},
            {-0.11f, -0.13f, 0.055f, 0.22f, -0.3f, 0.20f, 0.2f},
            {0.11f, -0.13f, 0.055f, 0.22f, 0.3f, 0.20f, 0.2f},
            {0.0f, 0.56f, 0.26f, 0.13f, 0.0f, 0.46f, 1.0f},
        },
    [SLR_PHANTOM_CHEST] =
        {
            {0.0f, 0.10f, 0.92f, 0.96f, 0.0f, 0.42f, 0.4f},
            {-0.41f, -0.02f, 0.32f, 0.68f, 0.06f, 0.22f, 1.6f},
            {0.41f, -0.02f, 0.32f, 0.68f, -0.06f, 0.22f, 1.6f},
            {0.0f, 0.0f, 0.075f, 1.05f, 0.0f, 0.54f, 0.6f},
            {0.12f, 0.28f, 0.27f, 0.30f, 0.4f, 0.50f, 0.5f},
            {-0.42f, -0.74f, 0.40f, 0.045f, 0.20f, 0.60f, 0.3f},
            {0.42f, -0.74f, 0.40f, 0.045f, -0.20f, 0.60f, 0.3f},
            {-0.43f, 0.80f, 0.42f, 0.24f, 0.0f, 0.46f, 0.4f},
            {0.43f, 0.84f, 0.42f, 0.24f, 0.0f, 0.44f, 0.4f},
        },
    [SLR_PHANTOM_ABDOMEN] =
        {
            {0.0f, 0.0f, 0.93f, 0.74f, 0.0f, 0.20f, 0.4f},
            {0.0f, 0.0f, 0.84f, 0.65f, 0.0f, 0.31f, 1.0f},
            {-0.38f, -0.10f, 0.40f, 0.42f, 0.2f, 0.46f, 1.2f},
            {0.36f, -0.22f, 0.28f, 0.22f, -0.3f, 0.38f, 0.8f},
            {0.62f, 0.12f, 0.13f, 0.27f, 0.2f, 0.45f, 0.8f},
            {-0.40f, 0.33f, 0.14f, 0.19f, 0.4f, 0.52f, 0.6f},
            {0.40f, 0.33f, 0.14f, 0.19f, -0.4f, 0.52f, 0.6f},
            {0.0f, 0.46f, 0.15f, 0.14f, 0.0f, 0.64f, 0.5f},
            {-0.02f, 0.24f, 0.065f, 0.065f, 0.0f, 0.56f, 0.2f},
        },
    [SLR_PHANTOM_PELVIS] =
        {
            {0.0f, 0.0f, 0.95f, 0.90f, 0.0f, 0.27f, 0.6f},
            {-0.47f, -0.28f, 0.36f, 0.44f, -0.5f, 0.46f, 1.0f},
            {0.47f, -0.28f, 0.36f, 0.44f, 0.5f, 0.46f, 1.0f},
            {0.0f, 0.08f, 0.33f, 0.36f, 0.0f, 0.28f, 0.6f},
            {0.0f, -0.40f, 0.15f, 0.34f, 0.0f, 0.55f, 0.8f},
            {-0.58f, 0.36f, 0.16f, 0.16f, 0.0f, 0.58f, 0.5f},
            {0.58f, 0.36f, 0.16f, 0.16f, 0.0f, 0.58f, 0.5f},
            {-0.68f, 0.74f, 0.11f, 0.32f, 0.1f, 0.52f, 0.5f},
            {0.68f, 0.74f, 0.11f, 0.32f, -0.1f, 0.52f, 0.5f},
            {-0.20f, 0.56f, 0.22f, 0.065f, 0.5f, 0.52f, 0.5f},
            {0.20f, 0.56f, 0.22f, 0.065f, -0.5f, 0.52f, 0.5f},
        },
    [SLR_PHANTOM_KNEE] =
        {
            {0.02f, 0.0f, 0.68f, 1.15f, 0.0f, 0.28f, 0.5f},
            {0.06f, -0.72f, 0.23f, 0.60f, 0.0f, 0.50f, 1.0f},
            {0.04f, -0.27f, 0.40f, 0.29f, 0.1f, 0.56f, 1.2f},
            {0.04f, 0.36f, 0.38f, 0.22f, -0.1f, 0.54f, 1.2f},
            {0.02f, 0.86f, 0.22f, 0.58f, 0.0f, 0.48f, 1.0f},
            {0.38f, 0.82f, 0.07f, 0.46f, 0.0f, 0.44f, 0.6f},
            {-0.53f, -0.22f, 0.10f, 0.20f, 0.1f, 0.60f, 0.5f},
            {0.02f, 0.06f, 0.36f, 0.045f, 0.0f, 0.20f, 0.2f},
        },
    [SLR_PHANTOM_BREAST] =
        {
            {-0.85f, 0.0f, 1.50f, 0.86f, 0.0f, 0.22f, 0.8f},
            {-0.16f, 0.04f, 0.50f, 0.46f, 0.0f, 0.38f, 2.0f},
            {-0.30f, -0.20f, 0.26f, 0.14f, 0.5f, 0.46f, 1.2f},
            {-0.26f, 0.26f, 0.28f, 0.13f, -0.5f, 0.46f, 1.2f},
            {0.14f, 0.02f, 0.28f, 0.08f, 0.0f, 0.48f, 1.0f},
            {0.62f, 0.0f, 0.06f, 0.08f, 0.0f, 0.56f, 0.3f},
            {-0.92f, -0.80f, 0.42f, 0.95f, 0.45f, 0.58f, 0.8f},
        },
};

const char *slr_phantom_region_name(slr_phantom_region region)
{
    return region_names[region].name;
}

const char *slr_phantom_finding_name(slr_phantom_finding finding)
{
    return finding_names[finding].name;
}

const char *slr_phantom_place_name(slr_phantom_place place)
{
    return place_names[place].name;
}

const char *slr_phantom_region_option(slr_phantom_region region)
{
    return region_names[region].option;
}

const char *slr_phantom_finding_option(slr_phantom_finding finding)
{
    return finding_names[finding].option;
}

const char *slr_phantom_place_option(slr_phantom_place place)
{
    return place_names[place].option;
}

static selora_status find(const char *what, const class_name *names, int count, const char *option,
                          int *found, slr_error *err)
{
    char list[128] = "";
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i].option, option) == 0) {
            *found = i;
            return SELORA_OK;
        }
        int n = snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i].option);
        used += (size_t)n < sizeof list - used ? (size_t)n : sizeof list - used - 1;
    }
    return slr_fail(err, SELORA_USAGE, "unknown phantom %s '%.40s'; use one of %s", what, option,
                    list);
}

selora_status slr_phantom_region_find(const char *option, int *region, slr_error *err)
{
    return find("region", region_names, SLR_PHANTOM_REGIONS, option, region, err);
}

selora_status slr_phantom_finding_find(const char *option, int *finding, slr_error *err)
{
    return find("finding", finding_names, SLR_PHANTOM_FINDINGS, option, finding, err);
}

selora_status slr_phantom_place_find(const char *option, int *place, slr_error *err)
{
    return find("place", place_names, SLR_PHANTOM_PLACES, option, place, err);
}

int slr_phantom_region_is_held_out(slr_phantom_region region)
{
    return region == SLR_PHANTOM_BREAST;
}

int slr_phantom_finding_is_held_out(slr_phantom_finding finding)
{
    return finding == SLR_PHANTOM_PLATE;
}

void slr_phantom_caption(slr_phantom_spec spec, char *caption, size_t capacity)
{
    if (spec.finding == SLR_PHANTOM_NORMAL)
        snprintf(caption, capacity, "%s, normal", slr_phantom_region_name(spec.region));
    else
        snprintf(caption, capacity, "%s, %s, %s", slr_phantom_region_name(spec.region),
                 slr_phantom_finding_name(spec.finding), slr_phantom_place_name(spec.place));
}

/* ---- drawing ---- */

typedef struct canvas {
    int size;
    float *pixels;         /* (size, size) */
    float cosine, sine;    /* pose: picture -> anatomy coordinates */
    float scale, dx, dy;
    float lattice[LATTICE * LATTICE];
} canvas;

static float between(slr_rng *rng, double low, double high)
{
    return (float)(low + (high - low) * slr_rng_uniform(rng));
}

/* Roughly normal with mean 0 and standard deviation 1: the sum of four bytes. No libm: the same
 * bits everywhere. */
static float rough_normal(slr_rng *rng)
{
    uint32_t bits = slr_rng_u32(rng);
    int sum = (int)(bits & 255u) + (int)(bits >> 8 & 255u) + (int)(bits >> 16 & 255u) +
              (int)(bits >> 24);
    return (float)(sum - 510) * (1.0f / 147.8f);
}

static void pose_draw(canvas *c, slr_rng *rng)
{
    double angle = between(rng, -0.10, 0.10);
    c->cosine = (float)cos(angle);
    c->sine = (float)sin(angle);
    c->scale = between(rng, 0.93, 1.07);
    c->dx = between(rng, -0.05, 0.05);
    c->dy = between(rng, -0.05, 0.05);
}

/* Anatomy -> picture coordinates. */
static void pose_apply(const canvas *c, float x, float y, float *px, float *py)
{
    *px = c->scale * (c->cosine * x - c->sine * y) + c->dx;
    *py = c->scale * (c->sine * x + c->cosine * y) + c->dy;
}

/* Smooth texture at picture coordinates, bilinear between random lattice values. */
static float texture_at(const canvas *c, float x, float y)
{
    float u = (x + 1.0f) * 0.5f * (LATTICE - 2), v = (y + 1.0f) * 0.5f * (LATTICE - 2);
    int i = (int)u, j = (int)v;
    float fu = u - (float)i, fv = v - (float)j;
    const float *row = c->lattice + (size_t)j * LATTICE + i;
    float top = row[0] + fu * (row[1] - row[0]);
    float bottom = row[LATTICE] + fu * (row[LATTICE + 1] - row[LATTICE]);
    return top + fv * (bottom - top);
}

/* First and last pixel whose centre lies within `reach` of `centre`. */
static void span(int size, float centre, float reach, int *first, int *last)
{
    float half = 0.5f * (float)size;
    float low = (centre - reach + 1.0f) * half - 1.0f, high = (centre + reach + 1.0f) * half + 1.0f;
    *first = low > 0.0f ? (int)low : 0;
    *last = high < (float)(size - 1) ? (int)high : size - 1;
}

/* About how far inside the edge a point lies (exact for circles): (1 - r) over the gradient of r,
 * the radius in units of the half-axes. p, q: the point in those units. */
static float edge_distance(float p, float q, float a, float b)
{
    float r = sqrtf(p * p + q * q);
    if (r < 1e-3f)
        return a < b ? a : b;
    float along = p / a, across = q / b;
    return (1.0f - r) * r / sqrtf(along * along + across * across);
}

/* Blends an ellipse in anatomy coordinates over the picture, with an edge two pixels of a 64-pixel
 * picture wide. `hollow` > 0 leaves out the inner ellipse smaller by that much: a ring. */
static void draw_ellipse(canvas *c, const ellipse *e, float hollow)
{
    float cx, cy;
    pose_apply(c, e->x, e->y, &cx, &cy);
    float turn_c = (float)cos(e->angle), turn_s = (float)sin(e->angle);
    float cosine = c->cosine * turn_c - c->sine * turn_s;
    float sine = c->sine * turn_c + c->cosine * turn_s;
    float a = e->a * c->scale, b = e->b * c->scale;
    float reach = (a > b ? a : b) + 0.06f;
    int x0, x1, y0, y1;
    span(c->size, cx, reach, &x0, &x1);
    span(c->size, cy, reach, &y0, &y1);
    float step = 2.0f / (float)c->size;
    for (int j = y0; j <= y1; j++) {
        float y = ((float)j + 0.5f) * step - 1.0f, v = y - cy;
        for (int i = x0; i <= x1; i++) {
            float x = ((float)i + 0.5f) * step - 1.0f, u = x - cx;
            float p = (cosine * u + sine * v) / a, q = (cosine * v - sine * u) / b;
            float inside = edge_distance(p, q, a, b);
            float mask = 0.5f + inside * 16.0f;
            if (hollow > 0.0f && 0.5f + (hollow - inside) * 16.0f < mask)
                mask = 0.5f + (hollow - inside) * 16.0f;
            if (mask <= 0.0f)
                continue;
            mask = mask > 1.0f ? 1.0f : mask;
            float *pixel = c->pixels + (size_t)j * (size_t)c->size + (size_t)i;
            float value = e->grey + 0.018f * e->texture * texture_at(c, x, y);
            *pixel += mask * (value - *pixel);
        }
    }
}

static void draw_anatomy(canvas *c, slr_phantom_region region, slr_rng *rng)
{
    for (int i = 0; i < ELLIPSES_MAX && anatomy[region][i].a > 0.0f; i++) {
        ellipse e = anatomy[region][i];
        e.x += between(rng, -0.015, 0.015);
        e.y += between(rng, -0.015, 0.015);
        e.a *= between(rng, 0.94, 1.06);
        e.b *= between(rng, 0.94, 1.06);
        e.grey *= between(rng, 0.92, 1.08);
        draw_ellipse(c, &e, 0.0f);
    }
}

static void draw_dots(canvas *c, ellipse spot, float spread, slr_rng *rng)
{
    float first = between(rng, 0.0, 1.5707963);
    ellipse dot = spot;
    dot.a = dot.b = 0.048f;
    draw_ellipse(c, &dot, 0.0f);
    for (int i = 0; i < 4; i++) {
        float angle = first + 1.5707963f * (float)i + between(rng, -0.25, 0.25);
        float distance = spread * between(rng, 0.85, 1.1);
        dot.x = spot.x + distance * (float)cos(angle);
        dot.y = spot.y + distance * (float)sin(angle);
        draw_ellipse(c, &dot, 0.0f);
    }
}

/* Draws the finding and returns the radius that holds it, in anatomy units. */
static float draw_finding(canvas *c, slr_phantom_finding finding, ellipse spot, slr_rng *rng)
{
    spot.texture = 0.3f;
    spot.grey = between(rng, 0.86, 0.96);
    switch (finding) {
    case SLR_PHANTOM_MASS:
        spot.a = between(rng, 0.18, 0.22);
        spot.b = spot.a * between(rng, 0.9, 1.1);
        draw_ellipse(c, &spot, 0.0f);
        return spot.a > spot.b ? spot.a : spot.b;
    case SLR_PHANTOM_NODULE:
        spot.a = spot.b = between(rng, 0.105, 0.125);
        draw_ellipse(c, &spot, 0.0f);
        return spot.a;
    case SLR_PHANTOM_CYST:
        spot.grey = between(rng, 0.02, 0.06);
        spot.a = between(rng, 0.17, 0.21);
        spot.b = spot.a * between(rng, 0.9, 1.1);
        draw_ellipse(c, &spot, 0.0f);
        return spot.a > spot.b ? spot.a : spot.b;
    case SLR_PHANTOM_RING:
        spot.a = spot.b = between(rng, 0.20, 0.23);
        draw_ellipse(c, &spot, 0.085f);
        return spot.a;
    case SLR_PHANTOM_CALCIFICATIONS:
        draw_dots(c, spot, 0.16f, rng);
        return 0.22f;
    case SLR_PHANTOM_PLATE:
        spot.a = between(rng, 0.29, 0.33);
        spot.b = 0.075f;
        spot.angle = 0.7853982f + between(rng, -0.1, 0.1);
        draw_ellipse(c, &spot, 0.0f);
        return spot.a;
    default:
        return 0.0f;
    }
}

static void set_truth(const canvas *c, const ellipse *spot, float radius, slr_phantom_truth *truth)
{
    pose_apply(c, spot->x, spot->y, &truth->x, &truth->y);
    truth->radius = radius * c->scale;
    const float box[4] = {truth->x - truth->radius, truth->y - truth->radius,
                          truth->x + truth->radius, truth->y + truth->radius};
    for (int i = 0; i < 4; i++)
        truth->box[i] = box[i] < -1.0f ? -1.0f : box[i] > 1.0f ? 1.0f : box[i];
}

static void add_grain(canvas *c, float gain, slr_rng *rng)
{
    size_t count = (size_t)c->size * (size_t)c->size;
    for (size_t i = 0; i < count; i++) {
        float value = c->pixels[i] * gain + 0.008f * rough_normal(rng);
        c->pixels[i] = value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value;
    }
}

static int spec_is_valid(slr_phantom_spec spec)
{
    return (unsigned)spec.region < SLR_PHANTOM_REGIONS &&
           (unsigned)spec.finding < SLR_PHANTOM_FINDINGS &&
           (unsigned)spec.place < SLR_PHANTOM_PLACES;
}

selora_status slr_phantom_draw(uint64_t seed, uint32_t index, slr_phantom_spec spec, int size,
                               float *pixels, slr_phantom_truth *truth, slr_error *err)
{
    if (size < SLR_PHANTOM_SIZE_MIN || size > SLR_PHANTOM_SIZE_MAX)
        return slr_fail(err, SELORA_USAGE, "phantom size: found %d, expected %d to %d", size,
                        SLR_PHANTOM_SIZE_MIN, SLR_PHANTOM_SIZE_MAX);
    if (!spec_is_valid(spec))
        return slr_fail(err, SELORA_USAGE, "phantom spec: found region %d, finding %d, place %d",
                        (int)spec.region, (int)spec.finding, (int)spec.place);

    slr_rng rng = slr_rng_at(seed, SLR_STREAM_PHANTOM, index, ITEM_PICTURE);
    slr_rng texture = slr_rng_at(seed, SLR_STREAM_PHANTOM, index, ITEM_TEXTURE);
    slr_rng grain = slr_rng_at(seed, SLR_STREAM_PHANTOM, index, ITEM_GRAIN);
    canvas c = {.size = size, .pixels = pixels};
    for (int i = 0; i < LATTICE * LATTICE; i++)
        c.lattice[i] = rough_normal(&texture);
    for (size_t i = 0; i < (size_t)size * (size_t)size; i++)
        pixels[i] = 0.04f;

    pose_draw(&c, &rng);
    float gain = between(&rng, 0.94, 1.04);
    ellipse spot = {.x = place_centres[spec.place][0] + between(&rng, -0.05, 0.05),
                    .y = place_centres[spec.place][1] + between(&rng, -0.05, 0.05)};
    draw_anatomy(&c, spec.region, &rng);
    float radius = draw_finding(&c, spec.finding, spot, &rng);
    add_grain(&c, gain, &grain);

    if (truth) {
        memset(truth, 0, sizeof *truth);
        if (spec.finding != SLR_PHANTOM_NORMAL)
            set_truth(&c, &spot, radius, truth);
    }
    return SELORA_OK;
}

selora_status slr_phantom_draw_grey(uint64_t seed, uint32_t index, slr_phantom_spec spec, int size,
                                    float *scratch, uint8_t *pixels, slr_phantom_truth *truth,
                                    slr_error *err)
{
    SLR_TRY(slr_phantom_draw(seed, index, spec, size, scratch, truth, err));
    for (size_t i = 0; i < (size_t)size * (size_t)size; i++)
        pixels[i] = (uint8_t)(scratch[i] * 255.0f + 0.5f);
    return SELORA_OK;
}

/* ---- sets ---- */

slr_phantom_set slr_phantom_set_default(uint64_t seed)
{
    return (slr_phantom_set){seed, SLR_PHANTOM_SEEN, SLR_PHANTOM_ANY, SLR_PHANTOM_ANY,
                             SLR_PHANTOM_ANY};
}

/* A class that was named is always allowed; `classes` limits what was left open. */
static int set_allows(const slr_phantom_set *set, slr_phantom_spec spec)
{
    if ((set->region != SLR_PHANTOM_ANY && set->region != (int)spec.region) ||
        (set->finding != SLR_PHANTOM_ANY && set->finding != (int)spec.finding))
        return 0;
    if (spec.finding == SLR_PHANTOM_NORMAL) {
        if (spec.place != SLR_PHANTOM_CENTRE || set->place != SLR_PHANTOM_ANY)
            return 0; /* a normal picture has no place: it counts once */
    } else if (set->place != SLR_PHANTOM_ANY && set->place != (int)spec.place) {
        return 0;
    }
    int region_new = slr_phantom_region_is_held_out(spec.region);
    int finding_new = slr_phantom_finding_is_held_out(spec.finding);
    if (set->classes == SLR_PHANTOM_SEEN)
        return (!region_new || set->region != SLR_PHANTOM_ANY) &&
               (!finding_new || set->finding != SLR_PHANTOM_ANY);
    return set->classes == SLR_PHANTOM_ALL || region_new || finding_new;
}

static uint32_t set_list(const slr_phantom_set *set, slr_phantom_spec kinds[KINDS_MAX])
{
    uint32_t count = 0;
    for (int r = 0; r < SLR_PHANTOM_REGIONS; r++) {
        for (int f = 0; f < SLR_PHANTOM_FINDINGS; f++) {
            for (int p = 0; p < SLR_PHANTOM_PLACES; p++) {
                slr_phantom_spec spec = {(slr_phantom_region)r, (slr_phantom_finding)f,
                                         (slr_phantom_place)p};
                if (set_allows(set, spec))
                    kinds[count++] = spec;
            }
        }
    }
    return count;
}

uint32_t slr_phantom_set_kinds(const slr_phantom_set *set)
{
    slr_phantom_spec kinds[KINDS_MAX];
    return set_list(set, kinds);
}

slr_phantom_spec slr_phantom_set_item(const slr_phantom_set *set, uint32_t index)
{
    slr_phantom_spec kinds[KINDS_MAX];
    uint32_t order[KINDS_MAX];
    uint32_t count = set_list(set, kinds);
    slr_rng rng = slr_rng_at(set->seed, SLR_STREAM_PHANTOM, index / count, ITEM_ORDER);
    slr_rng_permutation(&rng, order, count);
    return kinds[order[index % count]];
}
