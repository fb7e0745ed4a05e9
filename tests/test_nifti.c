/* SPDX-License-Identifier: MIT
 * NIfTI files built byte by byte: both versions, both byte orders, every type, packed, paired, and wrong in
 * every way that a header can be. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/rng.h"
#include "medical/nifti_picture.h"
#include "support/nifti_builder.h"
#include "support/picture_reference.h"
#include "support/scratch.h"

static slr_error err;

static slr_nifti *open_nifti(const char *name)
{
    slr_nifti *nifti = NULL;
    if (!slr_nifti_is_built()) {
        print_message("skipped: this build reads no NIfTI (package libnifti2-dev)\n");
        skip();
    }
    if (slr_nifti_open(scratch_path(name), &nifti, &err) != SELORA_OK)
        fail_msg("%s: %s", name, err.message);
    return nifti;
}

static int setup(void **state)
{
    memset(&err, 0, sizeof err);
    return scratch_setup(state);
}

/* ---- axes and values ---- */

static void check_volume(const char *name)
{
    slr_nifti *nifti = open_nifti(name);
    float row[8];
    assert_string_equal(slr_nifti_axes_of(nifti)->codes, "LSA");
    assert_true(slr_nifti_axes_of(nifti)->oriented);
    assert_int_equal(slr_nifti_size(nifti, 0), NX);
    assert_int_equal(slr_nifti_size(nifti, 1), NZ);
    assert_int_equal(slr_nifti_size(nifti, 2), NY);
    assert_true(slr_nifti_spacing(nifti, 1) == 3 && slr_nifti_spacing(nifti, 2) == 4);
    if (slr_nifti_load(nifti, 0, &err) != SELORA_OK)
        fail_msg("%s: %s", name, err.message);
    /* x at [0][0][0..2]: the row towards anterior at the leftmost, lowest place */
    slr_nifti_row(nifti, 1, (const int64_t[]){NX - 1, 0, 0}, row);
    assert_true(row[0] == -43.0f && row[1] == -42.5f && row[2] == -42.0f);
    for (int r = 0; r < NX; r++)
        for (int s = 0; s < NY; s++) {
            slr_nifti_row(nifti, 1, (const int64_t[]){r, 0, s}, row);
            for (int a = 0; a < NZ; a++)
                assert_true(row[a] == 0.5f * (float)nifti_voxel_value(NX - 1 - r, s, a) + 7.0f);
        }
    slr_nifti_close(nifti);
}

static void test_vector(void **state)
{
    (void)state;
    for (int version = 1; version <= 2; version++)
        for (int swapped = 0; swapped < 2; swapped++) {
            nifti_begin(version, swapped != 0);
            nifti_add_volume();
            nifti_save("a.nii");
            check_volume("a.nii");
            nifti_save_packed("a.nii.gz");
            check_volume("a.nii.gz");
            nifti_save_packed("no_extension");
            check_volume("no_extension");
        }
}

static void test_pair(void **state)
{
    (void)state;
    nifti_begin(1, false);
    memcpy(nifti_file.bytes + 344, "ni1", 4);
    nifti_put_offset(0);
    nifti_file.size = 348;
    nifti_save("a.hdr");
    assert_int_equal(slr_nifti_open(scratch_path("a.hdr"), &(slr_nifti *){NULL}, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, slr_nifti_is_built() ? ".img" : "libnifti2-dev"));
    nifti_begin(1, false);
    nifti_file.size = 0;
    nifti_add_volume();
    nifti_save("a.img");
    check_volume("a.hdr");
    nifti_save_packed("a.img.gz");
    assert_int_equal(remove(scratch_path("a.img")), 0);
    check_volume("a.hdr");
}

