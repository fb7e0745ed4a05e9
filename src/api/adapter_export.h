/* SPDX-License-Identifier: MIT
 *
 * What `selora convert`, `compress` and `train --save-as` share: options, place and report of an adapter
 * written for other tools.
 */
#ifndef SLR_ADAPTER_EXPORT_H
#define SLR_ADAPTER_EXPORT_H

#include "adapters/formats.h"
#include "core/hooks.h"

/* Texts as on the command line; NULL: the default. SELORA_USAGE for another. */
selora_status slr_export_options_read(const char *to, const char *dtype, const char *pad_rank,
                                      const char *te_keys, const slr_adapter_format **format,
                                      slr_export_options *options, slr_error *err);

/* The file or folder to write for `out`, which must not exist. free() it. */
selora_status slr_export_place(const slr_adapter_format *format, const char *out, char **path, slr_error *err);

/* Makes the folder that the file lies in. */
selora_status slr_export_parent(const char *path, slr_error *err);

void slr_export_note(const slr_hooks *hooks, const slr_adapter_format *format, const slr_export_options *options,
                     const slr_export_report *report, const char *path);

/* Warns of what was not used, or refuses it. */
selora_status slr_left_over_tell(const slr_problems *left_over, const char *path, bool strict, const slr_hooks *hooks,
                                 slr_error *err);

#endif
