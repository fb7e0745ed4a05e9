// SPDX-License-Identifier: MIT
// Header values by path: numbers, text, bytes, items of sequences.
#include <cctype>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "medical/dcm_handle.h"

namespace
{

template <typename Action> long guarded_count(Action action) noexcept
{
    try {
        return action();
    } catch (...) {
        return -2;
    }
}

enum : long { ABSENT = -1, OTHER_KIND = -2 };

bool parse_number(const char *&at, int base, unsigned long most, unsigned long &value)
{
    char *end;
    if (!isxdigit(static_cast<unsigned char>(*at)))
        return false;
    value = strtoul(at, &end, base);
    if (value > most)
        return false;
    at = end;
    return true;
}

bool parse_tag(const char *&at, DcmTagKey &key)
{
    unsigned long group, element;
    if (!parse_number(at, 16, 0xFFFF, group) || *at++ != ',' || !parse_number(at, 16, 0xFFFF, element))
        return false;
    key.set(static_cast<Uint16>(group), static_cast<Uint16>(element));
    return true;
}

// The element of "gggg,eeee[i]/gggg,eeee"; null when it, an item or a sequence on the way is absent.
DcmElement *find_element(const slr_dcm *dcm, const char *path)
{
    DcmItem *item = dcm->dataset;
    for (;;) {
        DcmTagKey key;
        DcmElement *element = nullptr;
        if (!parse_tag(path, key) || item->findAndGetElement(key, element).bad() || !element)
            return nullptr;
        if (!*path)
            return element;
        unsigned long index;
        if (*path++ != '[' || !parse_number(path, 10, INT_MAX, index) || *path++ != ']' || *path++ != '/' ||
            element->ident() != EVR_SQ)
            return nullptr;
        item = static_cast<DcmSequenceOfItems *>(element)->getItem(index);
        if (!item)
            return nullptr;
    }
}

// One number of a decimal or integer string; blanks around it are fine, the locale has no say.
bool parse_decimal(const char *begin, const char *end, double &value)
{
    while (begin < end && *begin == ' ')
        begin++;
    while (end > begin && (end[-1] == ' ' || end[-1] == '\0'))
        end--;
    if (begin < end && *begin == '+')
        begin++;
    auto parsed = std::from_chars(begin, end, value);
    return begin < end && parsed.ec == std::errc() && parsed.ptr == end;
}

// A string as it is stored; empty when it has no value.
selora_status stored_string(DcmElement *element, const char *&text, size_t &length)
{
    char *start = nullptr;
    Uint32 size = 0;
    if (element->getString(start, size).bad())
        return SELORA_BAD_INPUT;
    text = start ? start : "";
    length = start ? size : 0;
    return SELORA_OK;
}

long string_numbers(DcmElement *element, double *out, size_t n)
{
    const char *text;
    size_t length;
    if (stored_string(element, text, length) != SELORA_OK)
        return OTHER_KIND;
    const char *end = text + length, *start = text;
    while (end > start && (end[-1] == ' ' || end[-1] == '\0'))
        end--;
    if (start == end)
        return 0;
    for (size_t count = 0;;) {
        const char *stop = static_cast<const char *>(memchr(start, '\\', static_cast<size_t>(end - start)));
        double value;
        if (!parse_decimal(start, stop ? stop : end, value))
            return OTHER_KIND;
        if (count < n)
            out[count] = value;
        count++;
        if (!stop)
            return static_cast<long>(count);
        start = stop + 1;
    }
}

template <typename Number>
long copy_numbers(OFCondition got, const Number *values, size_t count, double *out, size_t n)
{
    if (got.bad())
        return OTHER_KIND;
    if (!values)
        return 0;
    for (size_t i = 0; i < count && i < n; i++)
        out[i] = static_cast<double>(values[i]);
    return static_cast<long>(count);
}

template <typename Number>
long array_numbers(DcmElement *element, OFCondition (DcmElement::*get)(Number *&), double *out, size_t n)
{
    Number *values = nullptr;
    OFCondition got = (element->*get)(values);
    return copy_numbers(got, values, element->getLengthField() / sizeof(Number), out, n);
}

long numbers_of(DcmElement *element, double *out, size_t n)
{
    switch (element->ident()) {
    case EVR_DS:
    case EVR_IS:
        return string_numbers(element, out, n);
    case EVR_US:
    case EVR_xs:
    case EVR_lt:
    case EVR_OW:
        return array_numbers<Uint16>(element, &DcmElement::getUint16Array, out, n);
    case EVR_SS:
        return array_numbers<Sint16>(element, &DcmElement::getSint16Array, out, n);
    case EVR_UL:
    case EVR_up:
        return array_numbers<Uint32>(element, &DcmElement::getUint32Array, out, n);
    case EVR_SL:
        return array_numbers<Sint32>(element, &DcmElement::getSint32Array, out, n);
    case EVR_FL:
        return array_numbers<Float32>(element, &DcmElement::getFloat32Array, out, n);
    case EVR_FD:
        return array_numbers<Float64>(element, &DcmElement::getFloat64Array, out, n);
    case EVR_OB:
    case EVR_UN:
        return array_numbers<Uint8>(element, &DcmElement::getUint8Array, out, n);
    default: // DcmOtherByteOtherWord answers with what it really is, everything else is text or a sequence
        return OTHER_KIND;
    }
}

long bytes_of(DcmElement *element, void *out, size_t n)
{
    const void *value = nullptr;
    size_t length = element->getLengthField();
    switch (element->ident()) {
    case EVR_SQ:
    case EVR_pixelSQ:
        return OTHER_KIND;
    case EVR_US:
    case EVR_xs:
    case EVR_lt:
    case EVR_OW: {
        Uint16 *words = nullptr;
        if (element->getUint16Array(words).bad())
            return OTHER_KIND;
        value = words;
        break;
    }
    case EVR_SS: {
        Sint16 *words = nullptr;
        if (element->getSint16Array(words).bad())
            return OTHER_KIND;
        value = words;
        break;
    }
    case EVR_OB:
    case EVR_UN: {
        Uint8 *bytes = nullptr;
        if (element->getUint8Array(bytes).bad())
            return OTHER_KIND;
        value = bytes;
        break;
    }
    default: {
        const char *text;
        if (stored_string(element, text, length) != SELORA_OK)
            return OTHER_KIND;
        value = text;
    }
    }
    if (!value)
        return 0;
    if (n > 0) /* `out` may be null: the length is asked for */
        memcpy(out, value, length < n ? length : n);
    return static_cast<long>(length);
}

long text_of(DcmElement *element, char *out, size_t n)
{
    switch (element->ident()) {
    case EVR_SQ:
    case EVR_pixelSQ:
    case EVR_PixelData:
    case EVR_OB:
    case EVR_OW:
    case EVR_UN:
        return OTHER_KIND;
    default:
        break;
    }
    OFString text;
    if (element->getOFStringArray(text, OFFalse).bad())
        return OTHER_KIND;
    size_t length = text.length();
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\0'))
        length--;
    size_t taken = 0;
    for (; taken < length && taken + 1 < n; taken++) {
        auto c = static_cast<unsigned char>(text[taken]);
        out[taken] = c < 0x20 || c == 0x7f ? ' ' : static_cast<char>(c);
    }
    if (n > 0)
        out[taken] = '\0';
    return static_cast<long>(length);
}

} // namespace

long slr_dcm_doubles(const slr_dcm *dcm, const char *path, double *out, size_t n)
{
    return guarded_count([&] {
        DcmElement *element = find_element(dcm, path);
        return element ? numbers_of(element, out, n) : ABSENT;
    });
}

long slr_dcm_text(const slr_dcm *dcm, const char *path, char *out, size_t n)
{
    return guarded_count([&] {
        DcmElement *element = find_element(dcm, path);
        return element ? text_of(element, out, n) : ABSENT;
    });
}

long slr_dcm_bytes(const slr_dcm *dcm, const char *path, void *out, size_t n)
{
    return guarded_count([&] {
        DcmElement *element = find_element(dcm, path);
        return element ? bytes_of(element, out, n) : ABSENT;
    });
}

long slr_dcm_items(const slr_dcm *dcm, const char *path)
{
    return guarded_count([&]() -> long {
        DcmElement *element = find_element(dcm, path);
        if (!element)
            return ABSENT;
        if (element->ident() != EVR_SQ)
            return OTHER_KIND;
        return static_cast<long>(static_cast<DcmSequenceOfItems *>(element)->card());
    });
}
