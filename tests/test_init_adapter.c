/* SPDX-License-Identifier: MIT
 * Training that goes on from an adapter: what is taken, what is told, what is refused with the way out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/base_model.h"
#include "api/init_adapter.h"
#include "support/scratch.h"
#include "support/tiny_folder.h"
#include "support/toy.h"

static const char *const components[] = {"text_encoder", "unet"};

typedef struct fixture {
    slr_model *model;
    slr_graph *graph;
    int warnings;
    char said[4096];
} fixture;

static void hear(void *user, selora_log_level level, const char *line)
{
    fixture *f = user;
    size_t length = strlen(f->said);
    f->warnings += level == SELORA_LOG_WARNING;
    snprintf(f->said + length, sizeof f->said - length, "%s\n", line);
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->model = tiny_model(1);
    f->graph = slr_model_record(f->model, false);
    *state = f;
    return scratch_setup(NULL);
}

static int teardown(void **state)
{
    fixture *f = *state;
    slr_graph_free(f->graph);
    slr_model_free(f->model);
    free(f);
    return scratch_teardown(NULL);
}

/* The first op of a kind whose path has `part`. */
static const slr_op *op_with(const fixture *f, slr_op_kind kind, int kernel, const char *part)
{
    for (int i = 0; i < slr_graph_op_count(f->graph); i++) {
        const slr_op *op = slr_graph_op(f->graph, i);
        if (op->kind == kind && strstr(op->path, part) && (kind == SLR_OP_LINEAR || op->u.conv.window.height == kernel))
            return op;
    }
    fail_msg("no layer with %s", part);
    return NULL;
}

static void add_pair(const fixture *f, slr_pairs *pairs, const slr_op *op, const char *path)
{
    slr_pair *pair;
    int kernel = op->kind == SLR_OP_CONV2D ? op->u.conv.window.height : 0;
    int64_t in = slr_tensor_columns(slr_graph_tensor(f->graph, op->in[0])) * (kernel ? kernel * kernel : 1);
    assert_int_equal(slr_pairs_add(pairs, path, in, slr_tensor_columns(slr_graph_tensor(f->graph, op->out)), 3, &pair, NULL),
                     SELORA_OK);
    pair->kernel = kernel;
    pair->scale = 2;
    toy_fill(pair->a, 3 * pair->in, 1, 0);
    toy_fill(pair->b, 3 * pair->out, 2, 0);
}

static void save(slr_pairs *pairs, const char *name)
{
    slr_export_report report;
    pairs->format = "test";
    slr_pairs_sort(pairs);
    assert_int_equal(slr_format_kohya.write(pairs, &(slr_export_options){0}, scratch_path(name), &report, NULL), SELORA_OK);
    slr_pairs_free(pairs);
}

static selora_status start(fixture *f, const char *name, bool strict, slr_adapter_set **set, slr_pairs *pairs, slr_error *err)
{
    const slr_hooks hooks = {.user = f, .log = hear};
    const slr_init_adapter from = {.path = scratch_path(name), .strict = strict, .hooks = &hooks};
    f->warnings = 0;
    f->said[0] = 0;
    *pairs = (slr_pairs){0};
    assert_int_equal(slr_adapter_set_new(&(slr_adapter_options){.scale = 8, .rank = 1}, set, NULL), SELORA_OK);
    return slr_init_adapter_add(&from, f->graph, components, 2, pairs, *set, err);
}

/* The usual files of other trainers hold proj_in and proj_out, which are 1x1 convolutions in 1.x models. */
static void test_linear_layers_and_small_convolutions_go_on(void **state)
{
    fixture *f = *state;
    slr_pairs pairs = {0};
    slr_adapter_set *set;
    const slr_op *linear = op_with(f, SLR_OP_LINEAR, 0, "attn1.to_q"), *small = op_with(f, SLR_OP_CONV2D, 1, "proj_in");
    add_pair(f, &pairs, linear, linear->path);
    add_pair(f, &pairs, small, small->path);
    save(&pairs, "a.safetensors");
    assert_int_equal(start(f, "a.safetensors", true, &set, &pairs, NULL), SELORA_OK);
    assert_int_equal(f->warnings, 0);
    assert_int_equal(slr_adapter_set_finish(set, NULL), SELORA_OK);
    slr_init_adapter_fill(&pairs, set);
    const slr_adapter *conv = (const slr_adapter *)slr_adapter_set_find(set, small->path);
    assert_int_equal(conv->kernel, 1);
    assert_int_equal(conv->slot.rank, 3);
    const slr_pair *pair = slr_pairs_find(&pairs, small->path);
    assert_float_equal(conv->own_scale * (double)conv->bt[0], pair->scale * (double)pair->b[0], 1e-6);
    slr_pairs_free(&pairs);
    slr_adapter_set_free(set);
}