static void test_types(void **state)
{
    (void)state;
    static const struct {
        slr_nifti_type type;
        size_t bytes;
        double least, most;
    } types[] = {{SLR_NIFTI_U8, 1, 0, 255},
                 {SLR_NIFTI_I8, 1, -128, 127},
                 {SLR_NIFTI_I16, 2, -32768, 32767},
                 {SLR_NIFTI_U16, 2, 0, 65535},
                 {SLR_NIFTI_I32, 4, -8388608, 8388607},
                 {SLR_NIFTI_U32, 4, 0, 16777215},
                 {SLR_NIFTI_F32, 4, -0.25, 1e30},
                 {SLR_NIFTI_F64, 8, -1e-20, 12.5}};
    for (int swapped = 0; swapped < 2; swapped++)
        for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
            nifti_begin(1, swapped != 0);
            nifti_put_type(types[t].type, types[t].bytes);
            nifti_put_scaling(0, 5); /* slope 0: as stored */
            for (int i = 0; i < VOXELS; i++) {
                double value = i % 2 ? types[t].most : types[t].least;
                int64_t integer = (int64_t)value;
                float narrow = (float)value;
                nifti_add_voxel(types[t].type == SLR_NIFTI_F32   ? (void *)&narrow
                                : types[t].type == SLR_NIFTI_F64 ? (void *)&value
                                                                 : (void *)&integer,
                                types[t].bytes);
            }
            nifti_save("a.nii");
            slr_nifti *nifti = open_nifti("a.nii");
            assert_int_equal(slr_nifti_load(nifti, 0, &err), SELORA_OK);
            assert_true(slr_nifti_statistics_of(nifti)->least == (double)(float)types[t].least);
            assert_true(slr_nifti_statistics_of(nifti)->greatest == (double)(float)types[t].most);
            slr_nifti_close(nifti);
        }
}

/* qform where there is no sform; neither: as stored, with a warning. */
static void test_other_orientations(void **state)
{
    (void)state;
    nifti_begin(1, false);
    nifti_put_integer(254, 0, 2);
    nifti_add_volume();
    nifti_save("none.nii");
    slr_nifti *nifti = open_nifti("none.nii");
    assert_string_equal(slr_nifti_axes_of(nifti)->codes, "RAS");
    assert_false(slr_nifti_axes_of(nifti)->oriented);
    slr_nifti_close(nifti);
    slr_picture_facts facts;
    slr_image image = picture_read("none.nii", 0, NULL, &facts);
    assert_true(facts.warnings & SLR_WARN_NO_ORIENTATION);
    slr_image_free(&image);
    nifti_put_integer(252, 1, 2);
    nifti_put_real(256, 0); /* a half turn about z */
    nifti_put_real(260, 0);
    nifti_put_real(264, 1);
    nifti_save("qform.nii");
    nifti = open_nifti("qform.nii");
    assert_string_equal(slr_nifti_axes_of(nifti)->codes, "LPS");
    slr_nifti_close(nifti);
}

/* ---- pictures ---- */

/* Patient's right on the left, anterior or superior at the top; spacing makes no difference here. */
static void check_plane(slr_axis axis, bool neurological)
{
    slr_medical_options options = slr_medical_options_default();
    slr_picture_facts facts;
    options.axis = axis;
    options.neurological = neurological;
    options.no_voi = SLR_NO_VOI_MINMAX;
    double least = -43, most = 0.5 * 19 + 7;
    static const int across[] = {0, 0, 1}, down[] = {1, 2, 2}, through[] = {2, 1, 0}, sizes[] = {NX, NZ, NY};
    for (int slice = 0; slice < sizes[through[axis]]; slice++) {
        slr_image image = picture_read("cube.nii", slice, &options, &facts);
        assert_int_equal(image.width, sizes[across[axis]]);
        assert_int_equal(image.height, sizes[down[axis]]);
        assert_int_equal(facts.frames, sizes[through[axis]]);
        for (int row = 0; row < image.height; row++)
            for (int column = 0; column < image.width; column++) {
                int at[3];
                at[through[axis]] = slice;
                at[down[axis]] = image.height - 1 - row;
                bool mirrored = axis == SLR_AXIS_SAGITTAL || !neurological;
                at[across[axis]] = mirrored ? image.width - 1 - column : column;
                double x = 0.5 * nifti_voxel_value(NX - 1 - at[0], at[2], at[1]) + 7;
                double y = (x - least) / (most - least);
                if (!(fabs(y - (double)image.pixels[row * image.width + column]) < 1e-6))
                    fail_msg("axis %d, slice %d, %d %d", axis, slice, column, row);
            }
        slr_image_free(&image);
    }
}

static void test_planes(void **state)
{
    (void)state;
    nifti_begin(1, false);
    for (int i = 1; i < 4; i++)
        nifti_put_spacing(i, 1);
    nifti_add_volume();
    nifti_save("cube.nii");
    slr_nifti_close(open_nifti("cube.nii"));
    for (int axis = 0; axis < 3; axis++)
        for (int neurological = 0; neurological < 2; neurological++)
            check_plane((slr_axis)axis, neurological != 0);
}

