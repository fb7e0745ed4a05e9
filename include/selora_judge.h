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
    const char *bits;      /* own, 8: pictures of 16 bits are rounded to 8 as they are read */
} selora_features_options;

selora_features_options selora_features_defaults(void);
/* Makes features of a folder, or writes a file of features in another format. */
selora_status selora_features(selora_context *context, const selora_features_options *options);
const selora_option *selora_features_option_list(size_t *count);

/* ---- metrics ------------------------------------------------------------------------------------------ */

typedef struct selora_evaluate_options {
    const char *real, *train, *synthetic, *base; /* folders of pictures, or files of features on all sides; train and base
                                                  * may be NULL */
    const char *extractors; /* NAME or NAME:WEIGHTS, several with line ends between them; NULL: radiomics */
    const char *model;      /* base model: features of its encoder (vae), too */
    const char *out;        /* folder: metrics.json, metrics.csv, report.html */
    const char *csv;        /* the line goes here; NULL: metrics.csv in out */
    const char *label;      /* of that line; NULL: "" */
    const char *side;       /* of real: auto (test where the folder says its sides), all, train, validation, test */
    const char *group_column; /* metadata column of the patients */
    int64_t size;           /* pixels of the metric pictures */
    uint64_t seed;
    int show_patients;      /* 1: nearest training pictures go into the report */
    int force;              /* 1: what cannot be compared is compared all the same */
} selora_evaluate_options;

selora_evaluate_options selora_evaluate_defaults(void);
/* The whole job of `selora evaluate`; *table (free() it) is for people, NULL after a failure. */
selora_status selora_evaluate(selora_context *context, const selora_evaluate_options *options, char **table);
const selora_option *selora_evaluate_option_list(size_t *count);

/* ---- reports of runs ---------------------------------------------------------------------------------- */

typedef struct selora_report_options {
    const char *const *runs; /* folders of `selora train`; they are only read */
    size_t run_count;
    const char *out;             /* the page: one .html file that needs nothing else */
    const char *title;           /* NULL: from the runs' folders */
    const char *picture;         /* PNG or JPEG at the top; NULL: none */
    const char *picture_caption; /* NULL: none */
} selora_report_options;

selora_report_options selora_report_defaults(void);
/* Curves, ranks, pictures, costs and judgements of runs, and what reviewers ask for. Holds no paths and no captions. */
selora_status selora_report(selora_context *context, const selora_report_options *options);
const selora_option *selora_report_option_list(size_t *count);

#ifdef __cplusplus
}
#endif
#endif
