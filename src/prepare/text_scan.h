/* SPDX-License-Identifier: MIT
 *
 * What in a text may tell who the patient is. It is counted, never shown: a scan has no memory of what it
 * found, and finding nothing proves nothing.
 *
 *     slr_text_scan scan = {0};
 *     for each prompt:  slr_text_scan_add(&scan, prompt, strlen(prompt));
 *     for (int i = 0; i < SLR_SCAN_KINDS; i++)
 *         print(slr_text_scan_id(i), scan.found[i], scan.texts[i]);
 */
#ifndef SLR_TEXT_SCAN_H
#define SLR_TEXT_SCAN_H

#include <stdbool.h>
#include <stddef.h>

typedef enum slr_scan_kind {
    SLR_SCAN_DATE,    /* 3/14/2019, 14.03.19, 2019-03-14, March 14, 14 Mar 2019 */
    SLR_SCAN_DIGITS,  /* 7 and more digits in a row */
    SLR_SCAN_PHONE,   /* (555) 123-4567, 555-123-4567, +49 89 1234567 */
    SLR_SCAN_EMAIL,
    SLR_SCAN_TITLE,   /* Dr., Mr., Mrs., Ms., Prof. and a word with a capital */
    SLR_SCAN_NUMBER,  /* MRN, ID, Acc, accession and digits */
    SLR_SCAN_AGE,     /* over 89: 93-year-old, 93 y/o, aged 93, age: 93 */
    SLR_SCAN_KINDS
} slr_scan_kind;

typedef struct slr_text_scan {
    size_t found[SLR_SCAN_KINDS]; /* places */
    size_t texts[SLR_SCAN_KINDS]; /* texts with one or more */
    size_t scanned, suspect;      /* texts; texts with anything in them */
} slr_text_scan;

/* True when something was found. Any bytes are legal. */
bool slr_text_scan_add(slr_text_scan *scan, const char *text, size_t size);

const char *slr_text_scan_id(slr_scan_kind kind);    /* "date", a key for JSON */

#endif
