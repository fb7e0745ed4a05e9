/* SPDX-License-Identifier: MIT
 * The options of `selora utility`. */
#include "api/option_rows.h"

#define U selora_utility_options
static const selora_option list[] = {
    NEED(U, "real", real, "DIR", "a data set with sides: train, validation, test"),
    TEXT(U, "synthetic", synthetic, "DIR", "synthetic pictures, drawn from prompts of training pictures"),
    TEXT(U, "more", more, "DIR", "further real pictures to train on: the ceiling"),
    {"label", SELORA_OPTION_TEXTS, FIELD(U, labels), 0, 0, "LABEL",
     "COLUMN of yes and no, COLUMN=VALUE, or term:WORDS in the prompt; may be given several times", 1},
    NEED(U, "out", out, "DIR", "folder for utility.json and utility.html"),
    TEXT(U, "extractor", extractor, "NAME[:FILE]", "features (radiomics)"),
    TEXT(U, "model", model, "DIR|FILE", "base model, for the extractor vae"),
    TEXT(U, "shares", shares, "LIST", "synthetic pictures for each real one (0.5,1,2,10)"),
    INT(U, "seeds", seeds, 1, 20, "repetitions: other folds, other synthetic pictures (5)"),
    FLAG(U, "augment", augment, "the arm R+augmented, too: training pictures cut and lit otherwise"),
    TEXT(U, "group-column", group_column, "NAME", "metadata column of the patients (what the folder says)"),
    {"subgroup", SELORA_OPTION_TEXTS, FIELD(U, subgroups), 0, 0, "COLUMN",
     "AUC of each value of this column with 30 test patients, such as sex, age, view", 0},
    INT(U, "size", size, 32, 1024, "pixels of the pictures that features are made of (224)"),
    TEXT(U, "export", export_to, "DIR",
         "copy the pictures of each arm with a table, for classifiers elsewhere; shows patients"),
};
#undef U

const selora_option *selora_utility_option_list(size_t *count)
{
    *count = COUNT(list);
    return list;
}

selora_utility_options selora_utility_defaults(void)
{
    return (selora_utility_options){.shares = "0.5,1,2,10", .seeds = 5, .size = 224};
}
