/* SPDX-License-Identifier: MIT
 *
 * The page of `selora evaluate`: the table, what each number means, distances, grids of real and synthetic pictures with the
 * same prompts under their row numbers. It shows pictures of patients, so only its owner may read it.
 *
 *     slr_evaluation_pictures pictures = {.sides = {real, train, synthetic, NULL}, .copies = &copies};
 *     SLR_TRY(slr_evaluation_page(&evaluation, &pictures, "judged/report.html", err));
 */
#ifndef SLR_EVALUATION_PAGE_H
#define SLR_EVALUATION_PAGE_H

#include "eval/image_set.h"
#include "eval/memorisation.h"
#include "report/evaluation_file.h"

typedef struct slr_evaluation_pictures {
    const slr_image_set *sides[SLR_ROLES]; /* all NULL: judged from files of features */
    const slr_memorisation *copies;        /* of pixels; synthetic 0: none */
    bool show_patients;                    /* the nearest training pictures, too */
} slr_evaluation_pictures;

selora_status slr_evaluation_page(const slr_evaluation *evaluation, const slr_evaluation_pictures *pictures,
                                  const char *path, slr_error *err);

#endif
