/* SPDX-License-Identifier: MIT */
#include "report/html.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/atomic_file.h"
#include "report/page_style.h"

struct slr_html {
    FILE *body, *list; /* what comes in the page, and the names of its sections */
    char *body_text, *list_text, *kicker, *title, *lead;
    size_t body_size, list_size;
    int sections;
    char alignment[SLR_HTML_COLUMNS + 1]; /* of the open table */
    size_t column;
};

#define PRINT_ESCAPED(stream)                                                                      \
    do {                                                                                           \
        va_list arguments;                                                                         \
        va_start(arguments, format);                                                               \
        slr_markup_vtext(stream, format, arguments);                                               \
        va_end(arguments);                                                                         \
    } while (0)

selora_status slr_html_new(const char *kicker, const char *title, slr_html **result, slr_error *err)
{
    *result = NULL;
    slr_html *page = slr_alloc(1, sizeof *page);
    if (!page)
        return slr_fail_memory(err, sizeof *page, "a page");
    page->kicker = slr_copy_text(kicker);
    page->title = slr_copy_text(title);
    page->body = open_memstream(&page->body_text, &page->body_size);
    page->list = open_memstream(&page->list_text, &page->list_size);
    if (!page->kicker || !page->title || !page->body || !page->list) {
        slr_html_free(page);
        return slr_fail_memory(err, 0, "a page");
    }
    *result = page;
    return SELORA_OK;
}

void slr_html_free(slr_html *page)
{
    if (!page)
        return;
    if (page->body)
        fclose(page->body);
    if (page->list)
        fclose(page->list);
    free(page->body_text);
    free(page->list_text);
    free(page->kicker);
    free(page->title);
    free(page->lead);
    free(page);
}

static void write_page(const slr_html *page, FILE *out)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" "
          "content=\"default-src 'none';img-src data:;style-src 'unsafe-inline'\">\n"
          "<title>", out);
    slr_markup_text(out, page->title);
    fputs("</title>\n<style>\n", out);
    fputs(slr_page_style, out);
    fputs("</style>\n</head>\n<body>\n<header>\n<p class=\"kicker\">", out);
    slr_markup_text(out, page->kicker);
    fputs("</p>\n<h1>", out);
    slr_markup_text(out, page->title);
    fputs("</h1>\n", out);
    if (page->lead) {
        fputs("<p class=\"lead\">", out);
        fputs(page->lead, out);
        fputs("</p>\n", out);
    }
    if (page->sections > 1) {
        fputs("<nav aria-label=\"sections\">", out);
        fwrite(page->list_text, 1, page->list_size, out);
        fputs("</nav>\n", out);
    }
    fputs("</header>\n<main>\n", out);
    fwrite(page->body_text, 1, page->body_size, out);
    slr_markup(out, "</main>\n<footer><p>selora %s</p></footer>\n</body>\n</html>\n", SELORA_VERSION);
}

selora_status slr_html_save(slr_html *page, const char *path, slr_error *err)
{
    slr_atomic_file *file;
    selora_status status = SELORA_OK;
    if (fflush(page->body) != 0 || ferror(page->body) || fflush(page->list) != 0 || ferror(page->list))
        status = slr_fail_memory(err, page->body_size, path);
    if (status == SELORA_OK)
        status = slr_atomic_open(path, 0644, &file, err);
    if (status == SELORA_OK) {
        write_page(page, slr_atomic_stream(file));
        status = slr_atomic_commit(file, err);
    }
    slr_html_free(page);
    return status;
}

FILE *slr_html_stream(slr_html *page)
{
    return page->body;
}

void slr_html_lead(slr_html *page, const char *format, ...)
{
    size_t size;
    free(page->lead);
    page->lead = NULL;
    FILE *memory = open_memstream(&page->lead, &size);
    if (!memory)
        return;
    PRINT_ESCAPED(memory);
    fclose(memory);
}

void slr_html_section(slr_html *page, const char *title)
{
    int number = ++page->sections;
    slr_markup(page->list, "<a href=\"#s%d\">", number);
    slr_markup_text(page->list, title);
    fputs("</a>\n", page->list);
    slr_markup(page->body, "<h2 id=\"s%d\">", number);
    slr_markup_text(page->body, title);
    fputs("</h2>\n", page->body);
}

void slr_html_heading(slr_html *page, const char *format, ...)
{
    fputs("<h3>", page->body);
    PRINT_ESCAPED(page->body);
    fputs("</h3>\n", page->body);
}

