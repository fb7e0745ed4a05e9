/* SPDX-License-Identifier: MIT
 *
 * Trains an adapter step by step on pictures that this program brings itself:
 *
 *     cc train.c -o train $(pkg-config --cflags --libs selora)
 *     ./train models/tiny adapter.safetensors 200 a.png "frontal chest, metal plate, centre" b.png "..."
 */
#include <selora.h>
#include <stdio.h>
#include <stdlib.h>

/* Step after step over the pictures in turn, one a step. */
static selora_status train(selora_trainer *trainer, const selora_image *images, char **captions,
                           int count, int steps)
{
    for (int step = 0; step < steps; step++) {
        selora_step_result result;
        const char *caption = captions[2 * (step % count)];
        selora_status status = selora_train_step(trainer, &images[step % count], &caption, 1, &result);
        if (status != SELORA_OK)
            return status;
        if (result.step % 20 == 0 || result.step == steps)
            printf("step %d  loss %.4f  rank %d\n", (int)result.step, result.loss, (int)result.total_rank);
    }
    return SELORA_OK;
}

static selora_status run(selora_context *context, int argc, char **argv)
{
    int count = (argc - 4) / 2, steps = atoi(argv[3]), read = 0;
    selora_model *model = NULL;
    selora_trainer *trainer = NULL;
    selora_train_options options = selora_train_defaults();
    options.steps = steps;
    options.batch_size = 1;
    options.lr = 1e-3;
    selora_image *images = calloc((size_t)count, sizeof *images);
    selora_status status = images ? selora_model_load(context, argv[1], NULL, &model) : SELORA_NO_RESOURCE;
    for (; status == SELORA_OK && read < count; read++)
        status = selora_image_read(context, argv[4 + 2 * read], &images[read]);
    if (status == SELORA_OK)
        status = selora_trainer_new(context, model, &options, &trainer);
    if (status == SELORA_OK)
        status = train(trainer, images, argv + 5, count, steps);
    if (status == SELORA_OK)
        status = selora_adapter_save(context, selora_trainer_adapter(trainer), argv[2]);
    selora_trainer_free(trainer);
    for (int i = 0; i < read; i++)
        selora_image_free(&images[i]);
    free(images);
    selora_model_free(model);
    return status;
}

int main(int argc, char **argv)
{
    selora_context *context;
    if (argc < 6 || argc % 2 != 0) {
        fprintf(stderr, "usage: train MODEL ADAPTER STEPS PICTURE CAPTION [PICTURE CAPTION ...]\n");
        return SELORA_USAGE;
    }
    if (selora_context_new(NULL, &context) != SELORA_OK)
        return SELORA_NO_RESOURCE;
    selora_status status = run(context, argc, argv);
    if (status != SELORA_OK)
        fprintf(stderr, "train: %s\n", selora_error(context));
    selora_context_free(context);
    return (int)status;
}
