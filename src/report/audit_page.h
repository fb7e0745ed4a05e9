/* SPDX-License-Identifier: MIT
 *
 * audit.html: the audit as a page that stands alone. No picture of a patient is in it.
 */
#ifndef SLR_AUDIT_PAGE_H
#define SLR_AUDIT_PAGE_H

#include "eval/audit_result.h"

selora_status slr_audit_page_save(const slr_audit_result *result, const char *path, slr_error *err);

#endif
