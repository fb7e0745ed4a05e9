/* SPDX-License-Identifier: MIT
 *
 * Metrics as they are reported: a number never stands without its error, its sizes, and the same number between real sides
 * (the floor) and for the base model.
 *
 *     slr_metric_table table = {0};
 *     slr_metric *metric;
 *     SLR_TRY(slr_metric_add(&table, "kid", "radiomics-z", &metric, err));
 *     metric->value = 0.031;
 *     slr_metric_number(metric, "p_value", 0.001);
 *     slr_metric_table_free(&table);
 */
#ifndef SLR_METRIC_TABLE_H
#define SLR_METRIC_TABLE_H

#include <jansson.h>

#include "core/status.h"

typedef struct slr_metric {
    char name[32], extractor[96]; /* the key is "name/extractor" */
    char weights_sha256[65], preproc[96]; /* of the extractor; "" without */
    double value;
    double se, low, high; /* standard error; 95 % interval where there is one. NaN: none */
    double floor, base;   /* NaN: not asked for */
    size_t n, m, dim;     /* pictures (or pairs) of the real and the synthetic side; features */
    char note[320];
    json_t *extra;        /* further numbers, by stable names */
} slr_metric;

typedef struct slr_metric_table {
    slr_metric *items;
    size_t count, capacity;
} slr_metric_table;

/* Numbers are NaN at first. *metric is valid until the next one is added. */
selora_status slr_metric_add(slr_metric_table *table, const char *name, const char *extractor, slr_metric **metric,
                             slr_error *err);
void slr_metric_table_free(slr_metric_table *table);

/* Into `extra`; NaN is null. */
void slr_metric_number(slr_metric *metric, const char *key, double value);
void slr_metric_text(slr_metric *metric, const char *key, const char *text);
/* Adds to the note, "; " before it unless it is the first. */
void slr_metric_note(slr_metric *metric, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