void slr_html_text(slr_html *page, const char *format, ...)
{
    fputs("<p>", page->body);
    PRINT_ESCAPED(page->body);
    fputs("</p>\n", page->body);
}

void slr_html_note(slr_html *page, const char *format, ...)
{
    fputs("<p class=\"note\">", page->body);
    PRINT_ESCAPED(page->body);
    fputs("</p>\n", page->body);
}

void slr_html_warning(slr_html *page, const char *format, ...)
{
    fputs("<p class=\"warning\">", page->body);
    PRINT_ESCAPED(page->body);
    fputs("</p>\n", page->body);
}

void slr_html_facts_begin(slr_html *page)
{
    fputs("<dl class=\"facts\">\n", page->body);
}

void slr_html_fact(slr_html *page, const char *label, const char *format, ...)
{
    fputs("<div><dt>", page->body);
    slr_markup_text(page->body, label);
    fputs("</dt><dd>", page->body);
    PRINT_ESCAPED(page->body);
    fputs("</dd></div>\n", page->body);
}

void slr_html_facts_end(slr_html *page)
{
    fputs("</dl>\n", page->body);
}

/* ---- tables ---- */

void slr_html_table_begin(slr_html *page, const char *alignment, const char *const *headings)
{
    snprintf(page->alignment, sizeof page->alignment, "%s", alignment);
    page->column = 0;
    fputs("<div class=\"scroll\"><table>\n", page->body);
    if (headings) {
        fputs("<thead><tr>", page->body);
        for (size_t i = 0; page->alignment[i]; i++) {
            slr_markup(page->body, "<th scope=\"col\" class=\"%c\">", page->alignment[i]);
            slr_markup_text(page->body, headings[i]);
            fputs("</th>", page->body);
        }
        fputs("</tr></thead>\n", page->body);
    }
    fputs("<tbody>\n", page->body);
}

/* The first cell of a row names it. */
static void begin_cell(slr_html *page, const char *more)
{
    if (page->column == 0)
        slr_markup(page->body, "<tr><th scope=\"row\" class=\"%c%s\">", page->alignment[0], more);
    else
        slr_markup(page->body, "<td class=\"%c%s\">", page->alignment[page->column], more);
}

static void end_cell(slr_html *page)
{
    fputs(page->column == 0 ? "</th>" : "</td>", page->body);
    if (page->alignment[++page->column])
        return;
    fputs("</tr>\n", page->body);
    page->column = 0;
}

void slr_html_cell(slr_html *page, const char *format, ...)
{
    begin_cell(page, "");
    PRINT_ESCAPED(page->body);
    end_cell(page);
}

void slr_html_missing(slr_html *page, const char *word)
{
    begin_cell(page, " none");
    slr_markup_text(page->body, word);
    end_cell(page);
}

void slr_html_table_end(slr_html *page)
{
    while (page->column > 0)
        slr_html_cell(page, "%s", "");
    fputs("</tbody></table></div>\n", page->body);
}

/* ---- figures ---- */

void slr_html_figures_begin(slr_html *page, int columns)
{
    slr_markup(page->body, "<div class=\"figures of%d\">\n", columns < 1 ? 1 : columns > 4 ? 4 : columns);
}

void slr_html_figures_end(slr_html *page)
{
    fputs("</div>\n", page->body);
}

void slr_html_figure_begin(slr_html *page)
{
    fputs("<figure>\n", page->body);
}

void slr_html_figure_end(slr_html *page, const char *format, ...)
{
    if (format[0]) {
        fputs("<figcaption>", page->body);
        PRINT_ESCAPED(page->body);
        fputs("</figcaption>", page->body);
    }
    fputs("</figure>\n", page->body);
}

void slr_html_png(slr_html *page, const void *png, size_t size, const char *alternative)
{
    fputs("<img alt=\"", page->body);
    slr_markup_text(page->body, alternative);
    fputs("\" src=\"data:image/png;base64,", page->body);
    slr_markup_base64(page->body, png, size);
    fputs("\">\n", page->body);
}

void slr_html_fold_begin(slr_html *page, bool open, const char *format, ...)
{
    fputs(open ? "<details open><summary>" : "<details><summary>", page->body);
    PRINT_ESCAPED(page->body);
    fputs("</summary>\n", page->body);
}

void slr_html_fold_end(slr_html *page)
{
    fputs("</details>\n", page->body);
}
