/* SPDX-License-Identifier: MIT */
#include "adapters/adapter_tools.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "adapters/adapter_names.h"

/* Generations of diffusers in which something changed. */
enum { BEFORE_34, FROM_34, AT_40, FROM_41, GENERATIONS };

/* Layers that get another scale than they should have. */
typedef struct wrong {
    int layers;
    double worst; /* factor farthest from 1 */
} wrong;

static void say(slr_tool_verdict *verdict, const char *convert, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a sentence; the first mending is kept. */
static void say(slr_tool_verdict *verdict, const char *convert, const char *format, ...)
{
    size_t at = strlen(verdict->result);
    va_list args;
    if (at > 0 && at + 2 < sizeof verdict->result)
        at += (size_t)snprintf(verdict->result + at, sizeof verdict->result - at, "; ");
    va_start(args, format);
    vsnprintf(verdict->result + at, sizeof verdict->result - at, format, args);
    va_end(args);
    verdict->convert = verdict->convert ? verdict->convert : convert;
}

static void count_wrong(wrong *w, double factor)
{
    if (fabs(factor - 1) < 1e-6)
        return;
    w->layers++;
    if (w->layers == 1 || fabs(log(fabs(factor))) > fabs(log(fabs(w->worst))))
        w->worst = factor;
}

static bool is_kind(const slr_pairs *pairs, const char *kind)
{
    return strcmp(pairs->format, kind) == 0;
}

static bool belongs(const slr_pair *pair, const char *component)
{
    return strcmp(slr_component_of(pair->path), component) == 0;
}

/* diffusers takes the most common alpha of a component for all layers but these; of text encoders as long as they
 * have the level "text_model.". */
static bool keeps_alpha(const slr_pairs *pairs, const slr_pair *pair, int generation)
{
    return strstr(pair->path, "ff.net.0.proj") || strstr(pair->path, "time_emb_proj") ||
           (strstr(pair->path, ".mlp.fc") && pairs->text_long && generation < FROM_41);
}

/* Where diffusers before 0.34 comes across a layer of the text encoder: attention first. */
static int text_place(const char *path)
{
    static const char *const modules[] = {"self_attn.out_proj", "self_attn.q_proj", "self_attn.k_proj",
                                          "self_attn.v_proj", "mlp.fc1", "mlp.fc2"};
    const char *layer = strstr(path, ".layers.");
    int number = 0, module = 0;
    if (layer)
        sscanf(layer, ".layers.%d", &number);
    while (module < 5 && !strstr(path, modules[module]))
        module++;
    return (module < 4 ? 0 : 1 << 20) + 8 * number + module;
}

/* The rank that diffusers before 0.40 takes for all layers of a component. */
static int first_rank(const slr_pairs *pairs, const char *component, int generation)
{
    const slr_pair *first = NULL;
    bool walks = generation < FROM_34 && strcmp(component, "text_encoder") == 0;
    for (size_t i = 0; i < pairs->count; i++) {
        const slr_pair *pair = &pairs->items[i];
        if (belongs(pair, component) && (!first || (walks && text_place(pair->path) < text_place(first->path))))
            first = pair;
    }
    return first ? first->stored_rank : 0;
}

static double common_alpha(const slr_pairs *pairs, const char *component)
{
    double best = 0;
    int votes = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        int same = 0;
        for (size_t j = 0; j < pairs->count; j++)
            same += belongs(&pairs->items[j], component) && pairs->items[j].alpha == pairs->items[i].alpha;
        if (belongs(&pairs->items[i], component) && same > votes) {
            votes = same;
            best = pairs->items[i].alpha;
        }
    }
    return best;
}

/* Scales as diffusers of a generation takes them from the file. */
static wrong scales_in_diffusers(const slr_pairs *pairs, int generation)
{
    static const char *const components[] = {"unet", "text_encoder"};
    wrong w = {0, 1};
    for (int c = 0; c < 2; c++) {
        double alpha = common_alpha(pairs, components[c]);
        int first = first_rank(pairs, components[c], generation);
        for (size_t i = 0; i < pairs->count; i++) {
            const slr_pair *pair = &pairs->items[i];
            if (!belongs(pair, components[c]))
                continue;
            if (!isnan(pair->alpha))
                count_wrong(&w, keeps_alpha(pairs, pair, generation) ? 1 : alpha / pair->alpha);
            else if (pairs->header && generation >= FROM_34)
                continue;
            else if (generation < AT_40) /* one rank for all, and no scale */
                count_wrong(&w, (double)first / pair->stored_rank / (pairs->header ? pair->applied : 1));
        }
    }
    return w;
}

static bool has_text(const slr_pairs *pairs)
{
    return pairs->text_long || pairs->text_short;
}

static int rare_layers(const slr_pairs *pairs)
{
    int count = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        const char *path = pairs->items[i].path;
        count += strcmp(path, "unet.conv_in") == 0 || strcmp(path, "unet.conv_out") == 0 ||
                 strncmp(path, "unet.time_embedding.", 20) == 0;
    }
    return count;
}

