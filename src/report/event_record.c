/* SPDX-License-Identifier: MIT */
#include "report/event_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5, PREFIX = 12, MOST_VARINT = 10 };

/* ---- bytes ---- */

static void put(slr_event_record *r, const void *data, size_t size)
{
    if (r->failed || size > SIZE_MAX / 4 - r->size) {
        r->failed = true;
        return;
    }
    if (r->size + size > r->capacity) {
        size_t capacity = 2 * (r->size + size) + 256;
        unsigned char *grown = realloc(r->bytes, capacity);
        if (!grown) {
            r->failed = true;
            return;
        }
        r->bytes = grown;
        r->capacity = capacity;
    }
    memcpy(r->bytes + r->size, data, size);
    r->size += size;
}

static size_t write_varint(unsigned char out[MOST_VARINT], uint64_t value)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        out[size++] = (unsigned char)(value | 0x80);
    out[size++] = (unsigned char)value;
    return size;
}

static void put_varint(slr_event_record *r, uint64_t value)
{
    unsigned char bytes[MOST_VARINT];
    put(r, bytes, write_varint(bytes, value));
}

static void put_little(slr_event_record *r, uint64_t value, int bytes)
{
    unsigned char out[8];
    for (int i = 0; i < bytes; i++)
        out[i] = (unsigned char)(value >> (8 * i));
    put(r, out, (size_t)bytes);
}

static void put_key(slr_event_record *r, int field, int type)
{
    put_varint(r, (uint64_t)field << 3 | (uint64_t)type);
}

static void put_double(slr_event_record *r, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_little(r, bits, 8);
}

static void put_double_field(slr_event_record *r, int field, double value)
{
    put_key(r, field, FIXED64);
    put_double(r, value);
}

static void put_int_field(slr_event_record *r, int field, uint64_t value)
{
    put_key(r, field, VARINT);
    put_varint(r, value);
}

static void put_bytes_field(slr_event_record *r, int field, const void *data, size_t size)
{
    put_key(r, field, BYTES);
    put_varint(r, size);
    put(r, data, size);
}

/* A message within a message is written after its key; its length is put before it at the end. */
static size_t begin_message(slr_event_record *r, int field)
{
    put_key(r, field, BYTES);
    return r->size;
}

static void end_message(slr_event_record *r, size_t start)
{
    unsigned char length[MOST_VARINT];
    size_t size = r->size - start, digits = write_varint(length, size);
    if (r->failed)
        return;
    put(r, length, digits); /* room for it */
    if (r->failed)
        return;
    memmove(r->bytes + start + digits, r->bytes + start, size);
    memcpy(r->bytes + start, length, digits);
}

/* ---- sums ---- */

/* The Castagnoli polynomial, four bits at a time. */
uint32_t slr_crc32c(const void *data, size_t size)
{
    static const uint32_t table[16] = {0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3,
                                       0x61C69362, 0x7198540D, 0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9,
                                       0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75};
    const unsigned char *bytes = data;
    uint32_t sum = 0xFFFFFFFF;
    for (size_t i = 0; i < size; i++) {
        sum ^= bytes[i];
        sum = table[sum & 15] ^ (sum >> 4);
        sum = table[sum & 15] ^ (sum >> 4);
    }
    return ~sum;
}

/* Masked, as records hold it. */
static uint32_t event_checksum(const void *data, size_t size)
{
    uint32_t sum = slr_crc32c(data, size);
    return ((sum >> 15) | (sum << 17)) + 0xA282EAD8;
}

/* ---- events ---- */

void slr_event_begin(slr_event_record *r, double wall_time, int64_t step)
{
    r->size = r->values = 0;
    r->failed = false;
    put(r, "            ", PREFIX);
    put_double_field(r, 1, wall_time);
    if (step >= 0)
        put_int_field(r, 2, (uint64_t)step);
}

void slr_event_version(slr_event_record *r)
{
    put_bytes_field(r, 3, "brain.Event:2", 13);
}

/* The summary ends with the event: its length is put there when the record is finished. */
static size_t begin_value(slr_event_record *r, const char *tag)
{
    if (r->values == 0)
        r->values = begin_message(r, 5);
    size_t value = begin_message(r, 1);
    put_bytes_field(r, 1, tag, strlen(tag));
    return value;
}

void slr_event_scalar(slr_event_record *r, const char *tag, double value)
{
    float single = (float)value;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    size_t start = begin_value(r, tag);
    put_key(r, 2, FIXED32);
    put_little(r, bits, 4);
    end_message(r, start);
}

static void put_doubles(slr_event_record *r, int field, const double *values, size_t count)
{
    put_key(r, field, BYTES);
    put_varint(r, 8 * count);
    for (size_t i = 0; i < count; i++)
        put_double(r, values[i]);
}

void slr_event_put_histogram(slr_event_record *r, const char *tag, const slr_event_histogram *h)
{
    size_t value = begin_value(r, tag), message = begin_message(r, 5);
    put_double_field(r, 1, h->least);
    put_double_field(r, 2, h->most);
    put_double_field(r, 3, h->count);
    put_double_field(r, 4, h->sum);
    put_double_field(r, 5, h->squares);
    put_doubles(r, 6, h->limits, h->buckets);
    put_doubles(r, 7, h->counts, h->buckets);
    end_message(r, message);
    end_message(r, value);
}

