/* SPDX-License-Identifier: MIT
 * Any bytes as an adapter file for a model of three layers: refused with a message, or finite and
 * in shape. */
#include <stdint.h>
#include <stdlib.h>

#include "adapters/adapter_file.h"
#include "adapters/adapter_tools.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static slr_graph *record_model(void)
{
    slr_graph *graph = slr_graph_new();
    slr_tid x = slr_graph_input(graph, "x", 2, (int64_t[]){1, 3});
    x = slr_graph_linear(graph, x, "unet.attn1.to_q", 2, true);
    x = slr_graph_linear(graph, x, "unet.attn1.to_out.0", 2, true);
    slr_graph_linear(graph, x, "text_encoder.text_model.encoder.layers.0.mlp.fc1", 3, true);
    return graph;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slr_safetensors *file;
    slr_adapter_set *set;
    slr_error err = {0};
    if (slr_safetensors_open_memory(data, size, "input", &file, NULL) != SELORA_OK)
        return 0;
    slr_pairs pairs = {0};
    slr_tool_verdict verdicts[SLR_TOOLS];
    if (slr_pairs_load_file(file, &pairs, &err) == SELORA_OK) {
        slr_adapter_tools(&pairs, verdicts);
        for (int i = 0; i < SLR_TOOLS; i++)
            if (!verdicts[i].result[0])
                abort();
    } else if (!err.message[0]) {
        abort();
    }
    slr_graph *model = record_model();
    if (err.message[0]) {
        /* refused above */
    } else if (slr_set_of_pairs(&pairs, "input", model, NULL, &set, &err) != SELORA_OK) {
        if (set || !err.message[0])
            abort();
    } else {
        if (slr_adapter_set_count(set) < 1 || slr_adapter_set_nonfinite(set, false))
            abort();
        slr_adapter_set_free(set);
    }
    slr_pairs_free(&pairs);
    slr_graph_free(model);
    slr_safetensors_close(file);
    return 0;
}
