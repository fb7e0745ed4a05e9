/* SPDX-License-Identifier: MIT
 *
 * Names that say nothing: HMAC-SHA-256(salt, value), 16 hex digits. The salt is random, made once for a data
 * set and kept in a file of its private folder that its owner alone may read.
 *
 *     slr_patient_keys keys;
 *     SLR_TRY(slr_patient_keys_open("out/.selora/salt", &keys, err));      (made when it is not there)
 *     char key[SLR_PATIENT_KEY];
 *     SLR_TRY(slr_patient_key(&keys, patient_id, key, err));
 *
 * Where the patient of a picture is taken from, in this order: the column that --patient-col names, Patient
 * ID of the header, what --patient-regex finds in the stem of the file's name.
 */
#ifndef SLR_PATIENT_KEYS_H
#define SLR_PATIENT_KEYS_H

#include "core/status.h"

enum { SLR_SALT_BYTES = 32, SLR_PATIENT_KEY = 17 };

typedef struct slr_patient_keys {
    unsigned char salt[SLR_SALT_BYTES];
} slr_patient_keys;

/* Reads the salt or makes the file (0600; its folder must exist). Links are not followed. */
selora_status slr_patient_keys_open(const char *path, slr_patient_keys *keys, slr_error *err);

selora_status slr_patient_key(const slr_patient_keys *keys, const char *value, char key[SLR_PATIENT_KEY],
                              slr_error *err);

/* ---- which value is the patient ---- */

typedef enum slr_patient_source {
    SLR_PATIENT_NONE, /* not known: the picture counts as a patient of its own */
    SLR_PATIENT_COLUMN,
    SLR_PATIENT_HEADER,
    SLR_PATIENT_REGEX,
    SLR_PATIENT_SOURCES
} slr_patient_source;

/* A POSIX extended expression; its first group, or without one the whole match, is the patient. */
typedef struct slr_patient_regex slr_patient_regex;
selora_status slr_patient_regex_new(const char *expression, slr_patient_regex **regex, slr_error *err);
void slr_patient_regex_free(slr_patient_regex *regex); /* NULL is legal */

/* `column`, `patient_id`, `name` (the file's name: folders and ending are cut off) and `regex` may be NULL.
 * *patient is the value without blanks at its ends, free() it; "" with SLR_PATIENT_NONE. */
selora_status slr_patient_choose(const char *column, const char *patient_id, const char *name,
                                 const slr_patient_regex *regex,
                                 char **patient, slr_patient_source *source, slr_error *err);

#endif
