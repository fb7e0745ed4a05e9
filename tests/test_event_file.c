/* SPDX-License-Identifier: MIT
 * TensorBoard's event files: whole records as TensorBoard itself has read them, what a resumed run keeps, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/event_file.h"
#include "support/scratch.h"

static void assert_record(slr_event_record *record, const char *hex)
{
    const void *bytes;
    size_t size;
    slr_error err = {0};
    slr_event_head head;
    assert_int_equal(slr_event_finish(record, &bytes, &size, &err), SELORA_OK);
    assert_int_equal(2 * size, strlen(hex));
    for (size_t i = 0; i < size; i++) {
        unsigned expected;
        sscanf(hex + 2 * i, "%2x", &expected);
        if (((const unsigned char *)bytes)[i] != expected)
            fail_msg("byte %zu: found %02x, expected %02x", i, ((const unsigned char *)bytes)[i], expected);
    }
    assert_true(slr_event_read(bytes, size, &head));
    assert_int_equal(head.size, size);
}

static void records_are_the_known_bytes(void **state)
{
    (void)state;
    slr_event_record r = {0};
    assert_int_equal(slr_crc32c("123456789", 9), 0xE3069283);
    slr_event_begin(&r, 0, -1);
    slr_event_version(&r);
    assert_record(&r, "1800000000000000a37f4b220900000000000000001a0d627261696e2e4576656e743a32eedf28a3");
    slr_event_begin(&r, 1, 7);
    slr_event_scalar(&r, "train/loss", 0.5);
    assert_record(&r, "200000000000000029eda95009000000000000f03f10072a130a110a0a747261696e2f6c6f7373150000003fb0409f72");
    slr_event_begin(&r, 3, 9);
    double limits[] = {1.5, 4.5, 9.5}, counts[] = {2, 2, 1};
    slr_event_histogram h = {1, 9, 5, 20, 110, limits, counts, 3};
    slr_event_put_histogram(&r, "rank", &h);
    assert_record(&r, "7800000000000000a2a521c509000000000000084010092a6b0a690a0472616e6b2a6109000000000000f03f11000000000000224019000000000000"
                      "1440210000000000003440290000000000805b403218000000000000f83f000000000000124000000000000023403a18000000000000004000000000"
                      "00000040000000000000f03fadd7515e");
    slr_event_begin(&r, 4, 10);
    slr_event_text(&r, "note", "hello **world**");
    assert_record(&r, "4700000000000000bac3fb9b090000000000001040100a2a3a0a380a116e6f74652f746578745f73756d6d6172794a080a060a0474657874421908"
                      "07120412020801420f68656c6c6f202a2a776f726c642a2acd95d92a");
    slr_event_record_free(&r);
}

static void long_messages_have_long_lengths(void **state)
{
    (void)state;
    slr_event_record r = {0};
    slr_event_head head;
    slr_error err = {0};
    const void *bytes;
    size_t size;
    char *png = calloc(1, 70000);
    slr_event_begin(&r, 1.5, 1LL << 40);
    slr_event_png(&r, "validation/sample_0", 300, 200, 3, png, 70000);
    slr_event_scalar(&r, "x", 1);
    assert_int_equal(slr_event_finish(&r, &bytes, &size, &err), SELORA_OK);
    assert_true(slr_event_read(bytes, size, &head));
    assert_true(head.step == 1LL << 40);
    assert_string_equal(head.tag, "validation/sample_0");
    free(png);
    slr_event_record_free(&r);
}

/* ---- files ---- */

static char name[300]; /* of the run's file */

