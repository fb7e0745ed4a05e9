/* SPDX-License-Identifier: MIT
 *
 * A page that stands alone: style, plots and pictures inside, no script, nothing from outside. It reads well without
 * colour, on paper and to a screen reader. It is built in memory and written whole.
 *
 *     slr_html *page;
 *     SLR_TRY(slr_html_new("selora report", "Run demo", &page, err));
 *     slr_html_section(page, "Training");
 *     slr_html_text(page, "%s steps.", slr_count_text(steps, text));
 *     slr_html_figures_begin(page, 2);
 *     slr_html_figure_begin(page);
 *     slr_plot_lines(slr_html_stream(page), &plot);
 *     slr_html_figure_end(page, "Loss of each step, and held-out loss.");
 *     slr_html_figures_end(page);
 *     slr_html_table_begin(page, "lrr", (const char *[]){"metric", "value", "floor"});
 *     slr_html_cell(page, "%s", name), slr_html_cell(page, "%s", value), slr_html_missing(page, "not recorded");
 *     slr_html_table_end(page);
 *     SLR_TRY(slr_html_save(page, "report.html", err));      (frees; slr_html_free() discards)
 *
 * Every text is escaped; numbers are formatted with the functions of report/markup.h, which know no locale.
 */
#ifndef SLR_HTML_H
#define SLR_HTML_H

#include <stdbool.h>

#include "core/status.h"
#include "report/markup.h"

typedef struct slr_html slr_html;

/* `kicker`: the small line above the title. */
selora_status slr_html_new(const char *kicker, const char *title, slr_html **page, slr_error *err);
void slr_html_free(slr_html *page); /* NULL is legal */
/* Writes aside and renames, mode 0644 less the umask; frees the page in any case. */
selora_status slr_html_save(slr_html *page, const char *path, slr_error *err);

/* For plots: markup goes into the page as it is. */
FILE *slr_html_stream(slr_html *page);

/* Under the title; once, before the first section. */
void slr_html_lead(slr_html *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void slr_html_section(slr_html *page, const char *title); /* also in the list at the top */
void slr_html_heading(slr_html *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void slr_html_text(slr_html *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void slr_html_note(slr_html *page, const char *format, ...) __attribute__((format(printf, 2, 3)));    /* small */
void slr_html_warning(slr_html *page, const char *format, ...) __attribute__((format(printf, 2, 3))); /* in a frame */

/* Large numbers with a word each, side by side. */
void slr_html_facts_begin(slr_html *page);
void slr_html_fact(slr_html *page, const char *label, const char *format, ...) __attribute__((format(printf, 3, 4)));
void slr_html_facts_end(slr_html *page);

/* `alignment`: a letter for each column, l, r or c; numbers go right. `headings` NULL: none. Cells fill rows in turn. */
enum { SLR_HTML_COLUMNS = 32 };
void slr_html_table_begin(slr_html *page, const char *alignment, const char *const *headings);
void slr_html_cell(slr_html *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void slr_html_missing(slr_html *page, const char *word); /* a cell in grey, such as "not recorded" */
void slr_html_table_end(slr_html *page);

/* Figures in so many columns (one on narrow screens). */
void slr_html_figures_begin(slr_html *page, int columns);
void slr_html_figure_begin(slr_html *page);
void slr_html_figure_end(slr_html *page, const char *format, ...) __attribute__((format(printf, 2, 3))); /* caption; "" none */
void slr_html_figures_end(slr_html *page);
/* The bytes of a PNG file, inside a figure; `alternative` says what it shows. Pixels stay sharp when enlarged. */
void slr_html_png(slr_html *page, const void *png, size_t size, const char *alternative);

/* What opens on a click; printed closed unless `open`. */
void slr_html_fold_begin(slr_html *page, bool open, const char *format, ...) __attribute__((format(printf, 3, 4)));
void slr_html_fold_end(slr_html *page);

#endif
