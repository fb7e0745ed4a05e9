/* SPDX-License-Identifier: MIT
 *
 * selora: judging pictures. Part of selora.h, which includes it: nothing else is needed.
 *
 *     selora_evaluate_options options = selora_evaluate_defaults();
 *     options.real = "chest";
 *     options.synthetic = "pictures";
 *     options.out = "judged";
 *     char *table;
 *     if (selora_evaluate(context, &options, &table) == SELORA_OK)
 *         puts(table);
 *     free(table);
 */
#ifndef SELORA_JUDGE_H
#define SELORA_JUDGE_H

#include "selora.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- features of pictures ----------------------------------------------------------------------------- */

typedef struct selora_features_options {
    const char *in;        /* a folder of pictures, or a file of features: .safetensors, .npy, .csv */
    const char *out;       /* .safetensors, .npy, .csv */
    const char *extractor; /* of a folder: NAME or NAME:WEIGHTS; of a file: the name to write into it, NULL: as it is */
    const char *preproc;   /* of a file: the preparation to write into it; NULL: as it is */
    const char *model;     /* base model, for the extractor vae */
    const char *side;      /* all, train, validation, test: of a folder that says its sides */
    const char *group_column; /* metadata column of the patients */
    int64_t size;          /* pixels of the metric pictures */
} selora_features_options;

selora_features_options selora_features_defaults(void);
/* Makes features of a folder, or writes a file of features in another format. */
selora_status selora_features(selora_context *context, const selora_features_options *options);
const selora_option *selora_features_option_list(size_t *count);

#ifdef __cplusplus
}
#endif
#endif
