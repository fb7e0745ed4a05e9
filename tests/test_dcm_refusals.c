/* SPDX-License-Identifier: MIT
 * Every reason why a DICOM file is refused, word for word: tag, what was found, what was expected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "medical/dcm_parts.h"
#include "support/dicom_fixtures.h"
#include "support/scratch.h"

/* ---- headers ---- */

static slr_dcm_header good_header(void)
{
    return (slr_dcm_header){.rows = 16,
                            .columns = 16,
                            .frames = SLR_DCM_ABSENT,
                            .samples = 1,
                            .bits_allocated = 16,
                            .bits_stored = 12,
                            .high_bit = 11,
                            .representation = 0,
                            .planar = SLR_DCM_ABSENT,
                            .has_pixels = true,
                            .pixel_length = 512,
                            .photometric = "MONOCHROME2",
                            .transfer_syntax = "1.2.840.10008.1.2.1"};
}

static void refused(const slr_dcm_header *header, slr_dcm_pixels why, const char *expected)
{
    slr_dcm_desc desc;
    slr_dcm_judge(header, &desc);
    assert_string_equal(desc.refusal, expected);
    assert_int_equal(desc.pixels, why);
    assert_int_equal(desc.frame_bytes, 0);
}

#define WITH(change, why, expected)                                                                          \
    do {                                                                                                     \
        slr_dcm_header h = good_header();                                                                    \
        change;                                                                                              \
        refused(&h, why, expected);                                                                          \
    } while (0)

static void test_header_values(void **state)
{
    (void)state;
    slr_dcm_header good = good_header();
    slr_dcm_desc desc;
    slr_dcm_judge(&good, &desc);
    assert_int_equal(desc.pixels, SLR_DCM_PIXELS);
    assert_int_equal(desc.frame_bytes, 512);
    assert_int_equal(desc.frames, 1);
    WITH(h.rows = 0, SLR_DCM_BAD_PIXELS, "(0028,0010) Rows: found 0, expected 1 to 16384");
    WITH(h.rows = SLR_DCM_ABSENT, SLR_DCM_BAD_PIXELS, "(0028,0010) Rows: absent, expected 1 to 16384");
    WITH(h.columns = 16385, SLR_DCM_BAD_PIXELS, "(0028,0011) Columns: found 16385, expected 1 to 16384");
    WITH(h.samples = 4, SLR_DCM_BAD_PIXELS, "(0028,0002) Samples per Pixel: found 4, expected 1 or 3");
    WITH(h.samples = SLR_DCM_ABSENT, SLR_DCM_BAD_PIXELS,
         "(0028,0002) Samples per Pixel: absent, expected 1 or 3");
    WITH(h.samples = 3, SLR_DCM_BAD_PIXELS,
         "(0028,0002) Samples per Pixel: found 3, expected 1 for MONOCHROME2");
    WITH(strcpy(h.photometric, "RGB"), SLR_DCM_BAD_PIXELS,
         "(0028,0002) Samples per Pixel: found 1, expected 3 for RGB");
    WITH(h.photometric[0] = '\0', SLR_DCM_BAD_PIXELS,
         "(0028,0004) Photometric Interpretation: absent, expected MONOCHROME1, MONOCHROME2, RGB or another");
    WITH(h.bits_stored = 17, SLR_DCM_BAD_PIXELS, "(0028,0101) Bits Stored: found 17, expected 1 to 16");
    WITH(h.high_bit = 10, SLR_DCM_BAD_PIXELS, "(0028,0102) High Bit: found 10, expected 11 to 15");
    WITH(h.high_bit = 16, SLR_DCM_BAD_PIXELS, "(0028,0102) High Bit: found 16, expected 11 to 15");
    WITH(h.representation = 2, SLR_DCM_BAD_PIXELS,
         "(0028,0103) Pixel Representation: found 2, expected 0 to 1");
    WITH(h.frames = 100001, SLR_DCM_BAD_PIXELS,
         "(0028,0008) Number of Frames: found 100001, expected 1 to 100000");
    WITH(h.frames = -2, SLR_DCM_BAD_PIXELS, "(0028,0008) Number of Frames: found -2, expected 1 to 100000");
    WITH((h.samples = 3, h.planar = 2, strcpy(h.photometric, "RGB")), SLR_DCM_BAD_PIXELS,
         "(0028,0006) Planar Configuration: found 2, expected 0 to 1");
    WITH(h.pixel_length = 510, SLR_DCM_BAD_PIXELS,
         "(7FE0,0010) Pixel Data: found 510 bytes, expected 512 (1 frames of 16 x 16 pixels)");
    WITH(h.frames = 3, SLR_DCM_BAD_PIXELS,
         "(7FE0,0010) Pixel Data: found 512 bytes, expected 1536 (3 frames of 16 x 16 pixels)");
    WITH((h.rows = h.columns = 16384, h.samples = 3, strcpy(h.photometric, "RGB")), SLR_DCM_BAD_PIXELS,
         "(0028,0010) Rows x (0028,0011) Columns: a frame of 16384 x 16384 takes 1610612736 bytes, expected "
         "at most "
         "1073741824");
    WITH((h.samples = 3, h.columns = 15, h.bits_allocated = 8, h.bits_stored = 8, h.high_bit = 7,
          strcpy(h.photometric, "YBR_FULL_422")),
         SLR_DCM_BAD_PIXELS,
         "(0028,0004) Photometric Interpretation: YBR_FULL_422 needs an even (0028,0011) Columns (found 15) "
         "and 8 "
         "(0028,0100) Bits Allocated (found 8)");
}

