/* SPDX-License-Identifier: MIT
 *
 * What a case of each kind holds, as tables; shared by the files that check and read cases.
 */
#ifndef SLR_CASE_FIELDS_H
#define SLR_CASE_FIELDS_H

#include "eval/reference_case.h"

typedef enum slr_case_type {
    SLR_CASE_REAL,    /* F32; outputs F64 too */
    SLR_CASE_INTEGER, /* I64 */
    SLR_CASE_NUMBER /* either of them: timesteps, which some samplers have between the whole numbers
                     */
} slr_case_type;

/* One tensor. `shape` lists sizes: a number, or a letter that stands for the same size wherever it
 * occurs. */
typedef struct slr_case_field {
    const char *name;
    slr_case_type type;
    const char *shape;
    bool optional;
} slr_case_field;

enum { SLR_CASE_MAX_FIELDS = 8, SLR_CASE_MAX_KEYS = 6 };

typedef struct slr_case_format {
    const char *kind;
    slr_case_field fields[SLR_CASE_MAX_FIELDS]; /* ends with a NULL name */
    const char *keys[SLR_CASE_MAX_KEYS];        /* metadata beside format, kind and producer */
    bool adapters;                              /* in.adapter.*: adapters may be in place */
    bool gradients;                             /* in.probe.*, expect.grad.* and so on too */
} slr_case_format;

extern const slr_case_format slr_case_formats[SLR_CASE_KINDS];

/* Reads the metadata of a case whose kind is known. */
selora_status slr_case_read_metadata(slr_reference_case *c, slr_error *err);
/* Adapters, probes and gradients: names that belong together, shapes that fit each other and the
 * model. */
selora_status slr_case_check_adapters(const slr_reference_case *c, const slr_model *model,
                                      slr_error *err);
/* True for names that slr_case_check_adapters() looks at. */
bool slr_case_is_adapter_name(const slr_case_format *format, const char *name);

/* Type, dimensions and values of one tensor: integers and reals as said, reals of inputs finite, no
 * empty dimension. */
selora_status slr_case_check_tensor(const slr_reference_case *c, const slr_stored_tensor *tensor,
                                    slr_case_type type, int dims, slr_error *err);
/* SELORA_BAD_INPUT unless the shape is (rows, columns); `columns` 0: one dimension. */
selora_status slr_case_check_shape(const slr_reference_case *c, const slr_stored_tensor *tensor,
                                   int64_t rows, int64_t columns, slr_error *err);

#endif
