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
    CHOICE(F, "bits", bits, "own|8", "8: pictures of 16 bits are rounded first, to be compared with those of 8 (own)"),
};
#undef F

#define E selora_evaluate_options
static const selora_option evaluate_list[] = {
    NEED(E, "real", real, "DIR|FILE", "real pictures that no training saw, or a file of features"),
    NEED(E, "synthetic", synthetic, "DIR|FILE", "pictures of `selora generate`, or a file of features"),
    NEED(E, "out", out, "DIR", "metrics.json, metrics.csv and report.html go here"),
    TEXT(E, "train", train, "DIR|FILE", "training pictures: for floors and copies (the train side of --real, where it says its sides)"),
    TEXT(E, "base", base, "DIR|FILE", "pictures of the base model without adapter: for the column base"),
    {"extractor", SELORA_OPTION_TEXTS, offsetof(E, extractors), 0, 0, "NAME[:FILE]", "further features, with weights; may be given several times (radiomics, always)", 0},
    TEXT(E, "model", model, "DIR|FILE", "base model: features of its encoder, too (vae)"),
    CHOICE(E, "side", side, "auto|" SIDES, "pictures of --real: auto takes the test side where the folder says its sides (auto)"),
    TEXT(E, "group-column", group_column, "NAME", "metadata column of the patients (what the split says, else patient_id, patient or group)"),
    INT(E, "size", size, 16, 1024, "side of the metric pictures in pixels (224)"),
    SEED(E, "seed", seed, "of subsets, shuffles and resamples (42)"),
    TEXT(E, "csv", csv, "FILE", "table that one line is added to (OUT/metrics.csv)"),
    TEXT(E, "label", label, "TEXT", "of that line, such as the training step"),
    FLAG(E, "show-patients", show_patients, "put the training pictures nearest to synthetic ones into report.html"),
    FLAG(E, "force", force, "compare what cannot be compared: unequal windows or formats, too few pictures, patients on both sides"),
};
#undef E

const selora_option *selora_evaluate_option_list(size_t *count)
{
    *count = COUNT(evaluate_list);
    return evaluate_list;
}

selora_evaluate_options selora_evaluate_defaults(void)
{
    return (selora_evaluate_options){.side = "auto", .size = 224, .seed = 42};
}

const selora_option *selora_features_option_list(size_t *count)
{
    *count = COUNT(features_list);
    return features_list;
}

selora_features_options selora_features_defaults(void)
{
    return (selora_features_options){.side = "all", .size = 224, .bits = "own"};
}

#define R selora_report_options
static const selora_option report_list[] = {
    NEED(R, "out", out, "FILE", "the page to write, such as report.html"),
    TEXT(R, "title", title, "TEXT", "(the name of the run's folder)"),
    TEXT(R, "picture", picture, "FILE", "PNG or JPEG for the top of the page"),
    TEXT(R, "picture-caption", picture_caption, "TEXT", "what stands under it"),
};
#undef R

const selora_option *selora_report_option_list(size_t *count)
{
    *count = COUNT(report_list);
    return report_list;
}

selora_report_options selora_report_defaults(void)
{
    return (selora_report_options){0};
}