static void test_larger_convolutions_are_refused_with_the_way_out(void **state)
{
    fixture *f = *state;
    slr_pairs pairs = {0};
    slr_adapter_set *set;
    slr_error err = {0};
    const slr_op *linear = op_with(f, SLR_OP_LINEAR, 0, "attn1.to_q"), *large = op_with(f, SLR_OP_CONV2D, 3, "resnets.0.conv1");
    add_pair(f, &pairs, linear, linear->path);
    add_pair(f, &pairs, large, large->path);
    save(&pairs, "a.safetensors");
    assert_int_equal(start(f, "a.safetensors", false, &set, &pairs, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, large->path));
    assert_non_null(strstr(err.message, "selora merge"));
    slr_pairs_free(&pairs);
    slr_adapter_set_free(set);
}

static void test_layers_that_the_model_has_not_are_told(void **state)
{
    fixture *f = *state;
    slr_pairs pairs = {0};
    slr_adapter_set *set;
    slr_error err = {0};
    const char *none = "unet.down_blocks.3.attentions.0.transformer_blocks.0.attn1.to_q";
    const slr_op *linear = op_with(f, SLR_OP_LINEAR, 0, "attn1.to_q");
    add_pair(f, &pairs, linear, linear->path);
    add_pair(f, &pairs, linear, none);
    save(&pairs, "a.safetensors");
    assert_int_equal(start(f, "a.safetensors", false, &set, &pairs, NULL), SELORA_OK);
    assert_true(f->warnings > 0);
    assert_non_null(strstr(f->said, none));
    assert_int_equal(slr_adapter_set_count(set), 1);
    assert_int_equal(slr_adapter_set_finish(set, NULL), SELORA_OK);
    slr_init_adapter_fill(&pairs, set);
    slr_pairs_free(&pairs);
    slr_adapter_set_free(set);
    assert_int_equal(start(f, "a.safetensors", true, &set, &pairs, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, none));
    slr_pairs_free(&pairs);
    slr_adapter_set_free(set);
}

static void test_layers_of_other_base_models_are_known(void **state)
{
    (void)state;
    const struct {
        const char *path;
        int64_t in, out;
        const char *base;
    } table[] = {
        {"unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k", 768, 640, NULL},
        {"unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k", 1024, 640, "Stable Diffusion 2"},
        {"unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_v", 2048, 1280, "SDXL"},
        {"unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_v", 1024, 96, NULL}, /* a small model of its own */
        {"text_encoder.text_model.encoder.layers.11.mlp.fc1", 768, 3072, NULL},
        {"text_encoder.text_model.encoder.layers.12.mlp.fc1", 768, 3072, "Stable Diffusion 2"},
        {"text_encoder.text_model.encoder.layers.3.self_attn.q_proj", 1024, 1024, "Stable Diffusion 2"},
        {"text_encoder.text_model.encoder.layers.3.self_attn.q_proj", 1280, 1280, "SDXL"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s", table[i].path);
        const slr_pair pair = {.path = path, .in = table[i].in, .out = table[i].out};
        const char *base = slr_pair_foreign_base(&pair);
        if (!base != !table[i].base || (base && strcmp(base, table[i].base) != 0))
            fail_msg("%s %lld: %s", path, (long long)table[i].in, base ? base : "nothing");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers_of_other_base_models_are_known),
        cmocka_unit_test_setup_teardown(test_linear_layers_and_small_convolutions_go_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_larger_convolutions_are_refused_with_the_way_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_layers_that_the_model_has_not_are_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
