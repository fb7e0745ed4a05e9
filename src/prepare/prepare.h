/* SPDX-License-Identifier: MIT
 *
 * From a hospital export to a folder that trains: the job of `selora prepare`.
 *
 *     slr_prepare_job job = {.sources = sources, .source_count = 2, .out = "out", .jobs = 4, .settings =
 * settings, .medical = slr_medical_options_default()}; json_t *manifest; SLR_TRY(slr_prepare(&job, hooks,
 * &manifest, err)); json_decref(manifest);
 *
 * OUT/images/000001.png ...   16 bits, grey or RGB
 * OUT/metadata.csv            a row for each: text, salted patient key, allow-listed header values
 * OUT/split.csv               row, side, key
 * OUT/manifest.json           settings, counts, traps
 * OUT/contact_sheet.png       8 x 8 of them with their rows
 * OUT/.selora/                the owner's alone: salt, rows with their keys
 *
 * A second run with the same settings adds what is new: rows, names and sides that are there stay. Sources
 * are only read. The list of rows is written last and appears whole: whatever ends the job before, the next
 * one starts from there.
 */
#ifndef SLR_PREPARE_H
#define SLR_PREPARE_H

#include <jansson.h>

#include "core/hooks.h"
#include "medical/medical_options.h"
#include "prepare/patient_split.h"
#include "prepare/picture_fit.h"
#include "prepare/prompts.h"

/* Texts are borrowed. */
typedef struct slr_prepare_job {
    const char *const *sources;
    size_t source_count;
    const char *out;
    const char *reports;       /* a folder or file of reports; NULL: those among the sources */
    json_t *settings;          /* an object of what a second run must repeat */
    slr_medical_options medical;
    slr_picture_fit fit;
    slr_prompt_options prompts;
    bool keep_without_text;    /* pictures that no report names get an empty prompt */
    const char *patient_regex; /* NULL: none */
    slr_patient_split_options split;
    int jobs;                  /* worker processes; 0: in this process */
    int64_t max_bad;           /* files that may be damaged or unreadable */
    bool fail_on_phi;          /* prompts that may tell who somebody is end the job */
    bool show_paths;           /* in messages, beside the number of the file */
} slr_prepare_job;

/* *manifest: what manifest.json holds, also after SELORA_BAD_INPUT because of too many bad files: all others
 * are in the data set then. NULL after other failures. */
selora_status slr_prepare(const slr_prepare_job *job, const slr_hooks *hooks, json_t **manifest,
                          slr_error *err);

#endif
