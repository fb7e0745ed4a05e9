/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "prepare/prompts.h"
#include "support/scratch.h"

enum { MOST = 12 };

typedef struct filled {
    slr_prompts *prompts;
    slr_prompt results[MOST];
    slr_prompt_counts counts;
    slr_error err;
} filled;

static filled begin(const slr_prompt_options *options)
{
    filled f = {0};
    if (slr_prompts_new(options, &f.prompts, &f.err) != SELORA_OK)
        fail_msg("%s", f.err.message);
    return f;
}

static void add_table(filled *f, const char *text)
{
    if (slr_prompts_add_table(f->prompts, text, strlen(text), "r.csv", &f->err) != SELORA_OK)
        fail_msg("%s", f->err.message);
}

static void add_xml(filled *f, const char *id, const char *caption, const char *findings,
                    const char *impression)
{
    char text[2000];
    snprintf(text, sizeof text,
             "<e><AbstractText Label=\"FINDINGS\">%s</AbstractText><AbstractText Label=\"IMPRESSION\">%s"
             "</AbstractText><MeSH><major>normal</major></MeSH>"
             "<parentImage id=\"%s-1001\"><caption>%s</caption></parentImage>"
             "<parentImage id=\"%s-2001\"><caption>lateral</caption></parentImage></e>",
             findings, impression, id, caption, id);
    if (slr_prompts_add_xml(f->prompts, text, strlen(text), "report", &f->err) != SELORA_OK)
        fail_msg("%s", f->err.message);
}

static void fill(filled *f, const slr_prompt_picture *pictures, size_t count)
{
    if (slr_prompts_fill(f->prompts, pictures, count, f->results, &f->counts, &f->err) != SELORA_OK)
        fail_msg("%s", f->err.message);
}

static void assert_text(const filled *f, size_t i, const char *expected)
{
    if (!f->results[i].text)
        fail_msg("picture %zu is skipped: %d", i + 1, (int)f->results[i].skip);
    assert_string_equal(f->results[i].text, expected);
    assert_int_equal(f->results[i].skip, SLR_PROMPT_USED);
}

static void assert_skipped(const filled *f, size_t i, slr_prompt_skip skip)
{
    assert_null(f->results[i].text);
    assert_int_equal(f->results[i].skip, skip);
}

static void done(filled *f)
{
    slr_prompts_free(f->prompts);
}

/* The IU set: two pictures a report, names with and without their folder's part, reports without text or
   picture. */
static void test_iu(void **state)
{
    (void)state;
    filled f = begin(&(slr_prompt_options){0});
    add_xml(&f, "CXR1_1_IM-0001", "Xray Chest PA and Lateral", "Heart  normal.\nXXXX clear.", "Normal.");
    add_xml(&f, "CXR2_IM-0652", "PA", "", "No acute disease.");
    add_xml(&f, "CXR3_IM-1384", "", "", " ");
    add_xml(&f, "CXR4_IM-2050", "", "unused", "");
    const slr_prompt_picture pictures[] = {
        {.name = "CXR1_1_IM-0001-1001.png"}, {.name = "CXR1/1_IM-0001-2001.dcm"},
        {.name = "CXR2_IM-0652-1001.dcm"},   {.name = "CXR3_IM-1384-1001"},
        {.name = "other.dcm"},               {.name = "x/IM-0652-2001.dcm"},
    };
    fill(&f, pictures, 6);
    assert_text(&f, 0, "Heart normal. XXXX clear.");
    assert_text(&f, 1, "Heart normal. XXXX clear.");
    assert_text(&f, 2, "No acute disease.");
    assert_text(&f, 5, "No acute disease.");
    assert_skipped(&f, 3, SLR_PROMPT_NO_TEXT);
    assert_skipped(&f, 4, SLR_PROMPT_NO_REPORT);
    assert_string_equal(f.results[0].view, "");
    assert_string_equal(f.results[1].view, "LATERAL");
    assert_string_equal(f.results[2].view, "PA");
    assert_int_equal(f.results[0].report, f.results[1].report);
    assert_int_equal(f.results[2].report, 2);
    assert_int_equal(f.results[4].report, 0);
    assert_int_equal(f.counts.skips[SLR_PROMPT_USED], 4);
    assert_int_equal(f.counts.from_xml, 4);
    assert_int_equal(f.counts.other_part, 2);
    assert_int_equal(f.counts.reports, 4);
    assert_int_equal(f.counts.reports_unused, 1);
    assert_int_equal(f.counts.xxxx_prompts, 2);
    assert_int_equal(f.counts.xxxx_words, 2);
    assert_int_equal(f.counts.same_text, 4);
    assert_int_equal(f.counts.most_same, 2);
    assert_int_equal(f.counts.scan.scanned, 4);
    assert_int_equal(slr_prompts_fill(f.prompts, pictures, 6, f.results, &f.counts, NULL), SELORA_USAGE);
    done(&f);
}