static void test_spacing(void **state)
{
    (void)state;
    slr_picture_facts facts;
    nifti_begin(1, false);
    nifti_add_volume();
    nifti_save("a.nii");
    slr_nifti_close(open_nifti("a.nii"));
    slr_image image = picture_read("a.nii", 0, NULL, &facts); /* R by A: 6 x 4 voxels of 2 x 3 mm */
    assert_int_equal(image.width, 6);
    assert_int_equal(image.height, 6);
    assert_true(facts.spacing[0] == 3 && facts.spacing[1] == 2 && facts.slice_thickness == 4);
    assert_int_equal(facts.axis, 'a');
    assert_string_equal(facts.axis_codes, "LSA");
    slr_image_free(&image);
}

/* One rule for the volume, whichever slice is drawn. */
static void test_volume_rule(void **state)
{
    (void)state;
    slr_medical_options options = slr_medical_options_default();
    slr_picture_facts first, last;
    nifti_begin(1, false);
    nifti_add_volume();
    nifti_save("a.nii");
    slr_nifti_close(open_nifti("a.nii"));
    slr_image image = picture_read("a.nii", 0, NULL, &first);
    slr_image_free(&image);
    image = picture_read("a.nii", NY - 1, NULL, &last);
    slr_image_free(&image);
    assert_int_equal(first.voi, SLR_VOI_PERCENTILE);
    assert_true(first.voi_low == last.voi_low && first.voi_high == last.voi_high);
    assert_true(fabs(first.voi_low - (0.5 * (-100 + 0.595) + 7)) < 1e-6); /* 0.5 % of 119 steps */
    options.no_voi = SLR_NO_VOI_FULL;
    image = picture_read("a.nii", 0, &options, &first);
    assert_true(first.voi_low == -16377 && first.voi_high == 16390.5);
    slr_image_free(&image);
    options.has_window = true;
    options.window_centre = -40;
    options.window_width = 5;
    image = picture_read("a.nii", 0, &options, &first);
    assert_int_equal(first.voi, SLR_VOI_USER);
    assert_true(first.voi_low == -42.5 && first.voi_high == -38.5);
    slr_image_free(&image);
    picture_refused("a.nii", NY, NULL, SLR_SKIP_NO_FRAME, "slice 5");
    options.volume = 1;
    picture_refused("a.nii", 0, &options, SLR_SKIP_NO_FRAME, "volume 1");
}

static void test_not_numbers(void **state)
{
    (void)state;
    slr_picture_facts facts;
    slr_medical_options options = slr_medical_options_default();
    options.no_voi = SLR_NO_VOI_MINMAX;
    nifti_begin(1, false);
    nifti_put_type(SLR_NIFTI_F32, 4);
    for (int i = 0; i < VOXELS; i++) {
        float value = i == 0 ? NAN : i == 1 ? INFINITY : i == 2 ? -INFINITY : (float)i;
        nifti_add_voxel(&value, 4);
    }
    nifti_save("a.nii");
    slr_nifti_close(open_nifti("a.nii"));
    slr_image image = picture_read("a.nii", 0, &options, &facts);
    assert_int_equal(facts.nan_voxels, 3);
    assert_true(facts.warnings & SLR_WARN_NAN);
    assert_true(facts.voi_low == 8.5 && facts.voi_high == 0.5 * (VOXELS - 1) + 7);
    for (int i = 0; i < image.width * image.height; i++)
        assert_true(image.pixels[i] >= 0.0f && image.pixels[i] <= 1.0f);
    slr_image_free(&image);
}

static void test_volumes(void **state)
{
    (void)state;
    slr_medical_options options = slr_medical_options_default();
    slr_picture_facts facts;
    nifti_begin(2, false);
    nifti_put_dim(0, 5);
    nifti_put_dim(4, 2);
    nifti_put_dim(5, 3);
    for (int volume = 0; volume < 6; volume++)
        for (int i = 0; i < VOXELS; i++) {
            int16_t value = (int16_t)(i + 1000 * volume);
            nifti_add_voxel(&value, 2);
        }
    nifti_save("plain.nii");
    nifti_save_packed("packed.nii.gz");
    slr_nifti_close(open_nifti("plain.nii"));
    options.no_voi = SLR_NO_VOI_MINMAX;
    for (options.volume = 5; options.volume >= 0; options.volume--)
        for (int packed = 0; packed < 2; packed++) {
            slr_image image = picture_read(packed ? "packed.nii.gz" : "plain.nii", 1, &options, &facts);
            assert_int_equal(facts.volumes, 6);
            assert_true(facts.voi_low == 500.0 * (double)options.volume + 7);
            slr_image_free(&image);
        }
}

