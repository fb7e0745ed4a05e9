/* SPDX-License-Identifier: MIT
 *
 * Pictures that an audit draws for itself, as files of a folder.
 *
 *     slr_audit_drawing list[] = {{.prompt = caption, .index = 0, .path = "run/audit/000000.png"}};
 *     SLR_TRY(slr_audit_draw(&job, set, options, list, 1, err));
 *
 * Files hold no prompt: it can hold a patient's words.
 */
#ifndef SLR_AUDIT_DRAW_H
#define SLR_AUDIT_DRAW_H

#include "api/train_job.h"

typedef struct slr_audit_drawing {
    const char *prompt;
    uint32_t index; /* the noise is that of the seed and this */
    char *path;
} slr_audit_drawing;

selora_status slr_audit_draw(const slr_train_job *job, slr_adapter_set *set,
                             const selora_audit_options *options, const slr_audit_drawing *list, size_t count,
                             slr_error *err);

#endif
