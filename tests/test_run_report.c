/* SPDX-License-Identifier: MIT
 * Reports of runs: where layers stand in the rank map, figures that follow from the tables, runs of a hundred thousand steps. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "report/rank_map.h"
#include "report/run_report.h"
#include "support/scratch.h"

static void assert_place(const slr_rank_map *map, size_t layer, const char *row, const char *column)
{
    size_t cell = map->cells[layer];
    assert_true(cell < map->rows * map->columns);
    assert_string_equal(map->row_labels[cell / map->columns], row);
    assert_string_equal(map->column_labels[cell % map->columns], column);
}

static void layers_stand_in_order(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "text_encoder.text_model.encoder.layers.11.mlp.fc1",
        "unet.up_blocks.1.attentions.2.transformer_blocks.0.attn2.to_out.0",
        "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q",
        "unet.down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_q",
        "unet.down_blocks.0.resnets.0.time_emb_proj",
        "unet.down_blocks.2.downsamplers.0.conv",
        "unet.down_blocks.1.attentions.0.transformer_blocks.1.attn1.to_q",
        "unet.conv_in",
        "unet.down_blocks.", /* made up */
        "text_encoder.text_model.encoder.layers.2.self_attn.q_proj",
    };
    enum { LAYERS = sizeof paths / sizeof *paths };
    slr_run_layer layers[LAYERS];
    slr_rank_map map;
    slr_error err = {0};
    for (int i = 0; i < LAYERS; i++)
        layers[i] = (slr_run_layer){.path = strdup(paths[i])};
    assert_int_equal(slr_rank_map_new(layers, LAYERS, "unet.", &map, &err), SELORA_OK);
    assert_true(map.cells[0] == SIZE_MAX && map.cells[9] == SIZE_MAX);
    assert_place(&map, 1, "attn2.to_out.0", "up 1.2");
    assert_place(&map, 2, "attn1.to_q", "mid 0");
    assert_place(&map, 3, "attn1.to_q", "down 0.1");
    assert_place(&map, 4, "time_emb_proj", "down 0.0");
    assert_place(&map, 5, "sampler.conv", "down 2.0");
    assert_place(&map, 6, "transformer_blocks.1.attn1.to_q", "down 1.0");
    assert_place(&map, 7, "conv_in", "other");
    assert_place(&map, 8, "down_blocks.", "other");
    static const char *const columns[] = {"down 0.0", "down 0.1", "down 1.0", "down 2.0", "mid 0", "up 1.2", "other"};
    assert_int_equal(map.columns, 7);
    for (int i = 0; i < 7; i++)
        assert_string_equal(map.column_labels[i], columns[i]);
    assert_string_equal(map.row_labels[0], "attn1.to_q");
    slr_rank_map_free(&map);
    assert_int_equal(slr_rank_map_new(layers, LAYERS, "text_encoder.", &map, &err), SELORA_OK);
    assert_place(&map, 0, "mlp.fc1", "11");
    assert_place(&map, 9, "self_attn.q_proj", "2");
    assert_string_equal(map.column_labels[0], "2");
    slr_rank_map_free(&map);
    assert_int_equal(slr_rank_map_new(layers, 0, "unet.", &map, &err), SELORA_OK);
    assert_int_equal(map.rows, 0);
    slr_rank_map_free(&map);
    for (int i = 0; i < LAYERS; i++)
        free(layers[i].path);
}

static void quantiles_lie_between_values(void **state)
{
    (void)state;
    const double values[] = {4, NAN, 1, 3, 2};
    assert_true(slr_run_quantile(values, 5, 0) == 1 && slr_run_quantile(values, 5, 1) == 4);
    assert_true(slr_run_quantile(values, 5, 0.5) == 2.5);
    assert_true(isnan(slr_run_quantile(values, 0, 0.5)) && isnan(slr_run_quantile(values + 1, 1, 0.5)));
}

/* ---- pages ---- */

static void start_run(int64_t steps)
{
    char text[600];
    snprintf(text, sizeof text, "{\"format\": \"selora-run/1\", \"selora\": \"0.1.0\", \"model_sha256\": \"ab\", \"data\": {\"sha256\": "
             "\"cd\", \"train\": 9, \"validation\": 2, \"test\": 1}, \"adapter\": {\"parameters_at_start\": 10}, \"steps\": %lld, "
             "\"options\": {\"method\": \"selora\", \"data\": \"/secret/place\", \"lambda\": 1.3, \"probe-every\": 20, \"seed\": 7}}",
             (long long)steps);
    mkdir(scratch_path("run"), 0755);
    scratch_write("run/run.json", text, strlen(text));
}

