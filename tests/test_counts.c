/* SPDX-License-Identifier: MIT
 * T1: sizes of the Stable Diffusion 1.5 configuration and of the adapters on it, from the configuration alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "adapters/targets.h"
#include "models/model.h"

static const char *const text_encoder[] = {"text_encoder"}, *const unet[] = {"unet"},
                         *const both[] = {"text_encoder", "unet"};

static slr_model sd15(void)
{
    slr_model model = {0};
    slr_unet_config_sd15(&model.unet);
    slr_vae_config_sd15(&model.vae);
    slr_clip_text_config_sd15(&model.text);
    return model;
}

static void test_T1_parameter_counts(void **state)
{
    (void)state;
    slr_model model = sd15();
    assert_int_equal(slr_model_parameters(&model, "unet"), 859520964);
    assert_int_equal(slr_model_parameters(&model, "text_encoder"), 123060480);
    assert_int_equal(slr_model_parameters(&model, "vae"), 83653863);
}

static void test_tensor_counts(void **state)
{
    (void)state;
    slr_model model = sd15();
    slr_graph *graph = slr_model_record(&model, true);
    int in_unet = 0, in_text = 0, in_vae = 0;
    for (int i = 0; i < slr_graph_weight_count(graph); i++) {
        const char *name = slr_graph_weight(graph, i)->name;
        in_unet += strncmp(name, "unet.", 5) == 0;
        in_text += strncmp(name, "text_encoder.", 13) == 0;
        in_vae += strncmp(name, "vae.", 4) == 0;
    }
    slr_graph_free(graph);
    assert_int_equal(in_unet, 686);
    assert_int_equal(in_text, 196);
    assert_int_equal(in_vae, 248);
}

/* Layers and acting parameters that `targets` gives on these components, at a uniform rank. */
static void check_targets(const slr_graph *graph, const char *text, const char *const *components,
                          int count, int rank, int layers, int64_t parameters)
{
    slr_targets *targets;
    slr_adapter_set *set;
    assert_int_equal(slr_targets_new(text, &targets, NULL), SELORA_OK);
    assert_int_equal(slr_adapter_set_new(&(slr_adapter_options){.scale = 8, .rank = rank, .probes = 1}, &set, NULL),
                     SELORA_OK);
    assert_int_equal(slr_targets_add(targets, graph, components, count, set, NULL), SELORA_OK);
    assert_int_equal(slr_adapter_set_count(set), layers);
    assert_int_equal(slr_adapter_set_parameters(set), parameters);
    slr_targets_free(targets);
    slr_adapter_set_free(set);
}

static void test_T1_adapter_counts(void **state)
{
    (void)state;
    slr_model model = sd15();
    slr_graph *graph = slr_model_record(&model, true);
    check_targets(graph, "selora", text_encoder, 1, 1, 72, 165888);
    check_targets(graph, "selora", unet, 1, 1, 134, 310016);
    check_targets(graph, "selora", both, 2, 1, 206, 475904);
    check_targets(graph, "selora", both, 2, 4, 206, 4 * 475904);
    check_targets(graph, "all-linear", unet, 1, 1, 184, 426496);
    check_targets(graph, "all-linear", text_encoder, 1, 1, 72, 165888);
    check_targets(graph, "attention", unet, 1, 1, 128, 99840 + 49536 + 2 * 24960);
    check_targets(graph, "attention", text_encoder, 1, 1, 48, 73728);
    check_targets(graph, "\\.attn2\\.to_[kv]$", both, 2, 1, 32, 49536);
    check_targets(graph, "time_emb_proj", unet, 1, 1, 22, 48320);
    slr_graph_free(graph);
}

/* The published rule looks at the last dotted component, nothing else. */
static void test_published_rule(void **state)
{
    (void)state;
    slr_targets *targets;
    assert_int_equal(slr_targets_new("selora", &targets, NULL), SELORA_OK);
    assert_true(slr_targets_match(targets, "unet.x.attn1.to_q"));
    assert_true(slr_targets_match(targets, "unet.x.ff.net.0.proj"));
    assert_true(slr_targets_match(targets, "unet.x.proj_in")); /* linear in some models */
    assert_false(slr_targets_match(targets, "unet.x.attn1.to_out.0"));
    assert_false(slr_targets_match(targets, "unet.x.ff.net.2"));
    assert_false(slr_targets_match(targets, "unet.time_embedding.linear_1"));
    assert_false(slr_targets_match(targets, "unet.x.not_to_q"));
    assert_false(slr_targets_match(targets, "to_q.0"));
    slr_targets_free(targets);
}

static void test_bad_targets(void **state)
{
    (void)state;
    slr_targets *targets;
    slr_adapter_set *set;
    slr_error err = {0};
    assert_int_equal(slr_targets_new("to_q(", &targets, &err), SELORA_USAGE);
    assert_non_null(strstr(err.message, "to_q("));
    assert_null(targets);
    assert_int_equal(slr_targets_new("", &targets, &err), SELORA_USAGE);

    slr_model model = sd15();
    slr_graph *graph = slr_model_record(&model, false);
    assert_int_equal(slr_targets_new("no_such_layer", &targets, NULL), SELORA_OK);
    assert_int_equal(slr_adapter_set_new(&(slr_adapter_options){.scale = 8, .rank = 1}, &set, NULL), SELORA_OK);
    assert_int_equal(slr_targets_add(targets, graph, both, 2, set, &err), SELORA_USAGE);
    assert_non_null(strstr(err.message, "no_such_layer"));
    slr_targets_free(targets);
    slr_adapter_set_free(set);
    slr_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_T1_parameter_counts),
        cmocka_unit_test(test_tensor_counts),
        cmocka_unit_test(test_T1_adapter_counts),
        cmocka_unit_test(test_published_rule),
        cmocka_unit_test(test_bad_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
