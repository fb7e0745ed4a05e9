/* SPDX-License-Identifier: MIT
 *
 * The style sheet of our pages: quiet colours, figures of equal width, one column of text and figures beside each other.
 */
#ifndef SLR_PAGE_STYLE_H
#define SLR_PAGE_STYLE_H

extern const char slr_page_style[];

#endif
