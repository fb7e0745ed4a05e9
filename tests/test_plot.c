/* SPDX-License-Identifier: MIT
 * Plots and pages: numbers as text, escaping, thinning that keeps the extremes, markup that a parser accepts. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <expat.h>

#include "report/html.h"
#include "report/plot.h"
#include "support/scratch.h"

static char *drawn; /* by the plot before */
static size_t drawn_size;

static FILE *begin(void)
{
    free(drawn);
    drawn = NULL;
    FILE *out = open_memstream(&drawn, &drawn_size);
    assert_non_null(out);
    return out;
}

static void assert_xml(const char *text, size_t size)
{
    XML_Parser parser = XML_ParserCreate("UTF-8");
    if (XML_Parse(parser, text, (int)size, 1) != XML_STATUS_OK)
        fail_msg("line %lu: %s", XML_GetCurrentLineNumber(parser), XML_ErrorString(XML_GetErrorCode(parser)));
    XML_ParserFree(parser);
}

static void end(FILE *out)
{
    assert_int_equal(ferror(out), 0);
    fclose(out);
    assert_xml(drawn, drawn_size);
    assert_null(strstr(drawn, "nan"));
    assert_null(strstr(drawn, "inf"));
}

static size_t count_of(const char *text, const char *piece)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, piece)); at += strlen(piece))
        count++;
    return count;
}

/* ---- texts ---- */

static void test_numbers(void **state)
{
    (void)state;
    char text[SLR_NUMBER_TEXT];
    assert_string_equal(slr_number_text(0.03124, 3, text), "0.0312");
    assert_string_equal(slr_number_text(412.81, 4, text), "412.8");
    assert_string_equal(slr_number_text(412.81, 2, text), "413");
    assert_string_equal(slr_number_text(0, 3, text), "0.00");
    assert_string_equal(slr_number_text(-1.5e-7, 2, text), "-1.5e-07");
    assert_string_equal(slr_number_text(NAN, 3, text), "\xE2\x80\x93");
    assert_string_equal(slr_count_text(1234, text), "1234");
    assert_string_equal(slr_count_text(27840, text), "27\xE2\x80\xAF" "840");
    assert_string_equal(slr_count_text(INT64_MIN, text),
                        "-9\xE2\x80\xAF" "223\xE2\x80\xAF" "372\xE2\x80\xAF" "036\xE2\x80\xAF" "854\xE2\x80\xAF" "775\xE2\x80\xAF" "808");
    assert_string_equal(slr_bytes_text(1234567890.0, text), "1.23 GB");
    assert_string_equal(slr_bytes_text(999, text), "999 bytes");
    assert_string_equal(slr_seconds_text(0.0123, text), "12.3 ms");
    assert_string_equal(slr_seconds_text(185, text), "3 min 05 s");
    assert_string_equal(slr_seconds_text(7625, text), "2 h 07 min");
    assert_string_equal(slr_percent_text(0.0004, text), "0.04 %");
    assert_string_equal(slr_percent_text(INFINITY, text), "\xE2\x80\x93");
}

