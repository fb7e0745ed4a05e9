/* SPDX-License-Identifier: MIT
 * What other tools make of an adapter file, as `selora inspect` foretells it. tools/check_adapters.py holds the same
 * against the tools themselves. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/adapter_tools.h"
#include "support/pair_files.h"
#include "support/scratch.h"

/* alpha: 0 for none, else alpha / rank. */
static void write_kohya_of_others(const char *name, double alpha_over_rank, int smallest)
{
    static const char *const stems[] = {"lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q",
                                        "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_k",
                                        "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_v"};
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    float alphas[3];
    char key[128];
    for (int i = 0; i < 3; i++) {
        int rank = i < 2 ? smallest : 4;
        alphas[i] = (float)(alpha_over_rank * rank);
        snprintf(key, sizeof key, "%s.lora_down.weight", stems[i]);
        pair_files_add(writer, key, 2, (int64_t[]){rank, 8}, (uint32_t)i);
        snprintf(key, sizeof key, "%s.lora_up.weight", stems[i]);
        pair_files_add(writer, key, 2, (int64_t[]){8, rank}, (uint32_t)i);
        snprintf(key, sizeof key, "%s.alpha", stems[i]);
        if (alpha_over_rank != 0)
            slr_safetensors_writer_tensor(writer, key, SLR_DTYPE_F32, 0, NULL, &alphas[i], NULL);
    }
    pair_files_finish(writer, name);
}

static void judge(const char *name, const char *const expected[SLR_TOOLS])
{
    slr_tool_verdict verdicts[SLR_TOOLS];
    slr_pairs pairs = pair_files_load(name);
    slr_adapter_tools(&pairs, verdicts);
    for (int i = 0; i < SLR_TOOLS; i++) {
        if (strcmp(verdicts[i].result, expected[i]) != 0)
            fail_msg("%s, %s: '%s', expected '%s'", name, verdicts[i].tool, verdicts[i].result, expected[i]);
        assert_true(!verdicts[i].convert == (strcmp(expected[i], "ok") == 0));
    }
    slr_pairs_free(&pairs);
}

static void test_tools_apply_it_as_they_do(void **state)
{
    (void)state;
    slr_export_report report;
    slr_pairs pairs = pair_files_make(8, false);
    pair_files_write("kohya", &pairs, (slr_export_options){.text_both = true}, "kohya.safetensors", &report);
    judge("kohya.safetensors", (const char *const[]){"ok", "ok", "ok", "ok", "not read", "ok", "ok", "ok"});
    pair_files_write("peft", &pairs, (slr_export_options){0}, "peft", &report);
    judge("peft", (const char *const[]){"not read", "not read", "not read", "not read", "ok", "not read", "not read",
                                        "not read"});
    slr_pairs_keep(&pairs, "unet");
    pair_files_write("diffusers", &pairs, (slr_export_options){0}, "diffusers.safetensors", &report);
    judge("diffusers.safetensors", (const char *const[]){"ok", "ok", "ok", "ok", "not read", "not read",
                                                         "attention is not found", "ok"});
    slr_pairs_free(&pairs);
    /* ranks 2, 2, 4 with alpha = 8 r: the most common alpha, 16, is used where 32 belongs */
    write_kohya_of_others("alphas", 8, 2);
    const char *half = "1 of 3 layers at a wrong scale, up to 0.5 times";
    judge("alphas", (const char *const[]){half, half, half, half, "not read", "ok", "ok", "ok"});
    write_kohya_of_others("none", 0, 2);
    judge("none", (const char *const[]){half, half, "ok", "ok", "not read", "ok", "ok", "ok"});
    write_kohya_of_others("one", 8, 1);
    const char *quarter = "1 of 3 layers at a wrong scale, up to 0.25 times";
    judge("one", (const char *const[]){quarter, quarter, quarter, quarter, "not read", "ok", "ok",
                                       "2 layers of rank 1 at a wrong scale"});
}

