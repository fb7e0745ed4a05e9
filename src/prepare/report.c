/* SPDX-License-Identifier: MIT */
#include "prepare/report.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static const char *const role_names[SLR_REPORT_ROLES] = {
    [SLR_FIELD_TEXT] = "text", [SLR_FIELD_FINDINGS] = "findings", [SLR_FIELD_IMPRESSION] = "impression",
    [SLR_FIELD_INDICATION] = "indication", [SLR_FIELD_COMPARISON] = "comparison", [SLR_FIELD_MESH] = "mesh",
    [SLR_FIELD_MODALITY] = "modality", [SLR_FIELD_VIEW] = "view", [SLR_FIELD_LATERALITY] = "laterality",
    [SLR_FIELD_BODY_PART] = "body_part", [SLR_FIELD_SEX] = "sex", [SLR_FIELD_AGE] = "age",
    [SLR_ROLE_IMAGE] = "image", [SLR_ROLE_SERIES] = "series", [SLR_ROLE_STUDY] = "study",
    [SLR_ROLE_REPORT] = "report", [SLR_ROLE_PATIENT_ID] = "patient_id", [SLR_ROLE_PATIENT] = "patient",
};

const char *slr_report_role_name(int role)
{
    return role_names[role];
}

int slr_report_role_find(const char *name, size_t length)
{
    for (int role = 0; role < SLR_REPORT_ROLES; role++)
        if (strlen(role_names[role]) == length && memcmp(role_names[role], name, length) == 0)
            return role;
    return -1;
}

static selora_status fail_role(const char *name, slr_error *err)
{
    char list[300] = "";
    for (int role = 0; role < SLR_REPORT_ROLES; role++) {
        strcat(list, role ? ", " : "");
        strcat(list, role_names[role]);
    }
    return slr_fail(err, SELORA_USAGE, "--columns: \"%.60s\" is no role; these are: %s", name, list);
}

/* One role=column; the parts are ended in place. */
static selora_status read_pair(slr_report_columns *columns, char *pair, slr_error *err)
{
    char *equals = strchr(pair, '=');
    if (!equals || equals == pair || !equals[1])
        return slr_fail(err, SELORA_USAGE,
                        "--columns: found \"%.60s\", expected role=column, such as findings=Befund", pair);
    *equals = 0;
    int role = slr_report_role_find(pair, strlen(pair));
    if (role < 0)
        return fail_role(pair, err);
    if (columns->names[role])
        return slr_fail(err, SELORA_USAGE, "--columns: %s has a column already", pair);
    columns->names[role] = equals + 1;
    return SELORA_OK;
}

selora_status slr_report_columns_parse(slr_report_columns *columns, const char *map, char **storage,
                                       slr_error *err)
{
    *storage = slr_copy_text(map);
    if (!*storage)
        return slr_fail_memory(err, strlen(map), "--columns");
    selora_status status = SELORA_OK;
    for (char *pair = *storage, *next; status == SELORA_OK && pair; pair = next) {
        next = strchr(pair, ',');
        if (next)
            *next++ = 0;
        status = read_pair(columns, pair, err);
    }
    if (status != SELORA_OK) {
        free(*storage);
        *storage = NULL;
        memset(columns, 0, sizeof *columns);
    }
    return status;
}
