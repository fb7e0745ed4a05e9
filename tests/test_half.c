/* SPDX-License-Identifier: MIT
 * 16-bit floats against their definition: every half, and the floats around every rounding border. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "io/safetensors.h"

enum { HALVES = 65536 };

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The value by the definition of IEEE 754 binary16 (10 fraction bits) and bfloat16 (7). */
static double defined_value(unsigned half, int fraction_bits)
{
    int exponent_bits = 15 - fraction_bits, bias = (1 << (exponent_bits - 1)) - 1;
    int exponent = (int)(half >> fraction_bits) & ((1 << exponent_bits) - 1);
    double fraction = (double)(half & ((1u << fraction_bits) - 1)), sign = half & 0x8000 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1)
        return fraction != 0 ? NAN : sign * INFINITY;
    double scale = ldexp(1, fraction_bits);
    if (exponent == 0)
        return sign * ldexp(fraction / scale, 1 - bias);
    return sign * ldexp(1 + fraction / scale, exponent - bias);
}

static void test_all_halves(void **state)
{
    (void)state;
    for (unsigned half = 0; half < HALVES; half++) {
        double f16 = defined_value(half, 10), bf16 = defined_value(half, 7);
        float read_f16 = slr_f16_to_f32((uint16_t)half), read_bf16 = slr_bf16_to_f32((uint16_t)half);
        if (isnan(f16)) {
            assert_true(isnan(read_f16) && isnan(slr_f16_to_f32(slr_f32_to_f16(read_f16))));
            assert_int_equal(slr_f32_to_f16(read_f16), half | 0x200); /* payload kept, made quiet */
        } else {
            assert_int_equal(bits_of(read_f16), bits_of((float)f16));
            assert_int_equal(slr_f32_to_f16(read_f16), half);
        }
        if (isnan(bf16)) {
            assert_true(isnan(read_bf16) && isnan(slr_bf16_to_f32(slr_f32_to_bf16(read_bf16))));
        } else {
            assert_int_equal(bits_of(read_bf16), bits_of((float)bf16));
            assert_int_equal(slr_f32_to_bf16(read_bf16), half);
        }
    }
}

/* Between two neighbours the border is their mean: below goes down, above up, the border itself to the even one. */
static void check_borders(int fraction_bits, uint16_t (*narrow)(float))
{
    unsigned infinity = fraction_bits == 10 ? 0x7c00 : 0x7f80;
    for (unsigned half = 0; half < infinity; half++) {
        double low = defined_value(half, fraction_bits);
        double high = half + 1 == infinity ? 2 * low - defined_value(half - 1, fraction_bits)
                                           : defined_value(half + 1, fraction_bits);
        double border = (low + high) / 2;
        float middle = (float)border;
        if ((double)middle != border)
            continue; /* the smallest bfloat16 borders are no floats */
        unsigned even = half & 1 ? half + 1 : half;
        for (unsigned sign = 0; sign <= 0x8000; sign += 0x8000) {
            uint32_t flip = (uint32_t)sign << 16;
            assert_int_equal(narrow(float_of(bits_of(middle) | flip)), even | sign);
            assert_int_equal(narrow(float_of((bits_of(middle) - 1) | flip)), half | sign);
            assert_int_equal(narrow(float_of((bits_of(middle) + 1) | flip)), (half + 1) | sign);
        }
    }
}

static void test_borders(void **state)
{
    (void)state;
    check_borders(10, slr_f32_to_f16);
    check_borders(7, slr_f32_to_bf16);
    assert_int_equal(slr_f32_to_f16(1e-40f), 0);
    assert_int_equal(slr_f32_to_f16(-1e-40f), 0x8000);
    assert_int_equal(slr_f32_to_f16(3e38f), 0x7c00);
    assert_int_equal(slr_f32_to_f16(-INFINITY), 0xfc00);
    assert_int_equal(slr_f32_to_bf16(3.4028235e38f), 0x7f80);
    assert_true(isnan(slr_bf16_to_f32(slr_f32_to_bf16(float_of(0x7f800001u)))));
    assert_true(isnan(slr_f16_to_f32(slr_f32_to_f16(float_of(0xff800001u)))));
}

/* The loops over many agree with the single forms, at any alignment. */
static void test_many(void **state)
{
    (void)state;
    unsigned char *halves = malloc(2 * HALVES + 1);
    float *wide = malloc(HALVES * sizeof *wide);
    uint16_t *back = malloc(HALVES * sizeof *back);
    for (unsigned i = 0; i < HALVES; i++) {
        uint16_t half = (uint16_t)i;
        memcpy(halves + 1 + 2 * i, &half, 2);
    }
    slr_f16_to_f32_many(halves + 1, HALVES, wide);
    for (unsigned i = 0; i < HALVES; i++)
        assert_int_equal(bits_of(wide[i]), bits_of(slr_f16_to_f32((uint16_t)i)));
    slr_f32_to_f16_many(wide, HALVES, back);
    for (unsigned i = 0; i < HALVES; i++)
        assert_int_equal(back[i], slr_f32_to_f16(wide[i]));
    slr_bf16_to_f32_many(halves + 1, HALVES, wide);
    for (unsigned i = 0; i < HALVES; i++)
        assert_int_equal(bits_of(wide[i]), bits_of(slr_bf16_to_f32((uint16_t)i)));
    for (unsigned i = 0; i < HALVES; i++)
        wide[i] = float_of(i * 65537u + 12345u);
    slr_f32_to_bf16_many(wide, HALVES, back);
    for (unsigned i = 0; i < HALVES; i++)
        assert_int_equal(back[i], slr_f32_to_bf16(wide[i]));
    free(halves);
    free(wide);
    free(back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_halves),
        cmocka_unit_test(test_borders),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
