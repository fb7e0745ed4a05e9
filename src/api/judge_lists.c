/* SPDX-License-Identifier: MIT
 * Options of the jobs that judge pictures. */
#include "api/context.h"
#include "api/option_rows.h"

#define SIDES "all|train|validation|test"

#define F selora_features_options
static const selora_option features_list[] = {
    NEED(F, "out", out, "FILE", "features to write: .safetensors, .npy or .csv"),
    TEXT(F, "extractor", extractor, "NAME[:FILE]", "of a folder: what makes the features, with its weights; of a file: the name to write into it (radiomics)"),
    TEXT(F, "preproc", preproc, "TEXT", "of a file: the preparation to write into it"),
    TEXT(F, "model", model, "DIR|FILE", "base model, for the extractor vae"),
    CHOICE(F, "side", side, SIDES, "pictures of a folder that says its sides (all)"),
    TEXT(F, "group-column", group_column, "NAME", "metadata column of the patients (what the split says, else patient_id, patient or group)"),
    INT(F, "size", size, 16, 1024, "side of the metric pictures in pixels (224)"),
};
#undef F

const selora_option *selora_features_option_list(size_t *count)
{
    *count = COUNT(features_list);
    return features_list;
}

selora_features_options selora_features_defaults(void)
{
    return (selora_features_options){.side = "all", .size = 224};
}