static void test_rgb(void **state)
{
    (void)state;
    slr_picture_facts facts;
    slr_medical_options options = slr_medical_options_default();
    nifti_begin(1, true);
    nifti_put_type(SLR_NIFTI_RGB24, 3);
    for (int i = 1; i < 4; i++)
        nifti_put_spacing(i, 1);
    for (int i = 0; i < 3 * VOXELS; i++)
        nifti_file.bytes[nifti_file.size++] = (unsigned char)i;
    nifti_save("a.nii");
    slr_nifti_close(open_nifti("a.nii"));
    slr_image image = picture_read("a.nii", 0, NULL, &facts);
    assert_int_equal(image.channels, 1); /* neighbouring values differ by 1 */
    slr_image_free(&image);
    for (int i = 0; i < 3 * VOXELS; i += 3)
        nifti_file.bytes[352 + i] = 200;
    nifti_save("a.nii");
    image = picture_read("a.nii", 0, NULL, &facts);
    assert_int_equal(image.channels, 3);
    /* upper left: right, anterior, lowest = stored x 0, y 0, z 3 */
    size_t at = 3 * (size_t)(3 * NX * NY);
    for (size_t c = 0; c < 3; c++)
        assert_true(fabsf(image.pixels[c] - (float)nifti_file.bytes[352 + at + c] / 255.0f) < 1e-6f);
    slr_image_free(&image);
    options.grey_only = true;
    picture_refused("a.nii", 0, &options, SLR_SKIP_COLOUR, "only grey");
}

static void test_choice(void **state)
{
    (void)state;
    slr_medical_options options = slr_medical_options_default();
    slr_medical *medical;
    int64_t *frames;
    size_t count;
    nifti_begin(1, false);
    for (int z = 0; z < NZ; z++)
        for (int y = 0; y < NY; y++)
            for (int x = 0; x < NX; x++) {
                int16_t value = (int16_t)(x < (y == 3 ? 5 : 2) ? 50 + x : 0);
                nifti_add_voxel(&value, 2);
            }
    nifti_save("a.nii");
    slr_nifti_close(open_nifti("a.nii"));
    assert_int_equal(slr_medical_open(scratch_path("a.nii"), &medical, NULL, &err), SELORA_OK);
    assert_int_equal(slr_medical_frames(medical, &options), NY);
    options.slice = SLR_SLICE_LARGEST;
    assert_int_equal(slr_medical_choose(medical, &options, &frames, &count, NULL, &err), SELORA_OK);
    assert_int_equal(count, 1);
    assert_int_equal(frames[0], 3);
    free(frames);
    options.slice = SLR_SLICE_EVERY;
    options.slice_number = 2;
    assert_int_equal(slr_medical_choose(medical, &options, &frames, &count, NULL, &err), SELORA_OK);
    assert_int_equal(count, 3);
    assert_int_equal(frames[2], 4);
    free(frames);
    slr_medical_close(medical);
}

/* ---- what is refused ---- */

static void check_refused(const char *expected)
{
    slr_nifti_header header;
    int64_t size = (int64_t)nifti_file.size;
    assert_int_equal(slr_nifti_header_read(nifti_file.bytes, nifti_file.size, size, &header, &err),
                     SELORA_BAD_INPUT);
    if (!strstr(err.message, expected))
        fail_msg("'%s' lacks '%s'", err.message, expected);
}

