/* SPDX-License-Identifier: MIT */
#include "medical/lut.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* The 16 bits of a number that was read as US or SS. */
static bool word_of(double number, uint32_t *word)
{
    if (!(number >= -32768.0 && number <= 65535.0) || number != floor(number))
        return false;
    *word = (uint32_t)(int32_t)number & 0xffffu;
    return true;
}

selora_status slr_lut_unpack(const double descriptor[3], const void *data, size_t bytes, bool input_is_signed,
                             const char *what, slr_lut *lut, slr_error *err)
{
    uint32_t entries, first, bits;
    memset(lut, 0, sizeof *lut);
    if (!word_of(descriptor[0], &entries) || !word_of(descriptor[1], &first) ||
        !word_of(descriptor[2], &bits) || bits < 8 || bits > 16)
        return slr_fail(
            err, SELORA_BAD_INPUT,
            "%s: the descriptor is %g, %g, %g; entries, first value and 8 to 16 bits are expected", what,
            descriptor[0], descriptor[1], descriptor[2]);
    if (entries == 0)
        entries = SLR_LUT_MAX_ENTRIES;
    bool words = bytes == 2 * (size_t)entries;
    bool packed = bits == 8 && (bytes == entries || bytes == (size_t)entries + entries % 2);
    if (!words && !packed)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: %u entries of %u bits are announced and %zu bytes are there", what, entries,
                        bits, bytes);
    uint16_t *table = slr_alloc(entries, sizeof *table);
    if (!table)
        return slr_fail_memory(err, entries * sizeof *table, what);
    uint16_t mask = (uint16_t)((1u << bits) - 1);
    for (uint32_t i = 0; i < entries; i++) {
        uint16_t word = ((const uint8_t *)data)[i];
        if (words)
            memcpy(&word, (const char *)data + 2 * (size_t)i, sizeof word);
        table[i] = word & mask;
    }
    *lut = (slr_lut){entries, input_is_signed ? (int16_t)first : (int32_t)first, (int)bits, table};
    return SELORA_OK;
}

void slr_lut_free(slr_lut *lut)
{
    free(lut->data);
    memset(lut, 0, sizeof *lut);
}

double slr_lut_value(const slr_lut *lut, double x)
{
    double index = round(x) - lut->first;
    if (!(index > 0.0))
        return lut->data[0];
    return lut->data[index >= lut->entries ? lut->entries - 1 : (uint32_t)index];
}

double slr_lut_grey(const slr_lut *lut, double x)
{
    return slr_lut_value(lut, x) / (double)((1u << lut->bits) - 1);
}
