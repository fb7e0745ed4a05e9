/* SPDX-License-Identifier: MIT
 *
 * Words of the jobs that judge pictures.
 *
 *     SLR_TRY(slr_side_named("test", &side, err));
 */
#ifndef SLR_PICTURE_SIDE_H
#define SLR_PICTURE_SIDE_H

#include "data/dataset.h"

/* "all" is SLR_SIDE_NONE. SELORA_USAGE for another word. */
selora_status slr_side_named(const char *word, slr_side *side, slr_error *err);

/* Does the path name a file of features, by its end? */
bool slr_is_feature_file(const char *path);

#endif
