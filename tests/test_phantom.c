/* SPDX-License-Identifier: MIT
 *
 * Phantoms: the same item is the same picture, the finding is where truth and caption say it is,
 * sets are balanced and keep the held-out classes apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "data/phantom.h"

enum { SIZE = 64 };

static void draw(uint64_t seed, uint32_t index, slr_phantom_spec spec, float *pixels,
                 slr_phantom_truth *truth)
{
    slr_error err = {0};
    assert_int_equal(slr_phantom_draw(seed, index, spec, SIZE, pixels, truth, &err), SELORA_OK);
}

static void test_same_item_same_picture(void **state)
{
    (void)state;
    static float a[SIZE * SIZE], b[SIZE * SIZE];
    slr_phantom_spec spec = {SLR_PHANTOM_CHEST, SLR_PHANTOM_MASS, SLR_PHANTOM_UPPER_LEFT};
    draw(7, 3, spec, a, NULL);
    draw(7, 3, spec, b, NULL);
    assert_memory_equal(a, b, sizeof a);
    draw(7, 4, spec, b, NULL);
    assert_memory_not_equal(a, b, sizeof a);
    draw(8, 3, spec, b, NULL);
    assert_memory_not_equal(a, b, sizeof a);
    for (size_t i = 0; i < SIZE * SIZE; i++)
        assert_true(a[i] >= 0.0f && a[i] <= 1.0f);
}

/* The same item without its finding differs from the picture with it inside the true circle, and
 * nowhere else. */
static void test_finding_is_where_truth_says(void **state)
{
    (void)state;
    static float with[SIZE * SIZE], without[SIZE * SIZE];
    for (int f = SLR_PHANTOM_MASS; f < SLR_PHANTOM_FINDINGS; f++) {
        for (int p = 0; p < SLR_PHANTOM_PLACES; p++) {
            for (int r = 0; r < SLR_PHANTOM_REGIONS; r++) {
                slr_phantom_spec spec = {(slr_phantom_region)r, (slr_phantom_finding)f,
                                         (slr_phantom_place)p};
                slr_phantom_truth truth;
                uint32_t index = (uint32_t)(r * 40 + f * 5 + p);
                draw(11, index, spec, with, &truth);
                spec.finding = SLR_PHANTOM_NORMAL;
                draw(11, index, spec, without, NULL);
                double inside = 0.0;
                for (int i = 0; i < SIZE * SIZE; i++) {
                    float x = ((float)(i % SIZE) + 0.5f) / 32.0f - 1.0f - truth.x;
                    float y = ((float)(i / SIZE) + 0.5f) / 32.0f - 1.0f - truth.y;
                    float difference = with[i] - without[i];
                    float reach = truth.radius + 0.06f;
                    if (x * x + y * y > reach * reach)
                        assert_true(difference == 0.0f);
                    else
                        inside += (double)difference * (double)difference;
                }
                assert_true(inside > 1.0);
                int left = p == SLR_PHANTOM_UPPER_LEFT || p == SLR_PHANTOM_LOWER_LEFT;
                int right = p == SLR_PHANTOM_UPPER_RIGHT || p == SLR_PHANTOM_LOWER_RIGHT;
                int upper = p == SLR_PHANTOM_UPPER_LEFT || p == SLR_PHANTOM_UPPER_RIGHT;
                int lower = p == SLR_PHANTOM_LOWER_LEFT || p == SLR_PHANTOM_LOWER_RIGHT;
                assert_true(left == (truth.x < -0.15f) && right == (truth.x > 0.15f));
                assert_true(upper == (truth.y < -0.15f) && lower == (truth.y > 0.15f));
                assert_true(truth.box[0] >= -1.0f && truth.box[2] <= 1.0f);
                assert_true(truth.box[0] < truth.x && truth.x < truth.box[2]);
            }
        }
    }
}

static void test_normal_has_no_truth(void **state)
{
    (void)state;
    static float pixels[SIZE * SIZE];
    slr_phantom_truth truth, zero;
    memset(&zero, 0, sizeof zero);
    slr_phantom_spec spec = {SLR_PHANTOM_KNEE, SLR_PHANTOM_NORMAL, SLR_PHANTOM_CENTRE};
    draw(1, 1, spec, pixels, &truth);
    assert_memory_equal(&truth, &zero, sizeof zero);
}

