/* SPDX-License-Identifier: MIT
 * Training killed with SIGKILL at random moments and resumed ends as if nothing had happened. The test starts itself
 * again as the training process: argv[1] is then the scratch folder's run. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/rng.h"
#include "support/scratch.h"
#include "support/tiny_run.h"

enum { MAX_STARTS = 400, WANTED_KILLS = 6 };

static int train(char **argv)
{
    selora_train_options options = tiny_run_options();
    options.model = argv[1];
    options.data = argv[2];
    options.out = argv[3];
    options.resume = 1;
    options.train = "unet";
    return (int)tiny_run(&options, NULL, NULL);
}

/* Starts training; kills it after `microseconds` (0: lets it end). True when it had ended by itself. */
static bool start(const char *out, long microseconds, int *code)
{
    char model[600], data[600];
    snprintf(model, sizeof model, "%s", scratch_path("model"));
    snprintf(data, sizeof data, "%s", scratch_path("data"));
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "train", model, data, out, (char *)NULL);
        _exit(98);
    }
    struct timespec wait = {microseconds / 1000000, microseconds % 1000000 * 1000};
    if (microseconds > 0) {
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return WIFEXITED(status);
}

static void killed_runs_go_on_bit_for_bit(void **state)
{
    (void)state;
    int code, kills = 0;
    char whole[600], killed[600];
    struct timespec began, ended;
    tiny_run_write_inputs();
    snprintf(whole, sizeof whole, "%s", scratch_path("whole"));
    snprintf(killed, sizeof killed, "%s", scratch_path("killed"));
    clock_gettime(CLOCK_MONOTONIC, &began);
    assert_true(start(whole, 0, &code));
    assert_int_equal(code, 0);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    long duration = (ended.tv_sec - began.tv_sec) * 1000000 + (ended.tv_nsec - began.tv_nsec) / 1000;
    uint64_t seed = (uint64_t)ended.tv_nsec;
    slr_rng rng = slr_rng_at(seed, SLR_STREAM_TEST, 0, 0);
    print_message("seed %llu, a whole run takes %ld ms\n", (unsigned long long)seed, duration / 1000);
    for (int starts = 0; starts < MAX_STARTS; starts++) {
        /* Anywhere in a run's length; once enough were killed, every start lives a little longer. */
        double longest = (double)duration * (kills < WANTED_KILLS ? 0.7 : 0.7 + 0.2 * (kills - WANTED_KILLS));
        if (start(killed, 1 + (long)(slr_rng_uniform(&rng) * longest), &code))
            break;
        kills++;
    }
    assert_int_equal(code, 0);
    print_message("killed %d times\n", kills);
    assert_same_run("whole", "killed", 12);
    assert_int_equal(scratch_count("killed/checkpoints"), 2); /* nothing half-written is left */
}

int main(int argc, char **argv)
{
    if (argc == 4)
        return train(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_runs_go_on_bit_for_bit, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
