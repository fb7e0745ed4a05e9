/* SPDX-License-Identifier: MIT */
#include "prepare/report_xml.h"

#include <expat.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/utf8.h"
#include "prepare/prompt_clean.h"

enum { MAX_DEPTH = 64, MAX_TEXT = 1 << 20, MAX_IMAGES = 1000, MAX_ID = 255, NOWHERE = -1, CAPTION = -2 };

typedef struct reader {
    XML_Parser parser;
    slr_xml_report *report;
    int depth;
    int target;       /* field that is being read, CAPTION or NOWHERE */
    int target_depth; /* of its element */
    bool in_mesh, in_image;
    char *text; /* of the element that is being read */
    size_t size, capacity, total;
    bool known; /* an element of the form was seen */
    selora_status status;
    const char *problem;
} reader;

static void stop(reader *in, selora_status status, const char *problem)
{
    if (in->status == SELORA_OK) {
        in->status = status;
        in->problem = problem;
    }
    XML_StopParser(in->parser, XML_FALSE);
}

static const char *attribute(const char **attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    return NULL;
}

/* Which field a Label stands for; NOWHERE: none that is used. */
static int field_of_label(const char *label)
{
    static const struct {
        const char *label;
        slr_report_field field;
    } labels[] = {{"FINDINGS", SLR_FIELD_FINDINGS}, {"IMPRESSION", SLR_FIELD_IMPRESSION},
                  {"INDICATION", SLR_FIELD_INDICATION}, {"COMPARISON", SLR_FIELD_COMPARISON}};
    for (size_t i = 0; label && i < sizeof labels / sizeof *labels; i++)
        if (strcmp(labels[i].label, label) == 0)
            return labels[i].field;
    return NOWHERE;
}

static void begin_image(reader *in, const char *id)
{
    slr_xml_report *report = in->report;
    if (!id || !*id || strlen(id) > MAX_ID || !slr_utf8_is_printable(id)) {
        stop(in, SELORA_BAD_INPUT, "a parentImage has no id of 1 to 255 characters that names a picture");
        return;
    }
    if (report->image_count >= MAX_IMAGES) {
        stop(in, SELORA_BAD_INPUT, "more than 1000 pictures");
        return;
    }
    slr_xml_image image = {slr_copy_text(id), slr_copy_text("")};
    if (!image.id || !image.caption ||
        !slr_grow((void **)&report->images, &report->image_capacity, report->image_count, sizeof image)) {
        free(image.id);
        free(image.caption);
        stop(in, SELORA_NO_RESOURCE, NULL);
        return;
    }
    report->images[report->image_count++] = image;
    in->in_image = true;
}

static void begin_text(reader *in, int target)
{
    in->target = target;
    in->target_depth = in->depth;
    in->size = 0;
}

static void XMLCALL begin_element(void *context, const char *name, const char **attributes)
{
    reader *in = context;
    if (++in->depth > MAX_DEPTH)
        stop(in, SELORA_BAD_INPUT, "more than 64 levels");
    if (in->target != NOWHERE)
        return; /* what stands inside is part of the text */
    if (strcmp(name, "AbstractText") == 0) {
        in->known = true;
        begin_text(in, field_of_label(attribute(attributes, "Label")));
    } else if (strcmp(name, "parentImage") == 0) {
        in->known = true;
        begin_image(in, attribute(attributes, "id"));
    } else if (strcmp(name, "caption") == 0 && in->in_image) {
        begin_text(in, CAPTION);
    } else if (strcmp(name, "MeSH") == 0) {
        in->in_mesh = true;
    } else if (strcmp(name, "major") == 0 && in->in_mesh) {
        begin_text(in, SLR_FIELD_MESH);
    }
}

static void XMLCALL characters(void *context, const char *text, int length)
{
    reader *in = context;
    size_t size = (size_t)length;
    if (in->target == NOWHERE)
        return;
    if ((in->total += size) > MAX_TEXT)
        stop(in, SELORA_BAD_INPUT, "more than 1 MiB of text");
    else if (!slr_grow((void **)&in->text, &in->capacity, in->size + size, 1))
        stop(in, SELORA_NO_RESOURCE, NULL);
    else {
        memcpy(in->text + in->size, text, size);
        in->size += size;
    }
}