static void test_objects_without_usable_pixels(void **state)
{
    (void)state;
    WITH(h.bits_allocated = 1, SLR_DCM_BIT_PIXELS,
         "(0028,0100) Bits Allocated: found 1 (a segmentation), expected 8 or 16");
    WITH(h.bits_allocated = 32, SLR_DCM_WIDE_PIXELS,
         "(0028,0100) Bits Allocated: found 32, expected 8 or 16");
    WITH(h.bits_allocated = 12, SLR_DCM_WIDE_PIXELS,
         "(0028,0100) Bits Allocated: found 12, expected 8 or 16");
    WITH(h.bits_allocated = SLR_DCM_ABSENT, SLR_DCM_BAD_PIXELS,
         "(0028,0100) Bits Allocated: absent, expected 8 or 16");
    WITH(h.has_pixels = false, SLR_DCM_NO_PIXELS,
         "(7FE0,0010) Pixel Data: absent, this object holds no picture");
    WITH((h.has_pixels = false, h.has_float_pixels = true), SLR_DCM_FLOAT_PIXELS,
         "(7FE0,0008) Float or (7FE0,0009) Double Float Pixel Data, expected (7FE0,0010) Pixel Data of 8 or "
         "16 bits");
    WITH(h.encapsulated = true, SLR_DCM_BAD_PIXELS,
         "(7FE0,0010) Pixel Data: found fragments, but (0002,0010) Transfer Syntax UID says Explicit VR "
         "Little Endian");
    WITH(strcpy(h.transfer_syntax, "1.2.840.10008.1.2.5"), SLR_DCM_BAD_PIXELS,
         "(7FE0,0010) Pixel Data: found plain values, but (0002,0010) Transfer Syntax UID says RLE Lossless");
    WITH(strcpy(h.transfer_syntax, "1.2.840.10008.1.2.4.201"), SLR_DCM_OTHER_SYNTAX,
         "(0002,0010) Transfer Syntax UID: found 1.2.840.10008.1.2.4.201 (High-Throughput JPEG 2000 "
         "Lossless), which "
         "selora does not decode; expected uncompressed, RLE, JPEG, JPEG-LS or JPEG 2000: convert the file, "
         "for example "
         "with gdcmconv --raw");
    WITH(strcpy(h.transfer_syntax, "1.2.3.4"), SLR_DCM_OTHER_SYNTAX,
         "(0002,0010) Transfer Syntax UID: found 1.2.3.4 (no standard syntax that selora knows), which "
         "selora does not "
         "decode; expected uncompressed, RLE, JPEG, JPEG-LS or JPEG 2000: convert the file, for example with "
         "gdcmconv "
         "--raw");
    WITH(strcpy(h.transfer_syntax, "Doe^Jane"), SLR_DCM_OTHER_SYNTAX,
         "(0002,0010) Transfer Syntax UID: found something that is no UID, expected one that selora decodes");
}

/* ---- fragments ---- */