static void test_headers_refused(void **state)
{
    (void)state;
    for (int version = 1; version <= 2; version++)
        for (int swapped = 0; swapped < 2; swapped++) {
            static const int axes[] = {0, -1, 8, 300, 32767};
            for (size_t i = 0; i < sizeof axes / sizeof *axes; i++) {
                nifti_begin(version, swapped != 0);
                nifti_add_volume();
                nifti_put_dim(0, axes[i]);
                check_refused("dim[0]");
            }
            static const int sizes[] = {0, -1, -32768};
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                nifti_begin(version, swapped != 0);
                nifti_add_volume();
                nifti_put_dim(2, sizes[i]);
                check_refused("dim[2]");
            }
            nifti_begin(version, swapped != 0);
            nifti_add_volume();
            for (int i = 1; i < 8; i++)
                nifti_put_dim(i, 32767);
            nifti_put_dim(0, 7);
            check_refused("in all");
            static const int types[] = {0, 1, 3, 32, 1024, 1536, 2304, -2};
            for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
                nifti_begin(version, swapped != 0);
                nifti_add_volume();
                nifti_put_type((slr_nifti_type)types[i], 2);
                check_refused("datatype");
            }
            static const double offsets[] = {-1, 0, 300, 1e9};
            for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
                nifti_begin(version, swapped != 0);
                nifti_add_volume();
                nifti_put_offset(offsets[i]);
                check_refused("vox_offset");
            }
            nifti_begin(version, swapped != 0);
            nifti_add_volume();
            nifti_file.bytes[version == 2 ? 5 : 345] = '*';
            check_refused("is no NIfTI");
            nifti_begin(version, swapped != 0);
            nifti_put_integer(0, 349, 4);
            nifti_add_volume();
            check_refused("is no NIfTI");
        }
    nifti_begin(2, false);
    nifti_put_dim(1, INT64_C(1) << 40);
    nifti_add_volume();
    check_refused("dim[1]");
    nifti_begin(1, false);
    nifti_put_offset(NAN);
    nifti_add_volume();
    check_refused("vox_offset");
    nifti_begin(1, false);
    nifti_file.size = 347;
    check_refused("is no NIfTI");
}

static void test_truncated(void **state)
{
    (void)state;
    nifti_begin(1, false);
    nifti_add_volume();
    nifti_save("whole.nii");
    slr_nifti_close(open_nifti("whole.nii"));
    nifti_file.size -= 1;
    nifti_save("cut.nii");
    picture_refused("cut.nii", 0, NULL, SLR_SKIP_DAMAGED, "1 bytes of voxels are missing");
    nifti_save_packed("cut.nii.gz");
    picture_refused("cut.nii.gz", 0, NULL, SLR_SKIP_DAMAGED, "are missing");
    nifti_file.size += 1;
    nifti_save_packed("damaged.nii.gz");
    size_t size;
    char *packed = scratch_read("damaged.nii.gz", &size);
    packed[size - 6] ^= 1; /* the checksum */
    scratch_write("damaged.nii.gz", packed, size);
    picture_refused("damaged.nii.gz", 0, NULL, SLR_SKIP_DAMAGED, "damaged NIfTI");
    scratch_write("short.nii.gz", packed, size - 30);
    picture_refused("short.nii.gz", 0, NULL, SLR_SKIP_DAMAGED, "NIfTI");
    free(packed);
}

/* Any few bytes changed or the end lost: a picture or an error, nothing else. */
static void test_mutated(void **state)
{
    (void)state;
    slr_rng rng = slr_rng_at(9, SLR_STREAM_TEST, 0, 0);
    slr_medical_options options = slr_medical_options_default();
    int read = 0, refused = 0;
    for (int trial = 0; trial < 3000; trial++) {
        slr_nifti *nifti;
        slr_picture_facts facts;
        slr_image image;
        nifti_begin(1 + trial % 2, trial % 3 == 0);
        nifti_add_volume();
        for (uint32_t i = slr_rng_below(&rng, 4) + 1; i > 0; i--)
            nifti_file.bytes[slr_rng_below(&rng, trial % 5 ? 356 : (uint32_t)nifti_file.size)] =
                (unsigned char)slr_rng_below(&rng, 256);
        if (trial % 7 == 0)
            nifti_file.size = slr_rng_below(&rng, (uint32_t)nifti_file.size);
        nifti_save("mutated.nii");
        options.axis = (slr_axis)(trial % 3);
        selora_status status = slr_nifti_open(scratch_path("mutated.nii"), &nifti, &err);
        if (status == SELORA_OK) {
            status = slr_nifti_picture(nifti, 1, &options, &image, &facts, &err);
            if (status == SELORA_OK)
                slr_image_free(&image);
            slr_nifti_close(nifti);
        }
        read += status == SELORA_OK;
        refused += status == SELORA_BAD_INPUT;
        assert_true(status == SELORA_OK || status == SELORA_BAD_INPUT);
    }
    assert_true(refused > 300);
    assert_true(read > 300 || !slr_nifti_is_built());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_vector),    TEST(test_pair),    TEST(test_types),       TEST(test_other_orientations),
        TEST(test_planes),    TEST(test_spacing), TEST(test_volume_rule), TEST(test_not_numbers),
        TEST(test_volumes),   TEST(test_rgb),     TEST(test_choice),      TEST(test_headers_refused),
        TEST(test_truncated), TEST(test_mutated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
