/* SPDX-License-Identifier: MIT
 *
 * All that a run folder tells, read back: run.json, log.jsonl, ranks.csv, costs.json, the layers of its adapter, its grids,
 * metrics.json and audit.json where somebody has made them. Everything is checked: files of a run travel.
 *
 *     slr_run_record run;
 *     SLR_TRY(slr_run_record_load("run", &run, err));          (free also after a failure)
 *     slr_run_record_free(&run);
 *
 * A last line without its end is what a process that still works, or was killed, leaves: it is not read. Anything else that
 * cannot be read is an error with file and line.
 */
#ifndef SLR_RUN_RECORD_H
#define SLR_RUN_RECORD_H

#include <jansson.h>

#include "report/run_costs.h"

/* Columns of numbers of equal length; NAN where a line had none. */
typedef struct slr_run_steps {
    size_t count, capacity;
    double *step, *loss, *lr, *gradient_norm, *rank, *parameters, *seconds, *probe_seconds;
} slr_run_steps;
enum { SLR_RUN_COLUMNS = 8 };

typedef struct slr_run_validations {
    size_t count, capacity;
    double *step, *loss;
} slr_run_validations;

typedef struct slr_run_layer {
    char *path;
    int64_t in, out; /* 0: no adapter file tells */
    int rank;        /* at the end; the start's until something else is known */
} slr_run_layer;

/* A line of ranks.csv. */
typedef struct slr_run_decision {
    int64_t step;
    uint32_t layer; /* index */
    int before, after;
    double ratio; /* NAN: not probed */
    bool noted;   /* kept from growing, for a reason that the file names */
} slr_run_decision;

typedef struct slr_run_grid {
    int64_t step;
    char *path;
} slr_run_grid;

typedef struct slr_run_record {
    char *folder, name[96]; /* name: the folder's own, without the way to it */
    json_t *root;           /* run.json; its "options" is an object */
    slr_run_steps steps;
    slr_run_validations validations;
    slr_run_layer *layers;
    size_t layer_count, layer_capacity;
    slr_run_decision *decisions;
    size_t decision_count, decision_capacity;
    slr_run_grid *grids; /* by step */
    size_t grid_count, grid_capacity;
    slr_run_costs costs; /* processes 0: none were recorded */
    int64_t adapter_bytes, last_bytes; /* of the files; -1: not there */
    json_t *metrics, *audit;           /* NULL: none */
} slr_run_record;

selora_status slr_run_record_load(const char *folder, slr_run_record *run, slr_error *err);
void slr_run_record_free(slr_run_record *run);

/* Of run.json: a member, or an option. Never NULL: JSON null where it is not there. */
const json_t *slr_run_record_fact(const slr_run_record *run, const char *key);
const json_t *slr_run_record_option(const slr_run_record *run, const char *name);
double slr_run_record_number(const json_t *value); /* NAN when it is none */

/* The parts, in files of their own (run_tables.c). */
selora_status slr_run_record_read_log(slr_run_record *run, slr_error *err);
selora_status slr_run_record_read_good_log(slr_run_record *run, slr_error *err); /* passes over lines that say nothing */
selora_status slr_run_record_read_ranks(slr_run_record *run, slr_error *err);
/* The layer of that path, added where it is new; NULL when memory lacks. `guess` is where it probably is. */
slr_run_layer *slr_run_record_layer(slr_run_record *run, const char *path, size_t length, size_t guess);

/* Of a copy in rising order, finite values only; share 0..1; NAN without any. */
double slr_run_quantile(const double *values, size_t count, double share);

#endif
