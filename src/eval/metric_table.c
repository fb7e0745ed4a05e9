/* SPDX-License-Identifier: MIT */
#include "eval/metric_table.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/json.h"

selora_status slr_metric_add(slr_metric_table *table, const char *name, const char *extractor, slr_metric **metric,
                             slr_error *err)
{
    json_t *extra = json_object();
    if (!extra || !slr_grow((void **)&table->items, &table->capacity, table->count, sizeof *table->items)) {
        json_decref(extra);
        return slr_fail_memory(err, sizeof *table->items, "a table of metrics");
    }
    *metric = &table->items[table->count++];
    **metric = (slr_metric){.value = NAN, .se = NAN, .low = NAN, .high = NAN, .floor = NAN, .base = NAN, .extra = extra};
    snprintf((*metric)->name, sizeof (*metric)->name, "%s", name);
    snprintf((*metric)->extractor, sizeof (*metric)->extractor, "%s", extractor);
    return SELORA_OK;
}

void slr_metric_table_free(slr_metric_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        json_decref(table->items[i].extra);
    free(table->items);
    *table = (slr_metric_table){0};
}

void slr_metric_number(slr_metric *metric, const char *key, double value)
{
    slr_json_put_number(metric->extra, key, value);
}

void slr_metric_text(slr_metric *metric, const char *key, const char *text)
{
    json_object_set_new(metric->extra, key, json_string(text));
}

void slr_metric_note(slr_metric *metric, const char *format, ...)
{
    size_t length = strlen(metric->note);
    va_list arguments;
    if (length > 0 && length + 2 < sizeof metric->note) {
        memcpy(metric->note + length, "; ", 3);
        length += 2;
    }
    va_start(arguments, format);
    vsnprintf(metric->note + length, sizeof metric->note - length, format, arguments);
    va_end(arguments);
}
