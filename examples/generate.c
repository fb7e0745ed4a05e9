/* SPDX-License-Identifier: MIT
 *
 * Draws one picture:
 *
 *     cc generate.c -o generate $(pkg-config --cflags --libs selora)
 *     ./generate models/tiny "frontal chest, bright mass, upper left" chest.png [adapter.safetensors]
 */
#include <selora.h>
#include <stdio.h>

static selora_status draw(selora_context *context, int argc, char **argv)
{
    selora_model *model = NULL;
    selora_adapter *adapter = NULL;
    selora_image image = {0};
    selora_generate_options options = selora_generate_defaults();
    options.prompt = argv[2];
    options.steps = 25;
    options.guidance = 5;
    options.seed = 7;
    selora_status status = selora_model_load(context, argv[1], NULL, &model);
    if (status == SELORA_OK && argc == 5)
        status = selora_adapter_load(context, model, argv[4], 1.0, &adapter);
    if (status == SELORA_OK)
        status = selora_generate(context, model, adapter, &options, &image);
    if (status == SELORA_OK)
        status = selora_image_write(context, &image, argv[3]);
    selora_image_free(&image);
    selora_adapter_free(adapter);
    selora_model_free(model);
    return status;
}

int main(int argc, char **argv)
{
    selora_context *context;
    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: generate MODEL PROMPT PICTURE.png [ADAPTER]\n");
        return SELORA_USAGE;
    }
    if (selora_context_new(NULL, &context) != SELORA_OK)
        return SELORA_NO_RESOURCE;
    selora_status status = draw(context, argc, argv);
    if (status != SELORA_OK)
        fprintf(stderr, "generate: %s\n", selora_error(context));
    selora_context_free(context);
    return (int)status;
}