static char *report(size_t *size)
{
    size_t count;
    slr_error err = {0};
    slr_report_settings settings = {.list = selora_train_option_list(&count)};
    settings.list_count = count;
    const char *folder = scratch_path("run");
    if (slr_run_report_write(&folder, 1, &settings, scratch_path("page.html"), &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return scratch_read("page.html", size);
}

static void assert_has(const char *page, const char *text)
{
    if (!strstr(page, text))
        fail_msg("the page lacks '%s'", text);
}

static void figures_follow_from_the_tables(void **state)
{
    (void)state;
    static const char log[] =
        "{\"step\": 1, \"loss\": 1, \"lr\": 1, \"gradient_norm\": 1, \"rank\": 2, \"parameters\": 10, \"seconds\": 1, \"probe_seconds\": 0}\n"
        "{\"step\": 2, \"loss\": 1, \"lr\": 1, \"gradient_norm\": 1, \"rank\": 3, \"parameters\": 25000, \"seconds\": 3, \"probe_seconds\": 0.12}\n"
        "{\"step\": 2, \"validation_loss\": 0.25, \"best\": true}\n"
        "{\"step\": 3, \"loss\": 1, \"lr\": 1, \"gradient_norm\": 1, \"rank\": 3, \"parameters\": 25000, \"seconds\": 2, \"probe_seconds\": 0}\n"
        "{\"step\": 3, \"validation_loss\": 0.75, \"best\": false}\n";
    static const char ranks[] = "step,layer,ratio,standard_error,rank_before,rank_after,note\n2,unet.conv_in,1.5,0,1,2,\n"
                                "2,unet.conv_out,1.1,0,1,1,\n";
    size_t size;
    start_run(4);
    scratch_write("run/log.jsonl", log, sizeof log - 1);
    scratch_write("run/ranks.csv", ranks, sizeof ranks - 1);
    char *page = report(&size);
    assert_has(page, "a step: median 2.00 s, 95 % within 2.90 s; all 3 steps 6.00 s");
    assert_has(page, "own timer, scores and growing: 2.00 % of all steps, more than the promised 1 %; a step with candidate rows takes "
               "3.00 s, one without 1.50 s");
    assert_has(page, "diverged: the last validation loss is 3.00 times its least");
    assert_has(page, "run diverged: its last validation loss");
    assert_has(page, "is not finished: 3 of 4 steps");
    assert_has(page, "2 layers end at ranks 1 to 2 after 1 expansions");
    assert_has(page, "seed 7, selora 0.1.0, base model sha256 ab, data sha256 cd");
    assert_null(strstr(page, "secret"));
    free(page);
}

static void long_runs_make_small_pages(void **state)
{
    (void)state;
    enum { STEPS = 100000, EVERY = 200, LAYERS = 250 };
    size_t size;
    start_run(STEPS);
    FILE *log = fopen(scratch_path("run/log.jsonl"), "w"), *ranks = fopen(scratch_path("run/ranks.csv"), "w");
    fprintf(ranks, "step,layer,ratio,standard_error,rank_before,rank_after,note\n");
    for (int step = 1; step <= STEPS; step++) {
        fprintf(log, "{\"step\": %d, \"epoch\": 0, \"loss\": %.9g, \"lr\": 0.001, \"lr_text\": 0.001, \"gradient_norm\": %.9g, \"rank\": %d, "
                "\"parameters\": %d, \"seconds\": %.6g, \"probe_seconds\": 1e-6, \"samples_per_s\": 9}\n", step, 0.2 + 0.1 * sin(step * 1.7),
                0.1 + 0.05 * cos(step * 2.3), 78 + step / 100, 27840 + step, 0.5 + 0.001 * (step % 17));
        if (step % 1000 == 0)
            fprintf(log, "{\"step\": %d, \"validation_loss\": %.17g, \"best\": true}\n", step, 0.2 + 1.0 / step);
        for (int layer = 0; step % EVERY == 0 && layer < LAYERS; layer++)
            fprintf(ranks, "%d,unet.up_blocks.%d.attentions.%d.transformer_blocks.0.attn1.to_%d,%.9g,0,%d,%d,\n", step, layer / 25,
                    layer / 5 % 5, layer % 5, 1.2 + 0.3 * sin(step + layer), 1 + step / 20000, 1 + (step + layer) / 20000);
    }
    fclose(log);
    fclose(ranks);
    char *page = report(&size);
    print_message("%zu bytes\n", size);
    assert_in_range(size, 100000, 2500000);
    assert_has(page, "all 100000 steps");
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_stand_in_order),
        cmocka_unit_test(quantiles_lie_between_values),
        cmocka_unit_test_setup_teardown(figures_follow_from_the_tables, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(long_runs_make_small_pages, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
