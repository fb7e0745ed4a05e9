/* SPDX-License-Identifier: MIT
 * Reports in XML and in tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "prepare/report_table.h"
#include "prepare/report_xml.h"

/* ---- XML ---- */

static slr_xml_report *parse(const char *text)
{
    slr_xml_report *report;
    slr_error err = {0};
    if (slr_xml_report_parse(text, strlen(text), "report 1", &report, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return report;
}

static const char iu[] =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<eCitation>\n <meta type=\"rr\"/>\n <uId id=\"CXR7\"/>\n"
    " <MedlineCitation><Article><Abstract>\n"
    "  <AbstractText Label=\"COMPARISON\">None.</AbstractText>\n"
    "  <AbstractText Label=\"INDICATION\">Pain &amp; fever, &lt;b&gt; XXXX</AbstractText>\n"
    "  <AbstractText Label=\"FINDINGS\">Heart is  normal.\n   Lungs\tclear. </AbstractText>\n"
    "  <AbstractText Label=\"IMPRESSION\"/>\n"
    "  <AbstractText Label=\"OTHER\">not used</AbstractText>\n"
    " </Abstract></Article></MedlineCitation>\n"
    " <MeSH><major>normal</major><major>Thoracic Vertebrae/degenerative/mild</major></MeSH>\n"
    " <parentImage id=\"CXR7_IM-2263-1001\"><figureId>F1</figureId><caption>Xray Chest PA and Lateral</caption>"
    "<panel><url>/hadoop/x.jpg</url></panel></parentImage>\n"
    " <parentImage id=\"CXR7_IM-2263-2001\"><caption>Xray Chest <i>lateral</i></caption></parentImage>\n"
    "</eCitation>\n";

static void test_xml(void **state)
{
    (void)state;
    slr_xml_report *report = parse(iu);
    assert_string_equal(report->fields[SLR_FIELD_FINDINGS], "Heart is normal. Lungs clear.");
    assert_null(report->fields[SLR_FIELD_IMPRESSION]);
    assert_string_equal(report->fields[SLR_FIELD_COMPARISON], "None.");
    assert_string_equal(report->fields[SLR_FIELD_INDICATION], "Pain & fever, <b> XXXX");
    assert_string_equal(report->fields[SLR_FIELD_MESH], "normal; Thoracic Vertebrae/degenerative/mild");
    assert_int_equal(report->image_count, 2);
    assert_string_equal(report->images[0].id, "CXR7_IM-2263-1001");
    assert_string_equal(report->images[0].caption, "Xray Chest PA and Lateral");
    assert_string_equal(report->images[1].caption, "Xray Chest lateral");
    slr_xml_report_free(report);
    /* other encodings become UTF-8; a label may come twice */
    report = parse("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a><AbstractText Label=\"FINDINGS\">\xe4</AbstractText>"
                   "<AbstractText Label=\"FINDINGS\">&#x4e2d;</AbstractText></a>");
    assert_string_equal(report->fields[SLR_FIELD_FINDINGS], "\xc3\xa4 \xe4\xb8\xad");
    slr_xml_report_free(report);
    /* a DOCTYPE alone does no harm */
    report = parse("<!DOCTYPE a SYSTEM \"http://example.com/a.dtd\"><a><AbstractText Label=\"FINDINGS\">x</AbstractText></a>");
    assert_string_equal(report->fields[SLR_FIELD_FINDINGS], "x");
    slr_xml_report_free(report);
}

static void assert_xml_refused(const char *text, size_t size, const char *expected)
{
    slr_xml_report *report = (slr_xml_report *)(uintptr_t)1;
    slr_error err = {0};
    char *exact = malloc(size ? size : 1);
    memcpy(exact, text, size);
    assert_int_equal(slr_xml_report_parse(exact, size, "report 1", &report, &err), SELORA_BAD_INPUT);
    free(exact);
    assert_null(report);
    if (strncmp(err.message, "report 1: ", 10) != 0 || !strstr(err.message, expected) || strstr(err.message,
                                                                                                "SECRET"))
        fail_msg("'%s' lacks '%s', or tells", err.message, expected);
}

static char *repeated(const char *before, const char *text, int times, const char *after)
{
    char *all = malloc(strlen(before) + strlen(text) * (size_t)times + strlen(after) + 1);
    strcpy(all, before);
    char *at = all + strlen(all);
    for (int i = 0; i < times; i++, at += strlen(text))
        strcpy(at, text);
    strcpy(at, after);
    return all;
}

static void test_xml_refused(void **state)
{
    (void)state;
    static const char bomb[] =
        "<!DOCTYPE a [<!ENTITY x \"SECRETSECRET\"><!ENTITY y \"&x;&x;&x;&x;&x;&x;&x;&x;\"><!ENTITY z \"&y;&y;&y;&y;&y;\">]>"
        "<a><AbstractText Label=\"FINDINGS\">&z;</AbstractText></a>";
    static const char outside[] = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>"
                                  "<a><AbstractText Label=\"FINDINGS\">&x;</AbstractText></a>";
    static const char *const cases[][2] = {
        {"", "line 1, column 1: no element found"},
        {"SECRET", "line 1"},
        {"<a>\n<b>SECRET</a>", "line 2, column 12: mismatched tag"},
        {"<a><AbstractText Label=\"FINDINGS\">SECRET", "no element found"},
        {"<a>&SECRET;</a>", "undefined entity"},
        {"<a>\xff SECRET</a>", "not well-formed"},
        {"<?xml version=\"1.0\" encoding=\"martian\"?><a/>", "unknown encoding"},
        {"<SECRET/>", "neither AbstractText nor parentImage"},
        {"<a><parentImage/></a>", "has no id"},
        {"<a><parentImage id=\"\"/></a>", "has no id"},
        {"<a><parentImage id=\"a&#10;b\"/></a>", "has no id"},
        {bomb, "line 1, column 25: it declares entities"},
        {outside, "it declares entities"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_xml_refused(cases[i][0], strlen(cases[i][0]), cases[i][1]);
    assert_xml_refused("<a>\0</a>", 8, "line 1, column 4");
    char *deep = repeated("", "<a>", 65, ""), *many, *long_text, *large;
    assert_xml_refused(deep, strlen(deep), "more than 64 levels");
    many = repeated("<a>", "<parentImage id=\"x\"/>", 1001, "</a>");
    assert_xml_refused(many, strlen(many), "more than 1000 pictures");
    long_text = repeated("<a><AbstractText Label=\"FINDINGS\">", "0123456789abcdef", 65537,
                         "</AbstractText></a>");
    assert_xml_refused(long_text, strlen(long_text), "more than 1 MiB of text");
    large = repeated("<a>", "                ", 1 << 18, "</a>");
    assert_xml_refused(large, strlen(large), "a report has at most 4194304");
    free(deep);
    free(many);
    free(long_text);
    free(large);
}

/* ---- tables ---- */

static slr_report_table *open_with(const char *text, const char *map)
{
    slr_report_table *table;
    slr_report_columns columns = {0};
    char *storage = NULL;
    slr_error err = {0};
    if (map && slr_report_columns_parse(&columns, map, &storage, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    if (slr_report_table_parse(text, strlen(text), "r.csv", &columns, &table, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    free(storage);
    return table;
}

/* The findings of a row that was found, "-" for none. */
static void assert_row(const slr_report_table *table, slr_report_keys keys, const char *expected)
{
    size_t row;
    bool found = slr_report_table_find(table, &keys, &row);
    assert_string_equal(found ? slr_report_table_cell(table, row, SLR_FIELD_FINDINGS) : "-", expected);
}

static void test_image_names(void **state)
{
    (void)state;
    slr_report_table *table = open_with("file_name,findings\na/x.png,ax\nb/x.png,bx\nx.png,top\ny.dcm,why\n"
                                        "c\\z.png,zed\n./w.v.1,dots\n,nobody\ndeep/er/u.jpg,you\nm/q.png,q1\nn/q.png,q2\n", NULL);
    assert_row(table, (slr_report_keys){.image = "a/x.png"}, "ax");
    assert_row(table, (slr_report_keys){.image = "root/b/x.png"}, "bx");
    assert_row(table, (slr_report_keys){.image = "c/x.png"}, "top");
    assert_row(table, (slr_report_keys){.image = "x.png"}, "top");
    assert_row(table, (slr_report_keys){.image = "y.png"}, "why"); /* the ending changed on the way */
    assert_row(table, (slr_report_keys){.image = "set/y"}, "why");
    assert_row(table, (slr_report_keys){.image = "c/z.png"}, "zed");
    assert_row(table, (slr_report_keys){.image = "w.v.1"}, "dots");
    assert_row(table, (slr_report_keys){.image = "w.v.1.dcm"}, "dots");
    assert_row(table, (slr_report_keys){.image = "w.v"}, "-");
    assert_row(table, (slr_report_keys){.image = "u.png"}, "you"); /* one row only has that stem */
    assert_row(table, (slr_report_keys){.image = "q.png"}, "-");   /* two have */
    assert_row(table, (slr_report_keys){.image = "none.png"}, "-");
    assert_row(table, (slr_report_keys){.image = ""}, "-");
    assert_row(table, (slr_report_keys){.study = "x.png"}, "-");
    slr_report_table_free(table);
}

static void test_keys(void **state)
{
    (void)state;
    slr_report_table *table = open_with("StudyInstanceUID,Patient ID,Findings\n1.2.3,p1,one\n1.2.4,p1,two\n",
                                        NULL);
    assert_row(table, (slr_report_keys){.image = "a.dcm", .study = "1.2.4", .patient_id = "p1"}, "two");
    assert_row(table, (slr_report_keys){.study = "1.2"}, "-");
    size_t row;
    assert_true(slr_report_table_find(table, &(slr_report_keys){.study = "1.2.3"}, &row));
    assert_string_equal(slr_report_table_cell(table, row, SLR_ROLE_PATIENT), "p1");
    assert_string_equal(slr_report_table_cell(table, row, SLR_FIELD_AGE), "");
    assert_true(slr_report_table_is_key(table, slr_report_table_column(table, "Patient ID")));
    assert_false(slr_report_table_is_key(table, slr_report_table_column(table, "Findings")));
    slr_report_table_free(table);
    table = open_with("{\"subject_id\": 7, \"Befund\": \"o.B.\"}\n{\"subject_id\": 8, \"Befund\": \"V.a.\"}\n", "findings=Befund");
    assert_row(table, (slr_report_keys){.patient_id = "8"}, "V.a.");
    slr_report_table_free(table);
    table = open_with("file_name,bild,findings\na.png,b.png,x\n", "image=bild");
    assert_row(table, (slr_report_keys){.image = "b.png"}, "x");
    assert_row(table, (slr_report_keys){.image = "a.png"}, "-");
    slr_report_table_free(table);
}

static void assert_table_refused(const char *text, const char *expected)
{
    slr_report_table *table = (slr_report_table *)(uintptr_t)1;
    slr_error err = {0};
    assert_int_equal(slr_report_table_parse(text, strlen(text), "r.csv", &(slr_report_columns){0}, &table,
                                            &err),
                     SELORA_BAD_INPUT);
    assert_null(table);
    if (strncmp(err.message, "r.csv: ", 7) != 0 || !strstr(err.message, expected) || strstr(err.message,
                                                                                            "SECRET"))
        fail_msg("'%s' lacks '%s', or tells", err.message, expected);
}

static void test_table_refused(void **state)
{
    (void)state;
    assert_table_refused("finding,note\nSECRET,x\n", "no column says which pictures");
    assert_table_refused("file_name,text\nSECRET.png,a\nb.png,b\nSECRET.png,c\n",
                         "rows 1 and 3 are about the same image");
    assert_table_refused("patient_id,text\nSECRET,a\nSECRET,b\n",
                         "rows 1 and 2 are about the same patient; a column");
    assert_table_refused("file_name,text\na.png,\xff SECRET\n", "line 2: not UTF-8");
    assert_table_refused("{\"file_name\": \"a.png\", \"findings\": [\"SECRET\"]}\n",
                         "column for findings holds lists");
    assert_table_refused("file_name,text\na.png\n", "1 fields, the header has 2");
    char *cell = repeated("file_name,text\na.png,x\nb.png,", "SECRET__", SLR_CELL_MAX_BYTES / 8 + 1, "\n");
    assert_table_refused(cell, "row 2 (line 3), column 2: a text of more than 65536 bytes");
    free(cell);
}

static void test_map(void **state)
{
    (void)state;
    slr_report_columns columns = {0};
    char *storage;
    slr_error err = {0};
    assert_int_equal(slr_report_columns_parse(&columns, "image=a b,findings=Befund", &storage, &err),
                     SELORA_OK);
    assert_string_equal(columns.names[SLR_ROLE_IMAGE], "a b");
    assert_string_equal(columns.names[SLR_FIELD_FINDINGS], "Befund");
    assert_null(columns.names[SLR_FIELD_AGE]);
    free(storage);
    static const char *const bad[][2] = {{"", "expected role=column"},  {"findings", "expected role=column"},
                                         {"name=x", "is no role"},      {"age=", "expected role=column"},
                                         {"=x", "expected role=column"}, {"age=a,age=b", "has a column already"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        columns = (slr_report_columns){0};
        assert_int_equal(slr_report_columns_parse(&columns, bad[i][0], &storage, &err), SELORA_USAGE);
        assert_null(storage);
        if (!strstr(err.message, bad[i][1]))
            fail_msg("'%s' lacks '%s'", err.message, bad[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xml),  cmocka_unit_test(test_xml_refused),   cmocka_unit_test(test_image_names),
        cmocka_unit_test(test_keys), cmocka_unit_test(test_table_refused), cmocka_unit_test(test_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