/* diffusers before 0.34 meets the text encoder's attention first and takes its rank; later ones go by the names. */
static void test_first_layer_of_the_text_encoder(void **state)
{
    (void)state;
    static const struct {
        const char *module;
        int rank;
    } text[] = {{"mlp.fc1", 2}, {"self_attn.k_proj", 4}, {"self_attn.out_proj", 8}, {"self_attn.q_proj", 8}};
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    char key[256];
    for (uint32_t i = 0; i < 4; i++) {
        snprintf(key, sizeof key, "text_encoder.text_model.encoder.layers.0.%s.lora_A.weight", text[i].module);
        pair_files_add(writer, key, 2, (int64_t[]){text[i].rank, 8}, i);
        snprintf(key, sizeof key, "text_encoder.text_model.encoder.layers.0.%s.lora_B.weight", text[i].module);
        pair_files_add(writer, key, 2, (int64_t[]){8, text[i].rank}, i);
    }
    pair_files_finish(writer, "text");
    const char *newer = "fails with transformers 5.6 and later";
    judge("text", (const char *const[]){
                      "2 of 4 layers at a wrong scale, up to 4 times; fails with transformers 5.6 and later",
                      "3 of 4 layers at a wrong scale, up to 0.25 times; fails with transformers 5.6 and later", newer,
                      "ok", "not read", "not read", "attention is not found", "ok"});
}

/* What `unet.save_lora_adapter` and diffusers' converter to kohya names write. */
static void test_files_of_diffusers_other_writers(void **state)
{
    (void)state;
    static const char config[] = "{\"r\": 2, \"lora_alpha\": 6, \"alpha_pattern\": {\"to_k\": 8}, \"use_rslora\": false}";
    static const int64_t alpha = 6;
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    slr_safetensors_writer_metadata(writer, "lora_adapter_metadata", config, NULL);
    pair_files_add(writer, "mid_block." BLOCK "attn1.to_q.lora_A.weight", 2, (int64_t[]){2, 8}, 1);
    pair_files_add(writer, "mid_block." BLOCK "attn1.to_q.lora_B.weight", 2, (int64_t[]){8, 2}, 2);
    pair_files_add(writer, "mid_block." BLOCK "attn1.to_k.lora_A.weight", 2, (int64_t[]){2, 8}, 3);
    pair_files_add(writer, "mid_block." BLOCK "attn1.to_k.lora_B.weight", 2, (int64_t[]){8, 2}, 4);
    pair_files_finish(writer, "alone");
    slr_pairs pairs = pair_files_load("alone"); /* sorted: to_k, to_q */
    assert_true(pairs.count == 2 && pairs.items[0].scale == 4 && pairs.items[1].scale == 3);
    slr_pairs_free(&pairs);
    const char *bare = "not read by load_lora_weights: no \"unet.\" before the names";
    judge("alone", (const char *const[]){bare, bare, bare, bare, "not read", "not read", "attention is not found",
                                         "2 layers at a wrong scale, up to 0.25 times"});
    writer = slr_safetensors_writer_new();
    pair_files_add(writer, "lora_unet_mid_block_resnets_0_time_emb_proj.lora_down.weight", 2, (int64_t[]){2, 8}, 1);
    pair_files_add(writer, "lora_unet_mid_block_resnets_0_time_emb_proj.lora_up.weight", 2, (int64_t[]){8, 2}, 2);
    slr_safetensors_writer_tensor(writer, "lora_unet_mid_block_resnets_0_time_emb_proj.alpha", SLR_DTYPE_I64, 0, NULL,
                                  &alpha, NULL);
    pair_files_finish(writer, "whole");
    pairs = pair_files_load("whole");
    assert_true(pairs.count == 1 && pairs.items[0].scale == 3);
    slr_pairs_free(&pairs);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(test_tools_apply_it_as_they_do),
        IN_SCRATCH(test_first_layer_of_the_text_encoder),
        IN_SCRATCH(test_files_of_diffusers_other_writers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
