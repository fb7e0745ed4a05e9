/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "models/model.h"

/* T1: sizes of the Stable Diffusion 1.5 configuration, from the configuration alone. */
static void test_T1_parameter_counts(void **state)
{
    (void)state;
    slr_model model = {0};
    slr_unet_config_sd15(&model.unet);
    slr_vae_config_sd15(&model.vae);
    slr_clip_text_config_sd15(&model.text);
    assert_int_equal(slr_model_parameters(&model, "unet"), 859520964);
    assert_int_equal(slr_model_parameters(&model, "text_encoder"), 123060480);
    assert_int_equal(slr_model_parameters(&model, "vae"), 83653863);
}

static void test_tensor_counts(void **state)
{
    (void)state;
    slr_model model = {0};
    slr_unet_config_sd15(&model.unet);
    slr_vae_config_sd15(&model.vae);
    slr_clip_text_config_sd15(&model.text);
    slr_graph *graph = slr_model_record(&model, true);
    int unet = 0, text = 0, vae = 0;
    for (int i = 0; i < slr_graph_weight_count(graph); i++) {
        const char *name = slr_graph_weight(graph, i)->name;
        unet += strncmp(name, "unet.", 5) == 0;
        text += strncmp(name, "text_encoder.", 13) == 0;
        vae += strncmp(name, "vae.", 4) == 0;
    }
    slr_graph_free(graph);
    assert_int_equal(unet, 686);
    assert_int_equal(text, 196);
    assert_int_equal(vae, 248);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_T1_parameter_counts),
        cmocka_unit_test(test_tensor_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