static void test_choice_and_xxxx(void **state)
{
    (void)state;
    static const char table[] = "file_name,findings,impression\na.png,Heart XXXX  normal.,Normal.\nb.png,,Clear.\n"
                                "c.png,Fine.,\nd.png,XXXX,\n";
    const slr_prompt_picture pictures[] = {{.name = "a.png"}, {.name = "b.png"}, {.name = "c.png"},
                                           {.name = "d.png"}};
    filled f = begin(&(slr_prompt_options){.choice = SLR_REPORT_BOTH, .xxxx = SLR_XXXX_DROP});
    add_table(&f, table);
    fill(&f, pictures, 4);
    assert_text(&f, 0, "Heart normal. Normal.");
    assert_text(&f, 1, "Clear.");
    assert_text(&f, 2, "Fine.");
    assert_skipped(&f, 3, SLR_PROMPT_NO_TEXT);
    assert_int_equal(f.counts.from_table, 3);
    assert_int_equal(f.counts.xxxx_words, 1);
    done(&f);
    f = begin(&(slr_prompt_options){.choice = SLR_REPORT_IMPRESSION, .xxxx = SLR_XXXX_SPLIT});
    add_table(&f, table);
    fill(&f, pictures, 4);
    assert_text(&f, 0, "Normal."); /* the XXXX is in the other part */
    assert_text(&f, 2, "Fine.");
    assert_skipped(&f, 3, SLR_PROMPT_XXXX);
    assert_int_equal(f.counts.other_part, 1);
    done(&f);
    f = begin(&(slr_prompt_options){.xxxx = SLR_XXXX_SPLIT});
    add_table(&f, table);
    fill(&f, pictures, 4);
    assert_skipped(&f, 0, SLR_PROMPT_XXXX);
    assert_text(&f, 1, "Clear.");
    assert_int_equal(f.counts.skips[SLR_PROMPT_XXXX], 2);
    done(&f);
}

static void test_template_of_header(void **state)
{
    (void)state;
    slr_prompt_options options = {
        .template = "{modality}, {view} view, {age}-year-old {sex}, {laterality} {body_part}, "
                    "findings: {findings}"};
    const slr_prompt_picture pictures[] = {
        {.name = "a.dcm", .modality = "DX", .view = "PA", .age = "032Y", .sex = "F", .body_part = "CHEST"},
        {.name = "b.dcm", .modality = "CR", .view = "LL", .age = "093Y", .sex = "M", .body_part = "CSPINE"},
        /* free texts where terms belong are left out */
        {.name = "c.dcm", .modality = "DOE", .view = "DOE^JOHN", .age = "DOE", .sex = "DOE", .body_part = "DOE"},
        {.name = "d.dcm", .modality = "DX"},
    };
    filled f = begin(&options);
    add_table(&f, "file_name,findings\na.dcm,\"clear, normal\"\nb.dcm,x\nc.dcm,y\nd.dcm,\n");
    fill(&f, pictures, 4);
    assert_text(&f, 0, "DX, PA view, 30-34-year-old female, chest, findings: clear, normal");
    assert_text(&f, 1, "CR, left lateral view, 90+-year-old male, cervical spine, findings: x");
    assert_text(&f, 2, "findings: y");
    assert_skipped(&f, 3, SLR_PROMPT_NO_TEXT);
    assert_int_equal(f.counts.words_unknown, 5);
    assert_int_equal(f.counts.ages_over_89, 1);
    assert_int_equal(f.counts.fields_missing, 1 + 1 + 6);
    assert_int_equal(f.counts.scan.suspect, 0);
    done(&f);
    options.exact_age = true;
    f = begin(&options);
    add_table(&f, "file_name,findings,view,age,gender\na.dcm,x,frontal,41.5,Male\n");
    fill(&f, pictures, 1);
    assert_text(&f, 0,
                "DX, frontal view, 41-year-old Male, chest, findings: x"); /* a table's words come first */
    done(&f);
}

