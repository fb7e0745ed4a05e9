/* SPDX-License-Identifier: MIT
 * What the published SeLoRA code saves: a whole U-Net or text encoder with lora_A and lora_B among its
 * weights and the rows that were being tested beside them. Its scale is alpha / (rank at the start) =
 * 8, whatever the rank has become. */
#include <string.h>

#include "adapters/pair_reader.h"
#include "adapters/formats.h"

static const double published_scale = 8;

static bool claims(const char *name)
{
    slr_names names;
    return slr_names_claim(name, &names) && names == SLR_NAMES_PUBLISHED;
}

static selora_status scale_of(const void *context, const char *path, int stored_rank, double alpha,
                              double *scale, slr_error *err)
{
    (void)context;
    (void)path;
    (void)stored_rank;
    (void)alpha;
    (void)err;
    *scale = published_scale;
    return SELORA_OK;
}

static selora_status read_published(const slr_safetensors *file, slr_pairs *pairs, slr_error *err)
{
    return slr_pairs_read(file, &(slr_pair_reader){.names = SLR_NAMES_PUBLISHED, .scale = scale_of}, pairs,
                          err);
}

const slr_adapter_format slr_format_published = {
    .name = "the published SeLoRA code",
    .summary = "networks saved with lora_A and lora_B inside",
    .claims = claims,
    .read = read_published,
};