/* The text that was read, behind what the place holds already. Empty ones leave it as it is. */
static bool append(const reader *in, char **place, const char *between)
{
    char *text = slr_copy_text_n(in->size ? in->text : "", in->size);
    if (!text)
        return false;
    slr_prompt_blanks(text);
    if (!*text) {
        free(text);
        return true;
    }
    char *joined = *place && **place ? slr_format("%s%s%s", *place, between, text) : slr_copy_text(text);
    free(text);
    if (!joined)
        return false;
    free(*place);
    *place = joined;
    return true;
}

static void XMLCALL end_element(void *context, const char *name)
{
    reader *in = context;
    if (in->target != NOWHERE && in->depth == in->target_depth) {
        slr_xml_report *report = in->report;
        bool done = in->target == CAPTION ? append(in, &report->images[report->image_count - 1].caption, " ")
                                          : append(in, &report->fields[in->target],
                                                   in->target == SLR_FIELD_MESH ? "; " : " ");
        in->target = NOWHERE;
        if (!done)
            stop(in, SELORA_NO_RESOURCE, NULL);
    } else if (in->target == NOWHERE && strcmp(name, "parentImage") == 0) {
        in->in_image = false;
    } else if (in->target == NOWHERE && strcmp(name, "MeSH") == 0) {
        in->in_mesh = false;
    }
    in->depth--;
}

/* A document has no need of its own entities, and bombs are made of them. */
static void XMLCALL entity(void *context, const char *name, int is_parameter, const char *value, int length,
                           const char *base, const char *system, const char *public, const char *notation)
{
    (void)name, (void)is_parameter, (void)value, (void)length;
    (void)base, (void)system, (void)public, (void)notation;
    stop(context, SELORA_BAD_INPUT, "it declares entities");
}

static selora_status parse(reader *in, const char *data, size_t size, const char *name, slr_error *err)
{
    if (size > SLR_XML_MAX_BYTES)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %zu bytes, a report has at most %d", name, size,
                        SLR_XML_MAX_BYTES);
    XML_SetUserData(in->parser, in);
    XML_SetElementHandler(in->parser, begin_element, end_element);
    XML_SetCharacterDataHandler(in->parser, characters);
    XML_SetEntityDeclHandler(in->parser, entity);
    enum XML_Status status = XML_Parse(in->parser, data, (int)size, 1);
    unsigned long line = XML_GetCurrentLineNumber(in->parser);
    unsigned long column = XML_GetCurrentColumnNumber(in->parser) + 1;
    enum XML_Error code = XML_GetErrorCode(in->parser);
    if (in->status == SELORA_NO_RESOURCE || code == XML_ERROR_NO_MEMORY)
        return slr_fail(err, SELORA_NO_RESOURCE, "%s: not enough memory for the report", name);
    if (in->status != SELORA_OK)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: line %lu, column %lu: %s", name, line, column,
                        in->problem);
    if (status != XML_STATUS_OK)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: line %lu, column %lu: %s", name, line, column,
                        XML_ErrorString(code));
    if (!in->known)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: neither AbstractText nor parentImage in it: no report of the form of IU "
                        "X-Ray", name);
    return SELORA_OK;
}

selora_status slr_xml_report_parse(const char *data, size_t size, const char *name, slr_xml_report **report,
                                   slr_error *err)
{
    reader in = {.parser = XML_ParserCreate(NULL), .report = slr_alloc(1,
                                                                       sizeof *in.report), .target = NOWHERE};
    *report = NULL;
    selora_status status = in.parser && in.report ? parse(&in, data, size, name, err)
                                                  : slr_fail_memory(err, sizeof *in.report, name);
    XML_ParserFree(in.parser);
    free(in.text);
    if (status == SELORA_OK)
        *report = in.report;
    else
        slr_xml_report_free(in.report);
    return status;
}

void slr_xml_report_free(slr_xml_report *report)
{
    if (!report)
        return;
    for (int i = 0; i < SLR_REPORT_FIELDS; i++)
        free(report->fields[i]);
    for (size_t i = 0; i < report->image_count; i++) {
        free(report->images[i].id);
        free(report->images[i].caption);
    }
    free(report->images);
    free(report);
}
