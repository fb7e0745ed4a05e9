/* SPDX-License-Identifier: MIT
 *
 * audit.json: what an audit found, in stable keys ("selora-audit/1"); and the same as a table for a terminal.
 * Rows, hashes and numbers: nothing of any picture.
 *
 *     SLR_TRY(slr_audit_file_save(&result, "run/audit.json", err));
 *     char *table = slr_audit_table(&result);
 */
#ifndef SLR_AUDIT_FILE_H
#define SLR_AUDIT_FILE_H

#include "eval/audit_result.h"

selora_status slr_audit_file_save(const slr_audit_result *result, const char *path, slr_error *err);
/* NULL when memory lacks; free() it. */
char *slr_audit_table(const slr_audit_result *result);

#endif