/* Twice the size, averaged down, is nearly the picture of half the size: grain aside, no feature
 * depends on the size. */
static void test_size_changes_sharpness_only(void **state)
{
    (void)state;
    static float small[SIZE * SIZE], large[4 * SIZE * SIZE];
    slr_error err = {0};
    slr_phantom_spec spec = {SLR_PHANTOM_ABDOMEN, SLR_PHANTOM_RING, SLR_PHANTOM_LOWER_RIGHT};
    draw(5, 9, spec, small, NULL);
    assert_int_equal(slr_phantom_draw(5, 9, spec, 2 * SIZE, large, NULL, &err), SELORA_OK);
    double sum = 0.0;
    for (int y = 0; y < SIZE; y++) {
        for (int x = 0; x < SIZE; x++) {
            const float *corner = large + (size_t)(2 * y) * 2 * SIZE + 2 * x;
            float mean = 0.25f * (corner[0] + corner[1] + corner[2 * SIZE] + corner[2 * SIZE + 1]);
            double d = (double)mean - (double)small[y * SIZE + x];
            sum += d * d;
        }
    }
    assert_true(sum / (SIZE * SIZE) < 0.02 * 0.02);
}

static void test_grey_is_rounded(void **state)
{
    (void)state;
    static float pixels[SIZE * SIZE], scratch[SIZE * SIZE];
    static uint8_t grey[SIZE * SIZE];
    slr_error err = {0};
    slr_phantom_spec spec = {SLR_PHANTOM_HEAD, SLR_PHANTOM_CYST, SLR_PHANTOM_CENTRE};
    draw(2, 0, spec, pixels, NULL);
    assert_int_equal(slr_phantom_draw_grey(2, 0, spec, SIZE, scratch, grey, NULL, &err), SELORA_OK);
    for (int i = 0; i < SIZE * SIZE; i++) {
        float error = (float)grey[i] - pixels[i] * 255.0f;
        assert_true(error <= 0.501f && error >= -0.501f);
    }
}

static void test_captions(void **state)
{
    (void)state;
    char caption[SLR_PHANTOM_CAPTION_CAPACITY];
    slr_phantom_spec spec = {SLR_PHANTOM_CHEST, SLR_PHANTOM_MASS, SLR_PHANTOM_UPPER_LEFT};
    slr_phantom_caption(spec, caption, sizeof caption);
    assert_string_equal(caption, "frontal chest, bright mass, upper left");
    spec.finding = SLR_PHANTOM_NORMAL;
    slr_phantom_caption(spec, caption, sizeof caption);
    assert_string_equal(caption, "frontal chest, normal");
    for (int r = 0; r < SLR_PHANTOM_REGIONS; r++) {
        for (int f = 0; f < SLR_PHANTOM_FINDINGS; f++) {
            for (int p = 0; p < SLR_PHANTOM_PLACES; p++) {
                spec = (slr_phantom_spec){(slr_phantom_region)r, (slr_phantom_finding)f,
                                          (slr_phantom_place)p};
                slr_phantom_caption(spec, caption, sizeof caption);
                assert_true(strlen(caption) + 1 < sizeof caption);
            }
        }
    }
}

/* The default set: a block shows each seen kind once and nothing held out. */
static void test_set_is_balanced(void **state)
{
    (void)state;
    slr_phantom_set set = slr_phantom_set_default(3);
    uint32_t kinds = slr_phantom_set_kinds(&set);
    assert_int_equal(kinds, 5 * (5 * 5 + 1));
    int seen[SLR_PHANTOM_REGIONS][SLR_PHANTOM_FINDINGS][SLR_PHANTOM_PLACES] = {{{0}}};
    int same_order = 1;
    for (uint32_t i = 0; i < 2 * kinds; i++) {
        slr_phantom_spec s = slr_phantom_set_item(&set, i);
        assert_false(slr_phantom_region_is_held_out(s.region));
        assert_false(slr_phantom_finding_is_held_out(s.finding));
        assert_true(seen[s.region][s.finding][s.place]++ == (i < kinds ? 0 : 1));
        slr_phantom_spec first = slr_phantom_set_item(&set, i % kinds);
        same_order &= memcmp(&s, &first, sizeof s) == 0;
    }
    assert_false(same_order);
}