static void test_escaping(void **state)
{
    (void)state;
    FILE *out = begin();
    slr_markup_text(out, "<b>&\"'\x01\xFF\xE2\x80\xAE" "e\xC3\xA9\xC2\x85\xF0\x9F");
    fclose(out);
    assert_string_equal(drawn, "&lt;b&gt;&amp;&quot;&#39;\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" "e\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    out = begin();
    slr_markup_base64(out, "Man", 3);
    slr_markup_base64(out, "Ma", 2);
    slr_markup_base64(out, "M", 1);
    fclose(out);
    assert_string_equal(drawn, "TWFuTWE=TQ==");
}

/* ---- curves ---- */

enum { LONG = 100000 };

static void test_thinned_curve_keeps_extremes(void **state)
{
    (void)state;
    double *x = malloc(LONG * sizeof *x), *y = malloc(LONG * sizeof *y);
    for (int i = 0; i < LONG; i++) {
        x[i] = i + 1;
        y[i] = 0.5;
    }
    y[34567] = 1;
    y[34568] = 0;
    y[70000] = NAN;
    slr_plot_series series = {.name = "loss <\"&>", .x = x, .y = y, .count = LONG};
    FILE *out = begin();
    slr_plot_lines(out, &(slr_line_plot){.title = "T & T", .x_label = "step", .series = &series, .count = 1});
    end(out);
    assert_in_range(drawn_size, 1000, 30000);
    assert_int_equal(count_of(drawn, "loss &lt;&quot;&amp;&gt;"), 1);
    /* the axis goes from 0 to 1, so that the highest and the lowest value lie at its ends: below the title and legend, and
     * above the numbers of the x axis */
    assert_true(strstr(drawn, " 52.0L") != NULL);
    assert_true(strstr(drawn, " 222.0L") != NULL);
    free(x);
    free(y);
}

static void test_odd_curves(void **state)
{
    (void)state;
    double x[] = {1, 2, 3, 4}, y[] = {NAN, 0, -1, INFINITY}, same[] = {7, 7, 7, 7}, tiny[] = {1e-9, 2e-9, 3e-9, 4e-9};
    const double *const sets[] = {y, same, tiny};
    for (int i = 0; i < 3; i++)
        for (int log = 0; log < 2; log++)
            for (size_t count = 0; count <= 4; count++) {
                slr_plot_series series = {.x = x, .y = sets[i], .count = count, .dots = true, .stepped = log};
                FILE *out = begin();
                slr_plot_lines(out, &(slr_line_plot){.series = &series, .count = 1, .log_y = log, .log_x = log});
                end(out);
            }
    FILE *out = begin();
    slr_plot_lines(out, &(slr_line_plot){.title = "none"});
    end(out);
}

static void test_log_axis(void **state)
{
    (void)state;
    double x[] = {1, 2, 3}, y[] = {1e-5, 1e-3, 1e-1};
    slr_plot_series series = {.x = x, .y = y, .count = 3};
    FILE *out = begin();
    slr_plot_lines(out, &(slr_line_plot){.series = &series, .count = 1, .log_y = true});
    end(out);
    /* decades are equally far apart: three points on a straight line, from bottom to top */
    double at[3] = {0};
    const char *path = strstr(drawn, "fill=\"none\"");
    assert_non_null(path);
    assert_int_equal(sscanf(strstr(path, " d=\"M"), " d=\"M%*f %lfL%*f %lfL%*f %lf", &at[0], &at[1], &at[2]), 3);
    assert_true(fabs(at[0] + at[2] - 2 * at[1]) < 0.11 && at[0] > at[2]);
    assert_true(strstr(drawn, ">1e-5<") && strstr(drawn, ">0.001<"));
}

static void test_comma_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"};
    double x[] = {0.5, 1.5}, y[] = {0.25, 0.75};
    slr_plot_series series = {.x = x, .y = y, .count = 2};
    FILE *out = begin();
    slr_plot_lines(out, &(slr_line_plot){.series = &series, .count = 1});
    end(out);
    char *plain = strdup(drawn);
    for (size_t i = 0; i < sizeof names / sizeof *names && !setlocale(LC_ALL, names[i]); i++)
        ;
    out = begin();
    slr_plot_lines(out, &(slr_line_plot){.series = &series, .count = 1});
    end(out);
    setlocale(LC_ALL, "C");
    assert_string_equal(drawn, plain);
    free(plain);
}

/* ---- the others ---- */

static void test_histograms(void **state)
{
    (void)state;
    double a[] = {0, 0, 0, 1}, b[] = {0.9, 1, 1, 1, NAN}, mark = 0.5;
    const char *name = "threshold";
    FILE *out = begin();
    slr_plot_histograms(out, &(slr_histogram_plot){.title = "distances", .names = {"real", "synthetic"}, .values = {a, b},
                                                   .counts = {4, 5}, .bins = 2, .marks = &mark, .mark_names = &name, .mark_count = 1});
    end(out);
    assert_int_equal(count_of(drawn, "fill-opacity"), 2);
    assert_int_equal(count_of(drawn, "threshold"), 1);
    out = begin();
    slr_plot_histograms(out, &(slr_histogram_plot){.values = {a, NULL}, .counts = {1, 0}});
    end(out);
    assert_int_equal(count_of(drawn, "fill-opacity"), 1);
    out = begin();
    slr_plot_histograms(out, &(slr_histogram_plot){.title = "none"});
    end(out);
}

