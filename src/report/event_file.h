/* SPDX-License-Identifier: MIT
 *
 * RUN/events.out.tfevents.*: what TensorBoard shows of a run. One file a run, that only grows; a run that goes on after
 * step N cuts off what came after N first, so that every step stands there once.
 *
 *     slr_event_file *events;
 *     SLR_TRY(slr_event_file_open("run", 0, 0, hooks, &events, err));
 *     slr_event_record *record = slr_event_file_begin(events, step);
 *     slr_event_scalar(record, "train/loss", loss);
 *     SLR_TRY(slr_event_file_end(events, err));
 *     SLR_TRY(slr_event_file_sync(events, err));
 *     slr_event_file_close(events);
 */
#ifndef SLR_EVENT_FILE_H
#define SLR_EVENT_FILE_H

#include "core/hooks.h"
#include "report/event_record.h"

/* Events whose first tag begins so belong to the validation after a step. */
#define SLR_EVENT_VALIDATION "validation/"

typedef struct slr_event_file slr_event_file;

/* Keeps the events up to `step`, and of the validations those up to `validated_step`. Damage is cut off with what follows
 * it, and a warning. Makes the file where there is none. */
selora_status slr_event_file_open(const char *folder, int64_t step, int64_t validated_step, const slr_hooks *hooks,
                                  slr_event_file **file, slr_error *err);
void slr_event_file_close(slr_event_file *file); /* NULL is legal */
bool slr_event_file_is_new(const slr_event_file *file); /* nothing but its version stood in it when it was opened */

slr_event_record *slr_event_file_begin(slr_event_file *file, int64_t step);
selora_status slr_event_file_end(slr_event_file *file, slr_error *err);
selora_status slr_event_file_sync(slr_event_file *file, slr_error *err);

#endif
