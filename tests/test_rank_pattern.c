/* SPDX-License-Identifier: MIT
 * Rank patterns: from a run and from JSON, onto a model, and the two controls of equal size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "adapters/adapter_file.h"
#include "adapters/rank_pattern.h"
#include "support/scratch.h"
#include "support/tiny_folder.h"

static const char *const components[] = {"text_encoder", "unet"};

/* Every linear layer with a rank of its own, saved as the last adapter of a run. */
static slr_adapter_set *write_run(const slr_graph *graph)
{
    slr_adapter_set *set;
    assert_int_equal(slr_adapter_set_new(&(slr_adapter_options){.scale = 8, .seed = 3}, &set, NULL), SELORA_OK);
    for (int i = 0; i < slr_graph_op_count(graph); i++) {
        const slr_op *op = slr_graph_op(graph, i);
        if (op->kind == SLR_OP_LINEAR)
            assert_int_equal(slr_adapter_set_add_ranked(set, op->path,
                                                        slr_tensor_columns(slr_graph_tensor(graph, op->in[0])),
                                                        slr_tensor_columns(slr_graph_tensor(graph, op->out)), 1 + i % 5,
                                                        NULL), SELORA_OK);
    }
    assert_int_equal(slr_adapter_set_finish(set, NULL), SELORA_OK);
    assert_int_equal(mkdir(scratch_path("run"), 0755), 0);
    assert_int_equal(slr_adapter_file_save(set, &(slr_adapter_note){.method = "selora"},
                                           scratch_path("run/last.safetensors"), NULL), SELORA_OK);
    return set;
}

static slr_adapter_set *laid_on(const slr_rank_pattern *pattern, const slr_graph *graph)
{
    slr_adapter_set *set;
    assert_int_equal(slr_adapter_set_new(&(slr_adapter_options){.scale = 8, .seed = 3, .rank = 1}, &set, NULL), SELORA_OK);
    assert_int_equal(slr_rank_pattern_add(pattern, graph, components, 2, set, NULL), SELORA_OK);
    assert_int_equal(slr_adapter_set_finish(set, NULL), SELORA_OK);
    return set;
}

/* A is drawn by path and row alone, so a layer that starts with its last rank begins with the same rows. */
static void test_a_run_and_its_json_give_the_same_layers(void **state)
{
    (void)state;
    slr_model *model = tiny_model(1);
    slr_graph *graph = slr_model_record(model, false);
    slr_adapter_set *set = write_run(graph);
    slr_rank_pattern pattern, again;
    char hash[SLR_SHA256_HEX], other[SLR_SHA256_HEX];
    assert_int_equal(slr_rank_pattern_read(scratch_path("run"), &pattern, NULL), SELORA_OK);
    assert_int_equal(slr_rank_pattern_parameters(&pattern), slr_adapter_set_parameters(set));
    assert_int_equal(slr_rank_pattern_write(&pattern, scratch_path("ranks.json"), NULL), SELORA_OK);
    assert_int_equal(slr_rank_pattern_read(scratch_path("ranks.json"), &again, NULL), SELORA_OK);
    assert_int_equal(slr_rank_pattern_hash(&pattern, hash, NULL), SELORA_OK);
    assert_int_equal(slr_rank_pattern_hash(&again, other, NULL), SELORA_OK);
    assert_string_equal(hash, other);
    again.layers[0].rank++;
    assert_int_equal(slr_rank_pattern_hash(&again, other, NULL), SELORA_OK);
    assert_string_not_equal(hash, other);
    again.layers[0].rank--;
    slr_adapter_set *laid = laid_on(&again, graph);
    assert_int_equal(slr_adapter_set_count(laid), slr_adapter_set_count(set));
    for (int i = 0; i < slr_adapter_set_count(set); i++) {
        const slr_adapter *a = slr_adapter_set_at(set, i);
        const slr_adapter *b = (const slr_adapter *)slr_adapter_set_find(laid, a->path);
        assert_non_null(b);
        assert_int_equal(a->slot.rank, b->slot.rank);
        assert_memory_equal(a->a, b->a, (size_t)(a->slot.rank * a->slot.in) * sizeof *a->a);
        assert_true(a->a[0] != 0);
    }
    slr_adapter_set_free(laid);
    slr_adapter_set_free(set);
    slr_rank_pattern_free(&pattern);
    slr_rank_pattern_free(&again);
    slr_graph_free(graph);
    slr_model_free(model);
}

static int64_t smallest_cost(const slr_rank_pattern *pattern)
{
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < pattern->count; i++)
        if (pattern->layers[i].in + pattern->layers[i].out < least)
            least = pattern->layers[i].in + pattern->layers[i].out;
    return least;
}