static void test_bars_and_shares(void **state)
{
    (void)state;
    slr_plot_bar bars[] = {{"step", "1 s", 3, 0}, {"probe & <rest>", "", 1, 1}, {"nothing", "", NAN, 2}};
    FILE *out = begin();
    slr_plot_bars(out, &(slr_bar_plot){.title = "time", .bars = bars, .count = 3});
    end(out);
    assert_int_equal(count_of(drawn, "<rect"), 3);
    out = begin();
    slr_plot_shares(out, &(slr_bar_plot){.title = "time", .bars = bars, .count = 3});
    end(out);
    assert_int_equal(count_of(drawn, "height=\"20\""), 2);
    out = begin();
    slr_plot_shares(out, &(slr_bar_plot){0});
    end(out);
}

static void test_map(void **state)
{
    (void)state;
    double values[] = {1, 2, NAN, 5};
    const char *const rows[] = {"to_q", "to_k"}, *const columns[] = {"down 1", "a long name of a block"};
    FILE *out = begin();
    slr_plot_map(out, &(slr_map_plot){.title = "ranks", .rows = 2, .columns = 2, .values = values, .row_labels = rows,
                                      .column_labels = columns, .numbers = true});
    end(out);
    assert_int_equal(count_of(drawn, "to_q, down 1: 1<"), 1);
    assert_int_equal(count_of(drawn, "<circle"), 1);
    assert_int_equal(count_of(drawn, "#0d2f56"), 1); /* the darkest: the highest value */
    out = begin();
    slr_plot_map(out, &(slr_map_plot){0});
    end(out);
}

/* ---- pages ---- */

static void test_page(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_html *page;
    assert_int_equal(slr_html_new("kick & er", "<script>alert(1)</script>", &page, &err), SELORA_OK);
    slr_html_lead(page, "%s", "a < b");
    slr_html_section(page, "One & two");
    slr_html_section(page, "Three");
    slr_html_facts_begin(page);
    slr_html_fact(page, "loss", "%s", "0.1");
    slr_html_facts_end(page);
    slr_html_table_begin(page, "lr", (const char *[]){"what", "value"});
    slr_html_cell(page, "%s", "</td><img src=x onerror=alert(1)>");
    slr_html_missing(page, "not recorded");
    slr_html_cell(page, "half a row");
    slr_html_table_end(page);
    slr_html_fold_begin(page, false, "more");
    slr_html_figures_begin(page, 2);
    slr_html_figure_begin(page);
    slr_html_png(page, "\x89PNG", 4, "al\"t");
    slr_html_figure_end(page, "caption");
    slr_html_figures_end(page);
    slr_html_fold_end(page);
    slr_html_warning(page, "careful");
    assert_int_equal(slr_html_save(page, scratch_path("page.html"), &err), SELORA_OK);
    size_t size;
    char *text = scratch_read("page.html", &size);
    assert_non_null(text);
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "<img src=x"));
    assert_int_equal(count_of(text, "<tr>"), 3);
    assert_int_equal(count_of(text, "</tr>"), 3);
    assert_int_equal(count_of(text, "href=\"#s"), 2);
    assert_int_equal(count_of(text, "http"), 1); /* http-equiv: nothing from outside */
    assert_non_null(strstr(text, "data:image/png;base64,iVBORw=="));
    free(text);
    assert_int_equal(slr_html_new("a", "b", &page, &err), SELORA_OK);
    assert_int_not_equal(slr_html_save(page, scratch_path("no/such/page.html"), &err), SELORA_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_escaping),
        cmocka_unit_test(test_thinned_curve_keeps_extremes),
        cmocka_unit_test(test_odd_curves),
        cmocka_unit_test(test_log_axis),
        cmocka_unit_test(test_comma_locale),
        cmocka_unit_test(test_histograms),
        cmocka_unit_test(test_bars_and_shares),
        cmocka_unit_test(test_map),
        cmocka_unit_test_setup_teardown(test_page, scratch_setup, scratch_teardown),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(drawn);
    return failed;
}
