/* SPDX-License-Identifier: MIT
 * kohya / sd-scripts: what every user interface reads. Diffusers mixes up alphas that differ between
 * layers, so a component has one; stable-diffusion.cpp takes the other dimension for a rank of 1, so
 * ranks are stored with rows of zeros from 2 on. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "adapters/pair_reader.h"
#include "adapters/pair_writer.h"

enum { LEAST_RANK = 2 };

static bool claims(const char *name)
{
    slr_names names;
    return slr_names_claim(name, &names) && names == SLR_NAMES_KOHYA;
}

/* alpha / r; 1 when alpha is absent or 0. */
static selora_status scale_of(const void *context, const char *path, int stored_rank, double alpha,
                              double *scale, slr_error *err)
{
    (void)context;
    (void)path;
    (void)err;
    *scale = isnan(alpha) || alpha == 0 ? 1 : alpha / stored_rank;
    return SELORA_OK;
}

static selora_status read_kohya(const slr_safetensors *file, slr_pairs *pairs, slr_error *err)
{
    return slr_pairs_read(file, &(slr_pair_reader){.names = SLR_NAMES_KOHYA, .scale = scale_of}, pairs, err);
}

/* The alpha of a component: the scale of most of its layers, times the rank they are padded to. */
static double alpha_of(const slr_pairs *pairs, const char *component, int padded)
{
    double best = 1;
    int votes = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        int same = 0;
        for (size_t j = 0; j < pairs->count; j++)
            same += strcmp(slr_component_of(pairs->items[j].path), component) == 0 &&
                    pairs->items[j].scale == pairs->items[i].scale;
        if (strcmp(slr_component_of(pairs->items[i].path), component) == 0 && same > votes) {
            votes = same;
            best = pairs->items[i].scale;
        }
    }
    return (double)(float)(padded > 0 ? best * padded : best);
}

static selora_status add_header(slr_pair_writer *w, double alpha, slr_error *err)
{
    static const char *const facts[][2] = {
        {"ss_v2", "False"},
        {"ss_base_model_version", "sd_v1"},
        {"ss_network_module", "networks.lora"},
        {"ss_network_args", "{}"},
        {"modelspec.sai_model_spec", "1.0.1"},
        {"modelspec.architecture", "stable-diffusion-v1/lora"},
        {"modelspec.implementation", "selora"},
        {"modelspec.title", "selora adapter"},
    };
    char text[32];
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        SLR_TRY(slr_pair_writer_note(w, facts[i][0], facts[i][1], err));
    snprintf(text, sizeof text, "%d", w->report->stored_rank);
    SLR_TRY(slr_pair_writer_note(w, "ss_network_dim", text, err));
    snprintf(text, sizeof text, "%g", alpha);
    return slr_pair_writer_note(w, "ss_network_alpha", text, err);
}

static selora_status fill(slr_pair_writer *w, const slr_pairs *pairs, slr_error *err)
{
    static const char *const components[] = {"unet", "text_encoder"};
    double alphas[2];
    int padded[2];
    for (int c = 0; c < 2; c++) {
        int most = slr_pairs_most_rank(pairs, components[c]);
        padded[c] = w->options->pad_most ? (most < LEAST_RANK ? LEAST_RANK : most) : 0;
        alphas[c] = alpha_of(pairs, components[c], padded[c]);
    }
    for (size_t i = 0; i < pairs->count; i++) {
        const slr_pair *pair = &pairs->items[i];
        int c = strcmp(slr_component_of(pair->path), components[0]) == 0 ? 0 : 1;
        int stored = padded[c] > 0 ? padded[c] : pair->rank < LEAST_RANK ? LEAST_RANK : pair->rank;
        double alpha = alphas[c];
        SLR_TRY(slr_pair_writer_put(w, pair, stored, pair->scale * stored / alpha, SLR_NAMES_KOHYA,
                                    w->options->text_both, err));
        SLR_TRY(slr_pair_writer_alpha(w, pair, alpha, w->options->text_both, err));
    }
    bool unet = slr_pairs_most_rank(pairs, components[0]) > 0;
    return add_header(w, alphas[unet ? 0 : 1], err);
}

static selora_status write_kohya(const slr_pairs *pairs, const slr_export_options *options,
                                 const char *path, slr_export_report *report, slr_error *err)
{
    slr_pair_writer w;
    selora_status status = slr_pair_writer_begin(&w, options, report, err);
    if (status == SELORA_OK)
        status = fill(&w, pairs, err);
    if (status == SELORA_OK)
        status = slr_pair_writer_save(&w, pairs, path, err);
    slr_pair_writer_end(&w);
    return status;
}

const slr_adapter_format slr_format_kohya = {
    .name = "kohya",
    .summary = "one file that every user interface and sd-scripts reads",
    .claims = claims,
    .read = read_kohya,
    .write = write_kohya,
};