static void find(slr_dcm_coding coding, const char *kinds, const uint32_t *offsets, size_t offset_count,
                 uint32_t frames, const char *expected)
{
    slr_dcm_fragment fragments[16] = {{0}};
    uint32_t first[17] = {0};
    slr_error err = {0};
    size_t count = strlen(kinds);
    for (size_t i = 0; i < count; i++) { /* s: a stream begins here */
        fragments[i].length = 100;
        if (kinds[i] == 's')
            memcpy(fragments[i].head, coding == SLR_DCM_JPEG_2000 ? "\xff\x4f\xff\x51" : "\xff\xd8\xff\xe0",
                   4);
    }
    if (slr_dcm_find_frames(coding, fragments, count, offsets, offset_count, frames, first, &err) !=
        SELORA_OK) {
        assert_string_equal(err.message, expected);
        return;
    }
    char text[64] = "";
    for (uint32_t k = 0; k <= frames; k++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%u ", (unsigned)first[k]);
    assert_string_equal(text, expected);
}

static void test_fragments(void **state)
{
    (void)state;
    find(SLR_DCM_JPEG, "ss", NULL, 0, 2, "0 1 2 ");
    find(SLR_DCM_JPEG, "xx", NULL, 0, 2, "0 1 2 ");
    find(SLR_DCM_JPEG, "sxxx", NULL, 0, 1, "0 4 ");
    find(SLR_DCM_JPEG, "sxsxx", NULL, 0, 2, "0 2 5 ");
    find(SLR_DCM_JPEG_2000, "sxxsx", NULL, 0, 2, "0 3 5 ");
    find(SLR_DCM_JPEG, "xxxxx", (uint32_t[]){0, 216}, 2, 2, "0 2 5 ");
    /* a table that points between fragments is not believed */
    find(SLR_DCM_JPEG, "sxxsx", (uint32_t[]){0, 217}, 2, 2, "0 3 5 ");
    find(SLR_DCM_JPEG, "sxxsx", (uint32_t[]){0, 0}, 2, 2, "0 3 5 ");
    find(SLR_DCM_JPEG, "sxsxs", NULL, 0, 2,
         "(7FE0,0010) Pixel Data: found 5 fragments, in 3 of which a picture begins, expected 2 frames");
    find(SLR_DCM_JPEG, "xsxsx", NULL, 0, 2,
         "(7FE0,0010) Pixel Data: found 5 fragments, in 2 of which a picture begins, expected 2 frames");
    find(SLR_DCM_JPEG, "s", NULL, 0, 2,
         "(7FE0,0010) Pixel Data: found 1 fragments, expected one a frame or more (2)");
    find(SLR_DCM_RLE, "xxx", NULL, 0, 2,
         "(7FE0,0010) Pixel Data: found 3 fragments, expected 2 (RLE has one fragment a frame)");
}

/* ---- streams ---- */

static void check_jpeg(const char *stream, size_t size, const char *expected)
{
    slr_dcm_header header = good_header();
    slr_dcm_desc desc;
    slr_error err = {0};
    int precision = 0;
    slr_dcm_judge(&header, &desc);
    selora_status status = slr_jpeg_check_header((const uint8_t *)stream, size, &desc, &precision, &err);
    assert_int_equal(status, expected ? SELORA_BAD_INPUT : SELORA_OK);
    if (expected)
        assert_string_equal(err.message, expected);
    else
        assert_int_equal(precision, 12);
}
#define JPEG(bytes, expected) check_jpeg(bytes, sizeof bytes - 1, expected)

static void test_jpeg_headers(void **state)
{
    (void)state;
    static const char none[] = "(7FE0,0010) Pixel Data: found no JPEG frame header, expected one";
    JPEG("\xff\xd8\xff\xc3\0\x0b\x0c\0\x10\0\x10\x01\x01\x11\0", NULL);
    JPEG("\xff\xd8\xff\xff\xe0\0\x04\0\0\xff\xc3\0\x0b\x0c\0\x10\0\x10\x01\x01\x11\0", NULL);
    JPEG("\xff\xd8\xff\xc3\0\x0b\x0c\0\x10\0\x11\x01\x01\x11\0",
         "(7FE0,0010) Pixel Data: found a JPEG picture of 17 x 16, expected (0028,0011) Columns x "
         "(0028,0010) Rows, 16 x 16");
    JPEG("\xff\xd8\xff\xc3\0\x0b\x0c\0\x10\0\x10\x03\x01\x11\0",
         "(7FE0,0010) Pixel Data: found a JPEG picture of 3 components, expected (0028,0002) Samples per "
         "Pixel, 1");
    JPEG("\xff\xd8\xff\xc3\0\x0b\x11\0\x10\0\x10\x01\x01\x11\0",
         "(7FE0,0010) Pixel Data: found a JPEG picture of 17 bits, expected at most (0028,0100) Bits "
         "Allocated, 16");
    JPEG("\xff\xd8\xff\xda\0\x02\xff\xc3\0\x0b\x0c\0\x10\0\x10\x01\x01\x11\0", none);
    JPEG("\xff\xd8\xff\x01\0\x02\xff\xc3\0\x0b\x0c\0\x10\0\x10\x01\x01\x11\0",
         none); /* DCMTK would never return */
    JPEG("\xff\xd8\xff\xc3\0\x0b\x0c\0\x10", none);
    JPEG("\xff\xd8", none);
    JPEG("", none);
}

static void unpack(const char *segment, size_t size, const char *expected)
{
    slr_dcm_header header = good_header();
    slr_dcm_desc desc;
    slr_error err = {0};
    uint8_t data[64 + 32] = {1, 0, 0, 0, 64}, out[4] = {0};
    header.rows = header.columns = 2;
    header.bits_allocated = header.bits_stored = 8;
    header.high_bit = 7;
    slr_dcm_judge(&header, &desc);
    memcpy(data + 64, segment, size);
    uint8_t *exact = malloc(64 + size);
    memcpy(exact, data, 64 + size);
    if (slr_rle_decode(exact, 64 + size, &desc, out, &err) == SELORA_OK)
        assert_memory_equal(out, expected, 4);
    else
        assert_string_equal(err.message, expected);
    free(exact);
}

static void test_rle(void **state)
{
    (void)state;
    unpack("\x03"
           "abcd",
           5, "abcd");
    unpack("\xfdz", 2, "zzzz");
    unpack("\x80\xffq\x01pq", 6, "qqpq");
    unpack("\xffz\x00y\x00w", 6, "zzyw");
    unpack("\x81z", 2, "zzzz"); /* a run that is longer than the picture is cut */
    unpack("\x03"
           "abc",
           4, "(7FE0,0010) Pixel Data: RLE segment 0 holds 3 bytes, expected 4");
    unpack("\xfe", 1, "(7FE0,0010) Pixel Data: RLE segment 0 holds 0 bytes, expected 4");
    unpack("", 0, "(7FE0,0010) Pixel Data: RLE segment 0 holds 0 bytes, expected 4");
}

static void test_rle_headers(void **state)
{
    (void)state;
    slr_dcm_header header = good_header();
    slr_dcm_desc desc;
    uint8_t data[80] = {2, 0, 0, 0, 64, 0, 0, 0, 90}, out[512];
    slr_error err = {0};
    slr_dcm_judge(&header, &desc);
    assert_int_equal(slr_rle_decode(data, sizeof data, &desc, out, &err), SELORA_BAD_INPUT);
    assert_string_equal(err.message,
                        "(7FE0,0010) Pixel Data: RLE segment 1 begins at byte 90, expected 64 to 80");
    data[4] = 63;
    slr_rle_decode(data, sizeof data, &desc, out, &err);
    assert_string_equal(err.message,
                        "(7FE0,0010) Pixel Data: RLE segment 0 begins at byte 63, expected 64 to 80");
    data[0] = 3;
    slr_rle_decode(data, sizeof data, &desc, out, &err);
    assert_string_equal(err.message, "(7FE0,0010) Pixel Data: found 3 RLE segments, expected 2");
    slr_rle_decode(data, 63, &desc, out, &err);
    assert_string_equal(err.message,
                        "(7FE0,0010) Pixel Data: found an RLE frame of 63 bytes, expected a header of 64");
}

/* ---- files ---- */

static void open_refused(const char *name, const char *expected)
{
    slr_dcm *dcm;
    slr_error err = {0};
    assert_int_equal(slr_dcm_open(scratch_path(name), &dcm, &err), SELORA_BAD_INPUT);
    assert_null(dcm);
    if (strncmp(err.message, expected, strlen(expected)) != 0)
        fail_msg("%s: \"%s\", expected \"%s\"", name, err.message, expected);
    assert_null(strstr(err.message, scratch_path("")));
}

/* The UID in the meta header, another of the same length in its place. */
static void forge(const char *name, const char *from, const char *to)
{
    size_t size;
    char *file = scratch_read("x.dcm", &size), *at = memmem(file, size, from, strlen(from) + 1);
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
    scratch_write(name, file, size);
    free(file);
}

static void test_files(void **state)
{
    (void)state;
    size_t size;
    dicom_need("dump2dcm", NULL);
    dicom_fixture("x.dcm", "");
    scratch_write("empty.dcm", "", 0);
    open_refused("empty.dcm", "the file is empty, expected a DICOM object");
    open_refused("none.dcm", "the file cannot be opened: No such file or directory");
    open_refused("", "found a folder, pipe or device, expected a plain file");
    assert_int_equal(mkfifo(scratch_path("pipe"), 0600), 0);
    open_refused("pipe", "found a folder, pipe or device, expected a plain file");
    char *file = scratch_read("x.dcm", &size);
    scratch_write("cut.dcm", file, size - 1);
    free(file);
    open_refused("cut.dcm", "the DICOM object is cut or damaged: ");
    scratch_write("text.dcm", "Dear colleague, thank you for sending this patient to us.", 57);
    open_refused("text.dcm", "the DICOM object is cut or damaged: ");
    forge("lie.dcm", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2");
    open_refused("lie.dcm",
                 "(0002,0010) Transfer Syntax UID: found Explicit VR Big Endian, but the data set begins as "
                 "Explicit VR Little Endian: the file contradicts itself");
    forge("unknown.dcm", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.9");
    slr_dcm_desc desc;
    slr_dcm *dcm = dicom_open("unknown.dcm"); /* DCMTK would guess */
    slr_dcm_describe(dcm, &desc);
    assert_int_equal(desc.pixels, SLR_DCM_OTHER_SYNTAX);
    assert_non_null(strstr(desc.refusal, "found 1.2.840.10008.1.2.9 (no standard syntax that selora knows)"));
    slr_dcm_close(dcm);
}

static void test_damaged_jpeg(void **state)
{
    (void)state;
    size_t size;
    char model[SLR_DCM_MODEL];
    uint16_t pixels[256];
    slr_error err = {0};
    dicom_need("dump2dcm", "dcmcjpeg", NULL);
    dicom_fixture("x.dcm", "");
    assert_true(dicom_run("dcmcjpeg +ee x.dcm y.dcm"));
    char *file = scratch_read("y.dcm", &size), *scan = memmem(file, size, "\xff\xda", 2);
    assert_non_null(scan);
    memset(scan + 14, 0xfe, 40); /* codes that no table knows */
    scratch_write("y.dcm", file, size);
    free(file);
    slr_dcm *dcm = dicom_open("y.dcm");
    assert_int_equal(slr_dcm_frame(dcm, 0, pixels, sizeof pixels, model, &err), SELORA_BAD_INPUT);
    assert_string_equal(err.message,
                        "(7FE0,0010) Pixel Data: the JPEG stream is damaged: its codes make no sense");
    slr_dcm_close(dcm);
}

static void test_looks(void **state)
{
    (void)state;
    uint8_t head[132] = {0};
    assert_false(slr_dcm_looks_like(head, sizeof head));
    memcpy(head + 128, "DICM", 4);
    assert_true(slr_dcm_looks_like(head, sizeof head));
    assert_false(slr_dcm_looks_like(head, 131));
    assert_true(slr_dcm_looks_like("\x08\0\x05\0CS\x0a\0ISO_IR 100", 18));
    assert_true(slr_dcm_looks_like("\0\x08\0\x05"
                                   "CS\0\x0aISO_IR 100",
                                   18));
    assert_true(slr_dcm_looks_like("\x08\0\x05\0\x0a\0\0\0ISO_IR 100", 18));
    assert_false(slr_dcm_looks_like("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16));
    assert_false(slr_dcm_looks_like("\x08\0\x05\0CS", 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_values),
        cmocka_unit_test(test_objects_without_usable_pixels),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_jpeg_headers),
        cmocka_unit_test(test_rle),
        cmocka_unit_test(test_rle_headers),
        cmocka_unit_test_setup_teardown(test_files, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_damaged_jpeg, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