void slr_event_png(slr_event_record *r, const char *tag, int width, int height, int channels, const void *png, size_t size)
{
    size_t value = begin_value(r, tag), message = begin_message(r, 4);
    put_int_field(r, 1, (uint64_t)height);
    put_int_field(r, 2, (uint64_t)width);
    put_int_field(r, 3, (uint64_t)channels);
    put_bytes_field(r, 4, png, size);
    end_message(r, message);
    end_message(r, value);
}

void slr_event_text(slr_event_record *r, const char *name, const char *markdown)
{
    enum { STRINGS = 7 }; /* DT_STRING */
    char tag[128];
    snprintf(tag, sizeof tag, "%s/text_summary", name);
    size_t value = begin_value(r, tag), metadata = begin_message(r, 9), plugin = begin_message(r, 1);
    put_bytes_field(r, 1, "text", 4);
    end_message(r, plugin);
    end_message(r, metadata);
    size_t tensor = begin_message(r, 8);
    put_int_field(r, 1, STRINGS);
    size_t shape = begin_message(r, 2), dim = begin_message(r, 2);
    put_int_field(r, 1, 1);
    end_message(r, dim);
    end_message(r, shape);
    put_bytes_field(r, 8, markdown, strlen(markdown));
    end_message(r, tensor);
    end_message(r, value);
}

selora_status slr_event_finish(slr_event_record *r, const void **bytes, size_t *size, slr_error *err)
{
    if (r->values > 0)
        end_message(r, r->values);
    r->values = 0;
    if (r->failed)
        return slr_fail_memory(err, r->size, "an event");
    uint64_t length = r->size - PREFIX;
    for (int i = 0; i < 8; i++)
        r->bytes[i] = (unsigned char)(length >> (8 * i));
    uint32_t sum = event_checksum(r->bytes, 8);
    for (int i = 0; i < 4; i++)
        r->bytes[8 + i] = (unsigned char)(sum >> (8 * i));
    put_little(r, event_checksum(r->bytes + PREFIX, r->size - PREFIX), 4);
    if (r->failed)
        return slr_fail_memory(err, r->size, "an event");
    *bytes = r->bytes;
    *size = r->size;
    return SELORA_OK;
}

void slr_event_record_free(slr_event_record *r)
{
    free(r->bytes);
    *r = (slr_event_record){0};
}

/* ---- reading ---- */

static uint64_t little(const unsigned char *bytes, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

/* One field of a message. */
typedef struct field {
    int number, type;
    uint64_t value;             /* of a varint */
    const unsigned char *bytes; /* of BYTES */
    size_t size;
} field;

static bool read_varint(const unsigned char **at, const unsigned char *end, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; *at < end && shift < 64; shift += 7) {
        unsigned char byte = *(*at)++;
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool read_field(const unsigned char **at, const unsigned char *end, field *f)
{
    uint64_t key;
    if (*at >= end || !read_varint(at, end, &key))
        return false;
    *f = (field){.number = (int)(key >> 3 & 0xFFFF), .type = (int)(key & 7)};
    if (f->type == VARINT)
        return read_varint(at, end, &f->value);
    if (f->type == BYTES) {
        if (!read_varint(at, end, &f->value) || f->value > (uint64_t)(end - *at))
            return false;
        f->bytes = *at;
        f->size = (size_t)f->value;
    } else if (f->type == FIXED64 || f->type == FIXED32) {
        f->size = f->type == FIXED64 ? 8 : 4;
    } else {
        return false;
    }
    if (f->size > (size_t)(end - *at))
        return false;
    *at += f->size;
    return true;
}

/* The tag of the first value of a summary. */
static void read_tag(const unsigned char *summary, size_t size, char tag[64])
{
    const unsigned char *at = summary, *end = summary + size;
    field value, name;
    if (!read_field(&at, end, &value) || value.number != 1 || value.type != BYTES)
        return;
    at = value.bytes;
    if (read_field(&at, value.bytes + value.size, &name) && name.number == 1 && name.type == BYTES)
        snprintf(tag, 64, "%.*s", (int)(name.size < 63 ? name.size : 63), (const char *)name.bytes);
}

bool slr_event_read(const unsigned char *bytes, size_t size, slr_event_head *head)
{
    field f;
    *head = (slr_event_head){0};
    if (size < SLR_EVENT_FRAME || little(bytes + 8, 4) != event_checksum(bytes, 8))
        return false;
    uint64_t length = little(bytes, 8);
    if (length > size - SLR_EVENT_FRAME)
        return false;
    const unsigned char *at = bytes + PREFIX, *end = at + length;
    if (little(end, 4) != event_checksum(at, (size_t)length))
        return false;
    head->size = SLR_EVENT_FRAME + (size_t)length;
    while (read_field(&at, end, &f)) {
        if (f.number == 2 && f.type == VARINT)
            head->step = f.value > INT64_MAX ? INT64_MAX : (int64_t)f.value;
        if (f.number == 5 && f.type == BYTES && !head->tag[0])
            read_tag(f.bytes, f.size, head->tag);
    }
    return true;
}