/* The form of the Montgomery set; columns of one's own; several tables; patients and labels. */
static void test_columns(void **state)
{
    (void)state;
    slr_prompt_options options = {.template = "age:{age}, gender:{sex}, site:{Site}, findings:{findings}",
                                  .label_column = "Label", .exact_age = true};
    filled f = begin(&options);
    add_table(&f, "file,age,sex,Site,Label,patient\na.png,32,M,North,tb,p1\nb.png,,, ,,p2\n");
    add_table(&f, "{\"image\": \"set/a.png\", \"findings\": \"nodule\"}\n"
                  "{\"image\": \"b.png\", \"findings\": \"none\"}\n");
    const slr_prompt_picture pictures[] = {{.name = "set/a.png"}, {.name = "set/b.png"}, {.name = "c.png"}};
    fill(&f, pictures, 3);
    assert_text(&f, 0, "age:32, gender:male, site:North, findings:nodule");
    assert_text(&f, 1, "findings:none");
    assert_skipped(&f, 2, SLR_PROMPT_NO_REPORT);
    assert_string_equal(f.results[0].patient, "p1");
    assert_string_equal(f.results[0].label, "tb");
    assert_string_equal(f.results[1].label, "");
    assert_string_equal(f.results[2].patient, "");
    assert_int_equal(f.counts.reports, 4);
    assert_int_equal(f.counts.reports_unused, 0);
    done(&f);
    /* a template without texts of reports needs none */
    f = begin(&(slr_prompt_options){.template = "{modality}, {view} view"});
    fill(&f, (slr_prompt_picture[]){{.name = "a.dcm", .modality = "CR", .view = "AP"}, {.name = "b.dcm"}}, 2);
    assert_text(&f, 0, "CR, AP view");
    assert_skipped(&f, 1, SLR_PROMPT_NO_REPORT);
    assert_int_equal(f.counts.from_header, 1);
    done(&f);
}

/* One table names the pictures of a report, another has its text. */
static void test_linked_tables(void **state)
{
    (void)state;
    filled f = begin(&(slr_prompt_options){.template = "{view} view, {findings}"});
    add_table(&f, "uid,MeSH,image,findings,impression\n1,normal,Xray Chest PA and Lateral,Clear.,\n"
                  "2,normal,Xray Chest PA and Lateral,,None.\n3,normal,Xray Chest PA and Lateral,unused,\n");
    add_table(&f, "uid,filename,projection\n1,1_IM-0001-4001.dcm.png,PA\n1,1_IM-0001-3001.dcm.png,Lateral\n"
                  "2,2_IM-0652-1001.dcm.png,Frontal\n4,4_IM-0001.dcm.png,PA\n");
    const slr_prompt_picture pictures[] = {{.name = "1_IM-0001-4001.dcm.png"}, {.name = "1_IM-0001-3001.dcm.png"},
                                           {.name = "2_IM-0652-1001.dcm.png"}, {.name = "4_IM-0001.dcm.png"}};
    fill(&f, pictures, 4);
    assert_text(&f, 0, "PA view, Clear.");
    assert_text(&f, 1, "lateral view, Clear.");
    assert_skipped(&f, 2, SLR_PROMPT_NO_TEXT);
    assert_skipped(&f, 3, SLR_PROMPT_NO_TEXT);
    assert_int_equal(f.results[0].report, f.results[1].report);
    assert_true(f.results[0].report != f.results[2].report && f.results[2].report != f.results[3].report);
    assert_int_equal(f.counts.reports_unused, 1);
    done(&f);
}

static void assert_refused(const slr_prompt_options *options, const char *table, const char *expected)
{
    filled f = begin(options);
    if (table)
        add_table(&f, table);
    assert_int_equal(slr_prompts_fill(f.prompts, &(slr_prompt_picture){.name = "a"}, 1, f.results, &f.counts,
                                      &f.err),
                     SELORA_USAGE);
    if (!strstr(f.err.message, expected))
        fail_msg("'%s' lacks '%s'", f.err.message, expected);
    done(&f);
}

static void test_refused(void **state)
{
    (void)state;
    static const char table[] = "file_name,PatientID,text\na.png,p,x\n";
    assert_refused(&(slr_prompt_options){.template = "{StudyDescription}"}, NULL,
                   "{StudyDescription} is no column");
    assert_refused(&(slr_prompt_options){.template = "{patient_id} {text}"}, table,
                   "{patient_id} tells whose picture");
    assert_refused(&(slr_prompt_options){.template = "{PatientID} {text}"}, table,
                   "{PatientID} tells whose picture");
    assert_refused(&(slr_prompt_options){.template = "{file_name} {text}"}, table,
                   "{file_name} tells whose picture");
    assert_refused(&(slr_prompt_options){.label_column = "grade"}, table,
                   "--stratify: no table of reports has a column grade");
    assert_refused(&(slr_prompt_options){.columns.names[SLR_ROLE_PATIENT] = "id"}, table,
                   "--patient-col: no table");
    assert_refused(&(slr_prompt_options){.columns.names[SLR_FIELD_TEXT] = "id"}, table,
                   "--columns: no table");
    slr_prompts *prompts;
    assert_int_equal(slr_prompts_new(&(slr_prompt_options){.template = "{"}, &prompts, NULL), SELORA_USAGE);
    assert_null(prompts);
}