static slr_event_file *open_at(int64_t step, int64_t validated)
{
    slr_event_file *file;
    slr_error err = {0};
    if (slr_event_file_open(scratch_path(""), step, validated, NULL, &file, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return file;
}

static void put(slr_event_file *file, int64_t step, const char *tag)
{
    slr_error err = {0};
    slr_event_scalar(slr_event_file_begin(file, step), tag, (double)step);
    assert_int_equal(slr_event_file_end(file, &err), SELORA_OK);
}

/* "1 train 2 train 2 validation/loss ..." of the one event file in the scratch folder. */
static const char *contents(void)
{
    static char text[4000];
    size_t size, at = 0, length = 0;
    slr_event_head head;
    char pattern[700];
    snprintf(pattern, sizeof pattern, "ls '%s'", scratch_path(""));
    FILE *list = popen(pattern, "r");
    assert_non_null(list);
    assert_int_equal(fscanf(list, "%299s", name), 1);
    pclose(list);
    assert_int_equal(scratch_count(""), 1);
    unsigned char *bytes = (unsigned char *)scratch_read(name, &size);
    text[0] = 0;
    while (at < size && slr_event_read(bytes + at, size - at, &head)) {
        if (head.tag[0])
            length += (size_t)snprintf(text + length, sizeof text - length, "%lld %s ", (long long)head.step, head.tag);
        at += head.size;
    }
    if (at < size)
        snprintf(text + length, sizeof text - length, "and %zu bytes", size - at);
    free(bytes);
    return text;
}

static void resumed_runs_hold_each_step_once(void **state)
{
    (void)state;
    slr_event_file *file = open_at(0, 0);
    assert_true(slr_event_file_is_new(file));
    for (int step = 1; step <= 4; step++) {
        put(file, step, "train/loss");
        if (step % 2 == 0)
            put(file, step, "validation/loss");
    }
    slr_event_file_close(file);
    assert_string_equal(contents(), "1 train/loss 2 train/loss 2 validation/loss 3 train/loss 4 train/loss 4 validation/loss ");
    assert_int_equal(strncmp(name, "events.out.tfevents.", 20), 0);
    assert_non_null(strstr(name, ".selora."));
    slr_event_file_close(open_at(4, 4)); /* nothing to cut */
    assert_string_equal(contents(), "1 train/loss 2 train/loss 2 validation/loss 3 train/loss 4 train/loss 4 validation/loss ");
    slr_event_file_close(open_at(4, 2)); /* the validation of step 4 comes again */
    assert_string_equal(contents(), "1 train/loss 2 train/loss 2 validation/loss 3 train/loss 4 train/loss ");
    file = open_at(2, 2);
    assert_false(slr_event_file_is_new(file));
    put(file, 3, "again");
    slr_event_file_close(file);
    assert_string_equal(contents(), "1 train/loss 2 train/loss 2 validation/loss 3 again ");
    slr_event_file_close(open_at(0, 0));
    assert_string_equal(contents(), "");
}

static void half_records_and_damage_are_cut(void **state)
{
    (void)state;
    slr_event_file *file = open_at(0, 0);
    put(file, 1, "a");
    put(file, 2, "b");
    slr_event_file_close(file);
    assert_string_equal(contents(), "1 a 2 b ");
    size_t size;
    char *whole = scratch_read(name, &size), file_name[300];
    snprintf(file_name, sizeof file_name, "%s", name);
    size_t version = SLR_EVENT_FRAME + 24, event = (size - version) / 2;
    for (size_t cut = 0; cut <= size; cut++) { /* killed at any byte */
        scratch_write(file_name, whole, cut);
        file = open_at(2, 2);
        put(file, 3, "c");
        slr_event_file_close(file);
        const char *found = contents();
        assert_string_equal(found, cut == size ? "1 a 2 b 3 c " : cut >= version + event ? "1 a 3 c " : "3 c ");
    }
    for (size_t at = 0; at < size; at++) { /* a byte that changed */
        char saved = whole[at];
        whole[at] ^= 0x40;
        scratch_write(file_name, whole, size);
        file = open_at(2, 2);
        put(file, 3, "c");
        slr_event_file_close(file);
        const char *found = contents();
        assert_null(strstr(found, "bytes"));
        assert_null(strstr(found, "2 b"));
        assert_non_null(strstr(found, "3 c "));
        whole[at] = saved;
    }
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_the_known_bytes),
        cmocka_unit_test(long_messages_have_long_lengths),
        cmocka_unit_test_setup_teardown(resumed_runs_hold_each_step_once, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(half_records_and_damage_are_cut, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
