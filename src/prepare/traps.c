/* SPDX-License-Identifier: MIT */
#include "prepare/traps.h"

#include <stdarg.h>
#include <stdio.h>

#include "prepare/traps_parts.h"

static const struct {
    const char *id, *advice;
} words[SLR_TRAPS] = {
    [SLR_TRAP_SIZE_LABEL] = {"size-tells-label",
                             "one label came from other machines or files than another: choose pictures "
                             "of one size, or compare results on the sizes that all labels have"},
    [SLR_TRAP_BLUR_LABEL] = {"sharpness-tells-label",
                             "pictures of one label were enlarged, shrunk or compressed differently: go "
                             "back to the originals"},
    [SLR_TRAP_COLUMN_LABEL] = {"column-tells-label",
                               "what a label shows cannot be told from where it was made: balance the "
                               "labels within each value of the column, or leave it out"},
    [SLR_TRAP_DUPLICATES] =
        {"duplicates",
         "copies count double in training: keep one of each; a split by `prepare` keeps them on "
         "one side"},
    [SLR_TRAP_SPLIT_COPIES] = {"duplicates-across-split",
                               "what is tested was trained on: let `selora prepare` split, or move the "
                               "copies to one side"},
    [SLR_TRAP_SPLIT_PATIENTS] = {"patients-across-split",
                                 "split by patient: --patient-col or --patient-regex of `selora prepare`, or --group-column of "
                                 "`selora train`"},
    [SLR_TRAP_COLOUR] =
        {"coloured-marks",
         "the model learns to draw them: take pictures without marks, or --grey-only to leave "
         "them out"},
    [SLR_TRAP_TYPES] = {"mixed-types",
                        "kinds of pixels often tell the source: see that all come from originals"},
    [SLR_TRAP_BURNED_IN] =
        {"burned-in", "letters and names in pixels are learned and may name patients: look at the rows, use "
                      "--blackout X,Y,W,H or leave them out"},
    [SLR_TRAP_FIGURES] = {"figures", "frames and odd shapes come from articles: cut them or leave them out"},
    [SLR_TRAP_SCREENSHOTS] =
        {"screenshots", "pictures with JPEG blocks beside clean ones: replace screenshots by the originals"},
    [SLR_TRAP_VIEWS] =
        {"views-share-report",
         "put the view into the prompt (--template \"{view} view, {text}\"), or keep one view"},
    [SLR_TRAP_SAME_PROMPT] = {"same-prompt",
                              "pictures with one text are one condition: group by text when you measure"},
    [SLR_TRAP_MISSING] = {"missing-files",
                          "copy them again; --show-paths names them, --max-bad N accepts them"},
    [SLR_TRAP_BACKGROUND] = {"background",
                             "most of the picture is empty: measure on the body too, or crop before"},
    [SLR_TRAP_CONSTANT] =
        {"constant", "an empty picture teaches nothing: leave it out, or see whether its window is right"},
    [SLR_TRAP_FACES] = {"faces",
                        "faces can be rendered from such slices: use defaced volumes or fewer slices"},
};

static const char *const severities[] = {"ok", "note", "warning", "error"};

const char *slr_trap_id(slr_trap_kind kind)
{
    return words[kind].id;
}

const char *slr_trap_advice(slr_trap_kind kind)
{
    return words[kind].advice;
}

const char *slr_trap_severity_name(slr_trap_severity severity)
{
    return severities[severity];
}

void slr_trap_add(slr_trap *trap, size_t row)
{
    if (trap->shown < SLR_TRAP_ROWS)
        trap->rows[trap->shown++] = (uint32_t)row + 1;
    trap->count++;
}

void slr_trap_say(slr_trap *trap, slr_trap_severity severity, const char *format, ...)
{
    va_list arguments;
    trap->severity = severity;
    va_start(arguments, format);
    vsnprintf(trap->text, sizeof trap->text, format, arguments);
    va_end(arguments);
}

selora_status slr_traps_find(const slr_trap_set *set, slr_traps *traps, slr_error *err)
{
    *traps = (slr_traps){0};
    SLR_TRY(slr_traps_of_labels(set, traps, err));
    SLR_TRY(slr_traps_of_copies(set, traps, err));
    SLR_TRY(slr_traps_of_texts(set, traps, err));
    SLR_TRY(slr_traps_of_pixels(set, traps, err));
    slr_trap *missing = &traps->found[SLR_TRAP_MISSING];
    missing->count = set->missing;
    if (set->missing)
        slr_trap_say(missing, SLR_TRAP_WARNING, "%zu files that should be pictures gave none", set->missing);
    for (int i = 0; i < SLR_TRAPS; i++) {
        traps->errors += traps->found[i].severity == SLR_TRAP_ERROR;
        traps->warnings += traps->found[i].severity == SLR_TRAP_WARNING;
    }
    return SELORA_OK;
}
