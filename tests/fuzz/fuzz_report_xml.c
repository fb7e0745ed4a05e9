/* SPDX-License-Identifier: MIT
 * Any bytes as an XML report. What comes out is clean UTF-8, and finds its pictures. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"
#include "prepare/prompts.h"
#include "prepare/report_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
    if (!*text || slr_utf8_valid(text, strlen(text)) != strlen(text) || !slr_utf8_is_printable(text))
        abort();
}

static void check_prompts(const char *data, size_t size, const slr_xml_report *report)
{
    slr_prompts *prompts;
    slr_prompt result;
    slr_prompt_counts counts;
    slr_prompt_options options = {.template = "{view} view, {text}, {mesh}", .xxxx = SLR_XXXX_DROP};
    slr_prompt_picture picture = {.name = report->images[0].id};
    if (slr_prompts_new(&options, &prompts, NULL) != SELORA_OK)
        abort();
    if (slr_prompts_add_xml(prompts, data, size, "input", NULL) != SELORA_OK ||
        slr_prompts_fill(prompts, &picture, 1, &result, &counts, NULL) != SELORA_OK)
        abort();
    if (result.text)
        check_text(result.text);
    slr_prompts_free(prompts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slr_xml_report *report;
    slr_error err = {0};
    if (slr_xml_report_parse((const char *)data, size, "input", &report, &err) != SELORA_OK) {
        if (!err.message[0] || report)
            abort();
        return 0;
    }
    for (int i = 0; i < SLR_REPORT_FIELDS; i++)
        if (report->fields[i])
            check_text(report->fields[i]);
    for (size_t i = 0; i < report->image_count; i++)
        check_text(report->images[i].id);
    if (report->image_count > 0)
        check_prompts((const char *)data, size, report);
    slr_xml_report_free(report);
    return 0;
}
