/* SPDX-License-Identifier: MIT
 *
 * The caption file beside a picture: chest.png has its words in chest.txt or chest.caption.
 *
 *     char *caption;
 *     SLR_TRY(slr_caption_beside("images/chest.png", &caption, err));
 *     if (!caption)
 *         ...there is no such file...
 *     free(caption);
 */
#ifndef SLR_CAPTIONS_H
#define SLR_CAPTIONS_H

#include "core/status.h"

/* *caption: the whole text (UTF-8, several lines are kept) without blanks at its ends, caller
 * free()s; NULL when neither file exists. Two files that differ are SELORA_BAD_INPUT, as is what is
 * not UTF-8. */
selora_status slr_caption_beside(const char *picture, char **caption, slr_error *err);

#endif
