/* SPDX-License-Identifier: MIT */
#include "support/tiny_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/event_record.h"
#include "support/scratch.h"
#include "support/tiny_data.h"
#include "support/tiny_folder.h"

void tiny_run_write_inputs(void)
{
    tiny_folder_write(scratch_path("model"), 5);
    tiny_data_write(scratch_path("data"), 12);
}

selora_train_options tiny_run_options(void)
{
    static char model[600], data[600], out[600];
    selora_train_options o = selora_train_defaults();
    snprintf(model, sizeof model, "%s", scratch_path("model"));
    snprintf(data, sizeof data, "%s", scratch_path("data"));
    snprintf(out, sizeof out, "%s", scratch_path("run"));
    o.model = model;
    o.data = data;
    o.out = out;
    o.size = "16";
    o.steps = 12;
    o.batch_size = 2;
    o.lr = 1e-2;
    o.lambda = 1.02;
    o.probe_every = 3;
    o.checkpoint_every = 4;
    o.validate_every = 6;
    o.validation_images = 2;
    o.validation_steps = 2;
    return o;
}

static void hear(void *user, selora_log_level level, const char *line)
{
    tiny_listener *l = user;
    size_t length = strlen(l->notes);
    snprintf(l->notes + length, sizeof l->notes - length, "%s%s\n", level == SELORA_LOG_WARNING ? "warning: " : "", line);
}

static int asked_to_stop(void *user)
{
    tiny_listener *l = user;
    return l->stop_at > 0 && ++l->polls >= l->stop_at;
}

selora_status tiny_run(const selora_train_options *options, tiny_listener *listener, char *error)
{
    tiny_listener nobody = {0};
    selora_context *context;
    selora_settings settings = {.threads = 1, .hooks = {.user = listener ? listener : &nobody, .log = hear,
                                                        .interrupted = asked_to_stop}};
    assert_int_equal(selora_context_new(&settings, &context), SELORA_OK);
    selora_status status = selora_train(context, options);
    if (error)
        snprintf(error, TINY_ERROR, "%s", selora_error(context));
    else if (status != SELORA_OK && status != SELORA_INTERRUPTED)
        print_message("%s\n", selora_error(context));
    selora_context_free(context);
    return status;
}

/* log.jsonl without what depends on the clock. */
static char *timeless_log(const char *name)
{
    size_t size, at = 0;
    char *text = scratch_read(name, &size);
    assert_non_null(text);
    for (char *line = text; *line;) {
        char *end = strchr(line, '\n');
        assert_non_null(end); /* whole lines only */
        char *times = strstr(line, ", \"seconds\"");
        size_t length = (size_t)((times && times < end ? times : end) - line);
        memmove(text + at, line, length);
        at += length;
        text[at++] = '\n';
        line = end + 1;
    }
    text[at] = 0;
    return text;
}

static void assert_same_file(const char *a, const char *b)
{
    size_t size_a, size_b;
    char *text_a = scratch_read(a, &size_a), *text_b = scratch_read(b, &size_b);
    assert_non_null(text_a);
    assert_non_null(text_b);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(text_a, text_b, size_a);
    free(text_a);
    free(text_b);
}

/* "3 train/loss" for every event of the run's file, which must be whole. Caller frees. */
static char *list_of_events(const char *run)
{
    char command[1200], name[300] = "";
    size_t size, length;
    slr_event_head head;
    snprintf(command, sizeof command, "cd '%s' && ls events.out.tfevents.*", scratch_path(run));
    FILE *names = popen(command, "r");
    assert_int_equal(fscanf(names, "%200s", name), 1);
    assert_int_equal(fscanf(names, "%200s", name), -1); /* one file */
    pclose(names);
    snprintf(command, sizeof command, "%s/%s", run, name);
    unsigned char *bytes = (unsigned char *)scratch_read(command, &size);
    char *text = NULL;
    FILE *list = open_memstream(&text, &length);
    for (size_t at = 0; at < size; at += head.size) {
        assert_true(slr_event_read(bytes + at, size - at, &head));
        fprintf(list, "%lld %s\n", (long long)head.step, head.tag);
    }
    fclose(list);
    free(bytes);
    return text;
}

void assert_same_run(const char *a, const char *b, int64_t steps)
{
    char state[64], left[128], right[128];
    const char *const names[] = {"ranks.csv", "adapter.safetensors", "last.safetensors", "samples/step-000006.png", state};
    snprintf(state, sizeof state, "checkpoints/step-%06lld/state.safetensors", (long long)steps);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(left, sizeof left, "%s/%s", a, names[i]);
        snprintf(right, sizeof right, "%s/%s", b, names[i]);
        assert_same_file(left, right);
    }
    snprintf(left, sizeof left, "%s/log.jsonl", a);
    snprintf(right, sizeof right, "%s/log.jsonl", b);
    char *log_a = timeless_log(left), *log_b = timeless_log(right);
    assert_string_equal(log_a, log_b);
    free(log_a);
    free(log_b);
    char *events_a = list_of_events(a), *events_b = list_of_events(b);
    assert_string_equal(events_a, events_b);
    free(events_a);
    free(events_b);
}

int tiny_count(const char *text, const char *what)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        count++;
    return count;
}
