/* SPDX-License-Identifier: MIT */
#include "medical/picture_colour.h"

#include <math.h>

static const double grey_levels = 2.0;    /* of 255: what rounding and JPEG leave of grey */
static const double mark_levels = 8.0;    /* of 255: seen as colour */
static const double mark_share = 0.1;     /* of the pixels: more is no mark */
static const double rounding = 1.0 / 256; /* of a level: levels are compared as floats */

static double cut(double value)
{
    return value < 0.0 ? 0.0 : value > 255.0 ? 255.0 : value;
}

void slr_ybr_to_rgb(double y, double cb, double cr, double rgb[3])
{
    rgb[0] = cut(y + 1.402 * (cr - 128.0));
    rgb[1] = cut(y - 0.344136 * (cb - 128.0) - 0.714136 * (cr - 128.0));
    rgb[2] = cut(y + 1.772 * (cb - 128.0));
}

static void measure(const slr_image *image, slr_picture_facts *facts)
{
    size_t n = (size_t)image->width * (size_t)image->height, marked = 0;
    float most = 0.0f;
    for (size_t i = 0; i < n; i++) {
        const float *p = image->pixels + 3 * i;
        float apart = fmaxf(fabsf(p[0] - p[1]), fabsf(p[1] - p[2]));
        most = fmaxf(most, apart);
        marked += apart * 255.0f > (float)(mark_levels + rounding);
    }
    facts->colour_residual = 255.0 * (double)most;
    facts->colour_share = (double)marked / (double)n;
    facts->colour = facts->colour_residual <= grey_levels + rounding  ? SLR_COLOUR_GREY_RGB
                    : marked > 0 && facts->colour_share <= mark_share ? SLR_COLOUR_ANNOTATED
                                                                      : SLR_COLOUR_TRUE;
}

selora_status slr_colour_settle(slr_image *image, bool grey_only, slr_picture_facts *facts, slr_error *err)
{
    if (image->channels == 1)
        return SELORA_OK;
    measure(image, facts);
    if (facts->colour != SLR_COLOUR_GREY_RGB) {
        if (!grey_only)
            return SELORA_OK;
        facts->skip = SLR_SKIP_COLOUR;
        return slr_fail(err, SELORA_BAD_INPUT,
                        "is in colour: channels are up to %.0f of 255 apart, over %.0f in %.1f %% of the "
                        "pixels; only grey was asked for",
                        facts->colour_residual, mark_levels, 100.0 * facts->colour_share);
    }
    size_t n = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; i < n; i++) { /* in place: what is written was read already */
        const float *p = image->pixels + 3 * i;
        image->pixels[i] = (float)(0.299 * (double)p[0] + 0.587 * (double)p[1] + 0.114 * (double)p[2]);
    }
    image->channels = 1;
    return SELORA_OK;
}