static void test_caption_files(void **state)
{
    (void)state;
    char paths[4][300];
    static const char *const names[] = {"a.png", "b.png", "c.png", "d.png"};
    slr_prompt_picture pictures[4] = {0};
    for (int i = 0; i < 4; i++) {
        snprintf(paths[i], sizeof paths[i], "%s", scratch_path(names[i]));
        pictures[i] = (slr_prompt_picture){.name = names[i], .path = paths[i], .view = "AP"};
    }
    scratch_write("a.txt", "  Heart\r\nnormal. \n", 18);
    scratch_write("b.caption", "Clear.", 6);
    scratch_write("c.txt", "\xff", 1); /* not asked for */
    filled f = begin(&(slr_prompt_options){.template = "{view} view, {text}"});
    add_table(&f, "file_name,text\nc.png,from the table\n");
    fill(&f, pictures, 4);
    assert_text(&f, 0, "AP view, Heart normal.");
    assert_text(&f, 1, "AP view, Clear.");
    assert_text(&f, 2, "AP view, from the table");
    assert_skipped(&f, 3, SLR_PROMPT_NO_REPORT);
    assert_int_equal(f.counts.from_caption, 2);
    assert_int_equal(f.counts.from_table, 1);
    done(&f);
    /* its number stands for the picture */
    scratch_write("b.caption", "SECRET \xff", 8);
    f = begin(&(slr_prompt_options){0});
    assert_int_equal(slr_prompts_fill(f.prompts, pictures, 4, f.results, &f.counts, &f.err),
                     SELORA_BAD_INPUT);
    assert_non_null(strstr(f.err.message, "picture 2: its caption file is not UTF-8"));
    assert_null(strstr(f.err.message, "SECRET"));
    assert_null(strstr(f.err.message, "b.png"));
    done(&f);
}

/* A damaged report changes nothing. */
static void test_damaged_xml(void **state)
{
    (void)state;
    static const char bad[] = "<e><parentImage id=\"a_b\"/><AbstractText Label=\"FINDINGS\">x</AbstractText>";
    filled f = begin(&(slr_prompt_options){0});
    assert_int_equal(slr_prompts_add_xml(f.prompts, bad, strlen(bad), "report 9", &f.err), SELORA_BAD_INPUT);
    assert_non_null(strstr(f.err.message, "report 9: line 1"));
    add_xml(&f, "a", "", "fine", "");
    fill(&f, (slr_prompt_picture[]){{.name = "a-1001.png"}, {.name = "b.png"}}, 2);
    assert_text(&f, 0, "fine");
    assert_skipped(&f, 1, SLR_PROMPT_NO_REPORT);
    assert_int_equal(f.counts.reports, 1);
    done(&f);
}

/* Ends of ids that two reports share name neither. */
static void test_shared_tails(void **state)
{
    (void)state;
    filled f = begin(&(slr_prompt_options){0});
    add_xml(&f, "A_x", "", "one", "");
    add_xml(&f, "B_x", "", "two", "");
    add_xml(&f, "x", "", "three", "");
    fill(&f, (slr_prompt_picture[]){{.name = "x-1001.png"}, {.name = "A_x-1001.png"},
         {.name = "B_x-2001.png"}}, 3);
    assert_text(&f, 0, "three"); /* whole ids come first */
    assert_text(&f, 1, "one");
    assert_text(&f, 2, "two");
    done(&f);
    f = begin(&(slr_prompt_options){0});
    add_xml(&f, "A_x", "", "one", "");
    add_xml(&f, "B_x", "", "two", "");
    fill(&f, (slr_prompt_picture[]){{.name = "x-1001.png"}}, 1);
    assert_skipped(&f, 0, SLR_PROMPT_NO_REPORT);
    done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_iu),
        cmocka_unit_test(test_choice_and_xxxx),
        cmocka_unit_test(test_template_of_header),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_linked_tables),
        cmocka_unit_test(test_refused),
        cmocka_unit_test_setup_teardown(test_caption_files, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_damaged_xml),
        cmocka_unit_test(test_shared_tails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
