/* SPDX-License-Identifier: MIT
 * Any bytes as JSON. What can be read must be the same after being written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read(const json_t *root, int indent)
{
    json_t *again;
    char *text = slr_json_text(root, indent);
    if (!text || slr_json_load_memory(text, strlen(text), "again", &again, NULL) != SELORA_OK ||
        !json_equal(root, again))
        abort();
    json_decref(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *root;
    slr_error err = {0};
    if (slr_json_load_memory(data, size, "input", &root, &err) == SELORA_OK) {
        write_and_read(root, 0);
        write_and_read(root, 2);
    } else if (!err.message[0] || root) {
        abort();
    }
    json_decref(root);
    return 0;
}