static void test_set_filters(void **state)
{
    (void)state;
    slr_phantom_set set = slr_phantom_set_default(3);
    set.classes = SLR_PHANTOM_HELD_OUT;
    uint32_t held_out = slr_phantom_set_kinds(&set);
    assert_int_equal(held_out, 5 * 5 + 6 * 5 + 1); /* plates elsewhere, everything in the breast */
    for (uint32_t i = 0; i < held_out; i++) {
        slr_phantom_spec s = slr_phantom_set_item(&set, i);
        assert_true(slr_phantom_region_is_held_out(s.region) ||
                    slr_phantom_finding_is_held_out(s.finding));
    }
    set = slr_phantom_set_default(3);
    set.finding = SLR_PHANTOM_PLATE; /* named: allowed though held out, in seen regions */
    assert_int_equal(slr_phantom_set_kinds(&set), 25);
    set.region = SLR_PHANTOM_CHEST;
    set.place = SLR_PHANTOM_LOWER_LEFT;
    assert_int_equal(slr_phantom_set_kinds(&set), 1);
    slr_phantom_spec s = slr_phantom_set_item(&set, 123456);
    assert_int_equal(s.region, SLR_PHANTOM_CHEST);
    assert_int_equal(s.finding, SLR_PHANTOM_PLATE);
    assert_int_equal(s.place, SLR_PHANTOM_LOWER_LEFT);
    set.finding = SLR_PHANTOM_NORMAL; /* a normal picture has no place */
    assert_int_equal(slr_phantom_set_kinds(&set), 0);
    set.classes = SLR_PHANTOM_ALL;
    set.region = set.finding = set.place = SLR_PHANTOM_ANY;
    assert_int_equal(slr_phantom_set_kinds(&set), 6 * (6 * 5 + 1));
}

static void test_names_are_found(void **state)
{
    (void)state;
    slr_error err = {0};
    int found = -1;
    for (int r = 0; r < SLR_PHANTOM_REGIONS; r++) {
        const char *name = slr_phantom_region_option((slr_phantom_region)r);
        assert_int_equal(slr_phantom_region_find(name, &found, &err), SELORA_OK);
        assert_int_equal(found, r);
    }
    assert_int_equal(slr_phantom_finding_find("plate", &found, &err), SELORA_OK);
    assert_int_equal(found, SLR_PHANTOM_PLATE);
    assert_int_equal(slr_phantom_place_find("lower-right", &found, &err), SELORA_OK);
    assert_int_equal(found, SLR_PHANTOM_LOWER_RIGHT);
    assert_int_equal(slr_phantom_region_find("foot", &found, &err), SELORA_USAGE);
    assert_non_null(strstr(err.message, "foot"));
    assert_non_null(strstr(err.message, "knee"));
}

static void test_bad_arguments(void **state)
{
    (void)state;
    static float pixels[SIZE * SIZE];
    slr_error err = {0};
    slr_phantom_spec spec = {SLR_PHANTOM_HEAD, SLR_PHANTOM_CYST, SLR_PHANTOM_CENTRE};
    assert_int_equal(slr_phantom_draw(1, 0, spec, 31, pixels, NULL, &err), SELORA_USAGE);
    assert_int_equal(slr_phantom_draw(1, 0, spec, 5000, pixels, NULL, &err), SELORA_USAGE);
    spec.place = SLR_PHANTOM_PLACES;
    assert_int_equal(slr_phantom_draw(1, 0, spec, SIZE, pixels, NULL, &err), SELORA_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_item_same_picture),
        cmocka_unit_test(test_finding_is_where_truth_says),
        cmocka_unit_test(test_normal_has_no_truth),
        cmocka_unit_test(test_size_changes_sharpness_only),
        cmocka_unit_test(test_grey_is_rounded),
        cmocka_unit_test(test_captions),
        cmocka_unit_test(test_set_is_balanced),
        cmocka_unit_test(test_set_filters),
        cmocka_unit_test(test_names_are_found),
        cmocka_unit_test(test_bad_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