static void judge_diffusers(const slr_pairs *pairs, int generation, slr_tool_verdict *verdict)
{
    static const char *const names[] = {"diffusers before 0.34", "diffusers 0.34 to 0.39", "diffusers 0.40",
                                        "diffusers 0.41 and later"};
    verdict->tool = names[generation];
    bool kohya = is_kind(pairs, "kohya");
    if (!kohya && !is_kind(pairs, "diffusers")) {
        say(verdict, "diffusers", "not read");
        return;
    }
    if (pairs->bare) {
        say(verdict, "diffusers", "not read by load_lora_weights: no \"unet.\" before the names");
        return;
    }
    wrong w = scales_in_diffusers(pairs, generation);
    if (w.layers)
        say(verdict, "diffusers", "%d of %zu layers at a wrong scale, up to %.3g times", w.layers, pairs->count,
            w.worst);
    if (has_text(pairs) && generation < FROM_41 && !(pairs->header && generation >= FROM_34 && !pairs->header_level) &&
        !(pairs->text_long && pairs->text_short))
        say(verdict, generation < FROM_34 ? "kohya --te-keys both" : "diffusers", "fails with transformers %s", pairs->text_long ? "5.6 and later" : "before 5.6");
    if (has_text(pairs) && generation == FROM_41 && pairs->header_level)
        say(verdict, "diffusers", "fails with transformers 5.6 and later");
    if (kohya && generation < FROM_34 && rare_layers(pairs))
        say(verdict, "diffusers", "%d layers are missed", rare_layers(pairs));
}

static void judge_peft(const slr_pairs *pairs, slr_tool_verdict *verdict)
{
    verdict->tool = "PEFT";
    if (!is_kind(pairs, "peft"))
        say(verdict, "peft", "not read");
    else if (has_text(pairs) && !(pairs->text_long && pairs->text_short))
        say(verdict, "peft", "the text encoder is left out with transformers %s",
            pairs->text_long ? "5.6 and later" : "before 5.6");
}

static void judge_scripts(const slr_pairs *pairs, slr_tool_verdict *verdict)
{
    verdict->tool = "sd-scripts";
    if (!is_kind(pairs, "kohya"))
        say(verdict, "kohya", "not read");
    else if (rare_layers(pairs))
        say(verdict, NULL, "%d layers are left out (conv_in, conv_out, time_embedding)", rare_layers(pairs));
    if (is_kind(pairs, "kohya") && has_text(pairs) && !pairs->text_long)
        say(verdict, "kohya", "the text encoder is not found");
}

static void judge_interfaces(const slr_pairs *pairs, slr_tool_verdict *verdict)
{
    verdict->tool = "ComfyUI, A1111";
    if (!is_kind(pairs, "kohya"))
        say(verdict, "kohya", is_kind(pairs, "diffusers") ? "attention is not found" : "not read");
    else if (has_text(pairs) && !pairs->text_long)
        say(verdict, "kohya", "the text encoder is not found");
}

static void judge_cpp(const slr_pairs *pairs, slr_tool_verdict *verdict)
{
    wrong rank_one = {0, 1}, scale = {0, 1};
    verdict->tool = "stable-diffusion.cpp";
    if (!is_kind(pairs, "kohya") && !is_kind(pairs, "diffusers")) {
        say(verdict, "kohya", "not read");
        return;
    }
    for (size_t i = 0; i < pairs->count; i++) {
        const slr_pair *pair = &pairs->items[i];
        if (!isnan(pair->alpha) && pair->stored_rank == 1) /* takes the width for the rank */
            count_wrong(&rank_one, 1 / (double)pair->in);
        if (isnan(pair->alpha))
            count_wrong(&scale, 1 / pair->applied);
    }
    if (rank_one.layers)
        say(verdict, "kohya", "%d layers of rank 1 at a wrong scale", rank_one.layers);
    if (scale.layers)
        say(verdict, "kohya", "%d layers at a wrong scale, up to %.3g times", scale.layers, scale.worst);
    if (is_kind(pairs, "kohya") && rare_layers(pairs))
        say(verdict, NULL, "%d layers are left out (conv_in, conv_out, time_embedding)", rare_layers(pairs));
}

void slr_adapter_tools(const slr_pairs *pairs, slr_tool_verdict verdicts[SLR_TOOLS])
{
    memset(verdicts, 0, SLR_TOOLS * sizeof *verdicts);
    for (int g = 0; g < GENERATIONS; g++)
        judge_diffusers(pairs, g, &verdicts[g]);
    judge_peft(pairs, &verdicts[GENERATIONS]);
    judge_scripts(pairs, &verdicts[GENERATIONS + 1]);
    judge_interfaces(pairs, &verdicts[GENERATIONS + 2]);
    judge_cpp(pairs, &verdicts[GENERATIONS + 3]);
    for (int i = 0; i < SLR_TOOLS; i++)
        if (!verdicts[i].result[0])
            snprintf(verdicts[i].result, sizeof verdicts[i].result, "ok");
}