static int64_t distance(const slr_rank_pattern *a, const slr_rank_pattern *b)
{
    int64_t difference = slr_rank_pattern_parameters(a) - slr_rank_pattern_parameters(b);
    return difference < 0 ? -difference : difference;
}

static void test_controls_have_as_many_parameters(void **state)
{
    (void)state;
    slr_model *model = tiny_model(1);
    slr_graph *graph = slr_model_record(model, false);
    slr_adapter_set_free(write_run(graph));
    slr_rank_pattern found, random, same, other, uniform;
    assert_int_equal(slr_rank_pattern_read(scratch_path("run"), &found, NULL), SELORA_OK);
    assert_int_equal(slr_rank_pattern_random(&found, 1, 7, &random, NULL), SELORA_OK);
    assert_int_equal(slr_rank_pattern_random(&found, 1, 7, &same, NULL), SELORA_OK);
    assert_int_equal(slr_rank_pattern_random(&found, 1, 8, &other, NULL), SELORA_OK);
    assert_int_equal(slr_rank_pattern_uniform(&found, &uniform, NULL), SELORA_OK);
    assert_true(distance(&found, &random) <= smallest_cost(&found) / 2);
    assert_true(distance(&found, &uniform) <= 5 * smallest_cost(&found));
    size_t moved = 0, reseeded = 0;
    int low = 1 << 20, high = 0;
    for (size_t i = 0; i < found.count; i++) {
        assert_true(random.layers[i].rank >= 1);
        assert_int_equal(random.layers[i].rank, same.layers[i].rank);
        moved += random.layers[i].rank != found.layers[i].rank;
        reseeded += random.layers[i].rank != other.layers[i].rank;
        low = uniform.layers[i].rank < low ? uniform.layers[i].rank : low;
        high = uniform.layers[i].rank > high ? uniform.layers[i].rank : high;
    }
    assert_true(moved > found.count / 4 && reseeded > found.count / 4);
    assert_true(high - low <= 1);
    slr_rank_pattern_free(&found);
    slr_rank_pattern_free(&random);
    slr_rank_pattern_free(&same);
    slr_rank_pattern_free(&other);
    slr_rank_pattern_free(&uniform);
    slr_graph_free(graph);
    slr_model_free(model);
}

static void refuse(const char *name, const slr_graph *graph, const char *says)
{
    slr_rank_pattern pattern;
    slr_adapter_set *set;
    slr_error err = {0};
    assert_int_equal(slr_adapter_set_new(&(slr_adapter_options){.scale = 8, .rank = 1}, &set, NULL), SELORA_OK);
    selora_status status = slr_rank_pattern_read(scratch_path(name), &pattern, &err);
    if (status == SELORA_OK)
        status = slr_rank_pattern_add(&pattern, graph, components + 1, 1, set, &err);
    assert_int_equal(status, SELORA_BAD_INPUT);
    if (!strstr(err.message, says))
        fail_msg("'%s' is not in: %s", says, err.message);
    slr_rank_pattern_free(&pattern);
    slr_adapter_set_free(set);
}

static void test_what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    slr_model *model = tiny_model(1);
    slr_graph *graph = slr_model_record(model, false);
    const struct {
        const char *text, *says;
    } table[] = {
        {"{}", "expected an object"},
        {"[1]", "expected an object"},
        {"{\"unet.time_embedding.linear_1\": 1.5}", "expected a rank from 0"},
        {"{\"unet.time_embedding.linear_1\": -1}", "expected a rank from 0"},
        {"{\"unet.time_embedding.linear_1\": 100000}", "expected a rank from 0"},
        {"{\"unet.conv_in\": 1}", "unet.conv_in: no linear layer"},
        {"{\"text_encoder.text_model.encoder.layers.0.mlp.fc1\": 1}", "--train leaves it out"},
        {"{\"unet.time_embedding.linear_1\": 0}", "every rank is 0"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        scratch_write("bad.json", table[i].text, strlen(table[i].text));
        refuse("bad.json", graph, table[i].says);
    }
    refuse("nowhere", graph, "cannot find");
    slr_rank_pattern pattern, result;
    static const char plain[] = "{\"unet.time_embedding.linear_1\": 2}";
    scratch_write("plain.json", plain, sizeof plain - 1);
    assert_int_equal(slr_rank_pattern_read(scratch_path("plain.json"), &pattern, NULL), SELORA_OK);
    assert_int_equal(slr_rank_pattern_uniform(&pattern, &result, NULL), SELORA_USAGE); /* sizes of layers are not told */
    slr_rank_pattern_free(&pattern);
    slr_graph_free(graph);
    slr_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_run_and_its_json_give_the_same_layers, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_controls_have_as_many_parameters, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_what_makes_no_sense_is_refused, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
