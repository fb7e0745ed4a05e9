/* SPDX-License-Identifier: MIT
 *
 * Records of a TensorBoard event file, byte by byte: protocol-buffer events between lengths and CRC-32C sums.
 *
 *     slr_event_record record = {0};
 *     slr_event_begin(&record, seconds_since_1970, 400);
 *     slr_event_scalar(&record, "train/loss", 0.1234);
 *     slr_event_png(&record, "validation/sample_0", 64, 64, 3, png, size);
 *     SLR_TRY(slr_event_finish(&record, &bytes, &size, err));       (bytes: valid until the next begin)
 *     slr_event_record_free(&record);
 */
#ifndef SLR_EVENT_RECORD_H
#define SLR_EVENT_RECORD_H

#include <stdbool.h>

#include "core/status.h"

typedef struct slr_event_record {
    unsigned char *bytes;
    size_t size, capacity;
    size_t values; /* where the summary's values begin, 0 while there is none */
    bool failed;   /* memory lacks */
} slr_event_record;

/* step below 0: none. */
void slr_event_begin(slr_event_record *record, double wall_time, int64_t step);
/* "brain.Event:2": the first record of a file, with no step and no values. */
void slr_event_version(slr_event_record *record);
void slr_event_scalar(slr_event_record *record, const char *tag, double value);
/* `limits`: upper ends of the buckets, rising. */
typedef struct slr_event_histogram {
    double least, most, count, sum, squares;
    const double *limits, *counts;
    size_t buckets;
} slr_event_histogram;
void slr_event_put_histogram(slr_event_record *record, const char *tag, const slr_event_histogram *histogram);
void slr_event_png(slr_event_record *record, const char *tag, int width, int height, int channels, const void *png,
                   size_t size);
void slr_event_text(slr_event_record *record, const char *name, const char *markdown); /* its tag: NAME/text_summary */
selora_status slr_event_finish(slr_event_record *record, const void **bytes, size_t *size, slr_error *err);
void slr_event_record_free(slr_event_record *record);

uint32_t slr_crc32c(const void *data, size_t size);

/* What a whole record at the start of `bytes` says, without its values. */
enum { SLR_EVENT_FRAME = 16 }; /* bytes of a record beside its data */
typedef struct slr_event_head {
    size_t size;  /* of the whole record */
    int64_t step; /* 0 without one */
    char tag[64]; /* of its first value, cut to fit; "" without one */
} slr_event_head;
/* False when the record is not whole or its sums are wrong. */
bool slr_event_read(const unsigned char *bytes, size_t size, slr_event_head *head);

#endif
