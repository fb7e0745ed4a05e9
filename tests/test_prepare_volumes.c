/* SPDX-License-Identifier: MIT
 * Volumes through whole jobs of `selora prepare`: NIfTI, series of DICOM files, one window for all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/json.h"
#include "medical/nifti_axes.h"
#include "support/dicom_fixtures.h"
#include "support/prepare_run.h"
#include "support/scratch.h"

static void put(unsigned char *head, size_t at, const void *value, size_t size)
{
    memcpy(head + at, value, size);
}

/* A volume of 20 x 18 x 12 voxels, brighter towards the top. */
static void write_nifti(const char *name)
{
    enum { NX = 20, NY = 18, NZ = 12 };
    static unsigned char data[352 + NX * NY * NZ * 2];
    const int32_t size = 348;
    const int16_t dim[8] = {3, NX, NY, NZ, 1, 1, 1, 1}, type = 4, bits = 16, code = 1;
    const float pixdim[4] = {1, 1, 1, 1}, offset = 352, slope = 1;
    const float rows[3][4] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}};
    put(data, 0, &size, 4);
    put(data, 40, dim, sizeof dim);
    put(data, 70, &type, 2);
    put(data, 72, &bits, 2);
    put(data, 76, pixdim, sizeof pixdim);
    put(data, 108, &offset, 4);
    put(data, 112, &slope, 4);
    put(data, 254, &code, 2);
    put(data, 280, rows, sizeof rows);
    put(data, 344, "n+1", 4);
    for (int i = 0; i < NX * NY * NZ; i++) {
        int16_t value = (int16_t)(10 * (i / (NX * NY)) + i % NX + (i / NX) % NY * (i % 7));
        put(data, 352 + 2 * (size_t)i, &value, 2);
    }
    scratch_write(name, data, sizeof data);
}

static void test_nifti_slices(void **state)
{
    (void)state;
    if (!slr_nifti_is_built())
        skip();
    assert_int_equal(mkdir(scratch_path("in"), 0755), 0);
    write_nifti("in/sub-01.nii");
    scratch_write("in/metadata.csv", "file_name,text\nsub-01.nii,axial brain\n", 38);
    selora_prepare_options o = prepare_options("out");
    const char *source = "in";
    o.slice = "all";
    o.patient_regex = "^(sub-[0-9]+)";
    assert_int_equal(prepare_run(&o, &source, 1, NULL, NULL), SELORA_OK);
    slr_table *table = prepare_table("out", "metadata.csv"), *split = prepare_table("out", "split.csv");
    assert_int_equal(slr_table_rows(table), 12);
    for (size_t r = 0; r < 12; r++) { /* in order, and a volume is never cut */
        assert_int_equal(atoi(slr_table_cell(table, r, slr_table_column(table, "frame"))), r);
        assert_string_equal(slr_table_cell(split, r, 1), slr_table_cell(split, 0, 1));
        assert_string_equal(slr_table_cell(split, r, 2), slr_table_cell(split, 0, 2));
        assert_string_equal(slr_table_cell(table, r, slr_table_column(table, "plane")), "axial radiological");
    }
    slr_table_free(table);
    slr_table_free(split);
    assert_int_equal(prepare_run(&o, &source, 1, NULL, NULL), SELORA_OK);
    assert_int_equal(scratch_count("out/images"), 12);
    o = prepare_options("mid");
    assert_int_equal(prepare_run(&o, &source, 1, NULL, NULL), SELORA_OK);
    assert_int_equal(scratch_count("mid/images"), 1);
}

/* Five slices of a series in an order that names do not tell, and an IU-style report for another picture. */
static void test_dicom(void **state)
{
    (void)state;
    static const int places[] = {30, 10, 50, 20, 40};
    dicom_need("dump2dcm", NULL);
    for (int i = 0; i < 5; i++) {
        char name[32], lines[512];
        snprintf(name, sizeof name, "s%d.dcm", i);
        snprintf(lines, sizeof lines,
                 "(0008,0060) CS [CT]\n(0008,0018) UI [2.25.1%d]\n(0020,000d) UI [2.25.7]\n(0020,000e) UI "
                 "[2.25.8]\n"
                 "(0020,0032) DS [0\\0\\%d]\n(0020,0037) DS [1\\0\\0\\0\\1\\0]\n(0010,0020) LO "
                 "[P1]\n(0028,1052) DS [%d]\n",
                 i, places[i], i);
        dicom_fixture(name, lines);
    }
    dicom_fixture(
        "CXR9_IM-1.dcm",
        "(0028,0004) CS [MONOCHROME1]\n(0008,0060) CS [DX]\n(0018,5101) CS [PA]\n(0010,0020) LO [P2]\n");
    assert_int_equal(mkdir(scratch_path("in"), 0755), 0);
    assert_true(dicom_run("mv *.dcm in"));
    static const char xml[] =
        "<?xml version=\"1.0\"?><eCitation><MedlineCitation><Article><Abstract>"
        "<AbstractText Label=\"FINDINGS\">Lungs are &lt;clear&gt;.</AbstractText></Abstract></Article>"
        "</MedlineCitation><parentImage id=\"CXR9_IM-1\"><caption>PA</caption></parentImage></eCitation>";
    scratch_write("in/9.xml", xml, sizeof xml - 1);
    selora_prepare_options o = prepare_options("out");
    const char *source = "in";
    o.no_text = "keep";
    o.text_template = "{view} {text}";
    assert_int_equal(prepare_run(&o, &source, 1, NULL, NULL), SELORA_OK);
    slr_table *table = prepare_table("out", "metadata.csv");
    assert_int_equal(slr_table_rows(table), 2);
    assert_string_equal(slr_table_cell(table, 0, 1), "PA Lungs are <clear>.");
    assert_string_equal(slr_table_cell(table, 0, slr_table_column(table, "inverted")), "yes");
    assert_string_equal(slr_table_cell(table, 1, slr_table_column(table, "frame")), "2");
    assert_string_equal(slr_table_cell(table, 1, slr_table_column(table, "frames")), "5");
    slr_table_free(table);
    json_t *root = prepare_manifest("out");
    assert_int_equal(prepare_number(root, "pictures", "left_by_slice_rule"), 4);
    assert_int_equal(prepare_number(root, "pictures", "series_of_slices"), 1);
    json_decref(root);
    static const char *const rules[] = {"all", "every:2", "index:4", "largest"};
    static const size_t wanted[] = {6, 4, 2, 2};
    for (int i = 0; i < 4; i++) {
        o.slice = rules[i];
        o.out = rules[i];
        assert_int_equal(prepare_run(&o, &source, 1, NULL, NULL), SELORA_OK);
        table = prepare_table(o.out, "metadata.csv");
        assert_int_equal(slr_table_rows(table), wanted[i]);
        slr_table_free(table);
    }
    char error[4096];
    o = prepare_options("mixed"); /* a window for CT, in a set where something may be CT and has none */
    o.no_text = "keep";
    o.window = "lung";
    assert_true(dicom_run("mv in/CXR9_IM-1.dcm ."));
    dicom_fixture("in/unknown.dcm", "(0010,0020) LO [P3]\n");
    assert_int_equal(prepare_run(&o, &source, 1, NULL, error), SELORA_USAGE);
    assert_non_null(strstr(error, "--mixed-voi"));
    o.mixed_voi = 1;
    assert_int_equal(prepare_run(&o, &source, 1, NULL, NULL), SELORA_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nifti_slices, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_dicom, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
