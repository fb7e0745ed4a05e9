/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/rng.h"
#include "eval/membership.h"
#include "support/tiny_training.h"

enum { PICTURES = 40, MEMBERS = 20, NUMBERS = TINY_SIDE * TINY_SIDE * 8 };

/* Made-up latents and captions: the first MEMBERS of them are trained on. */
typedef struct crowd {
    float moments[PICTURES][NUMBERS];
    int64_t ids[PICTURES][TINY_TOKENS];
    slr_train_sample samples[PICTURES];
} crowd;

static crowd *new_crowd(void)
{
    crowd *c = slr_alloc(1, sizeof *c);
    assert_non_null(c);
    for (uint32_t p = 0; p < PICTURES; p++) {
        slr_rng rng = slr_rng_at(5, SLR_STREAM_TEST, 3, p);
        for (int i = 0; i < NUMBERS; i++)
            c->moments[p][i] = (float)(i % 8 < 4 ? 4 * slr_rng_normal(&rng) : -8);
        for (int i = 0; i < TINY_TOKENS; i++)
            c->ids[p][i] = i == 0 ? 513 : i < 6 ? (int64_t)slr_rng_below(&rng, 500) : 514;
        c->samples[p] = (slr_train_sample){c->moments[p], c->ids[p], p};
    }
    return c;
}

static void put_text(void *trainer, int64_t n, const int64_t *ids)
{
    slr_trainer_put_text(trainer, n, ids);
}

static void losses_of(tiny_training *t, const crowd *c, double *losses)
{
    const slr_trainer_options *o = slr_trainer_get_options(t->trainer);
    slr_membership_network network = {slr_trainer_graph(t->trainer), o->batch, o->tokens, t->trainer,
                                      put_text};
    slr_error err = {0};
    if (slr_membership_losses(&network, &o->draw, SLR_MEMBERSHIP_SEEDS, c->samples, PICTURES, NULL, losses,
                              &err))
        fail_msg("%s", err.message);
}

static slr_membership test_members(tiny_training *t, const crowd *c)
{
    double adapted[PICTURES], base[PICTURES];
    slr_membership m;
    losses_of(t, c, adapted);
    slr_adapter_set_strength(t->set, NULL, 0);
    losses_of(t, c, base);
    slr_adapter_set_strength(t->set, NULL, 1);
    assert_int_equal(slr_membership_judge(adapted, base, MEMBERS, PICTURES - MEMBERS, &m, NULL), SELORA_OK);
    print_message("ratio AUC %.3f +- %.3f, loss AUC %.3f, control %.3f, gap %.4f: %s\n", m.ratio.roc.auc,
                  m.ratio.roc.se, m.loss.roc.auc, m.control.roc.auc, m.gap, slr_membership_text(&m));
    return m;
}

/* An adapter that has learnt nothing gives nobody away; whatever it learns, the base model stays what it was.
 * (That an overfitted one is found: tests/cli/audit.sh, with a model that can learn.) */
static void untrained_adapters_give_nobody_away(void **state)
{
    (void)state;
    tiny_training t;
    slr_trainer_options options = tiny_training_options(SLR_METHOD_SELORA);
    options.batch = 10;
    tiny_training_begin(&t, &options, "unet,text");
    crowd *c = new_crowd();
    slr_membership before = test_members(&t, c);
    assert_true(before.control_holds &&
                before.ratio.roc.auc == 0.5); /* B = 0: both losses are the same bits */
    assert_true(fabs(before.loss.roc.auc - 0.5) <= 2 * before.loss.roc.se && before.gap == before.base_gap);
    slr_error err = {0};
    for (int64_t step = 0; step < 40; step++)
        if (slr_trainer_step(t.trainer, c->samples + 10 * (step % 2), &t.last, &err) != SELORA_OK)
            fail_msg("%s", err.message);
    slr_membership after = test_members(&t, c);
    assert_true(after.gap != before.gap && after.base_gap == before.base_gap);
    assert_memory_equal(&after.control, &before.control, sizeof after.control);
    free(c);
    tiny_training_end(&t);
}

/* The losses of members are lowered by what an adapter that knows them would gain. */
static void leaks_are_found(void **state)
{
    (void)state;
    enum { EACH = 60 };
    double adapted[2 * EACH], base[2 * EACH];
    slr_membership m;
    for (int i = 0; i < 2 * EACH; i++) {
        slr_rng rng = slr_rng_at(8, SLR_STREAM_TEST, 0, (uint32_t)i);
        base[i] = 0.3 + 0.1 * slr_rng_normal(&rng); /* pictures differ more than the adapter gains */
        adapted[i] = base[i] - 0.02 - 0.005 * slr_rng_normal(&rng) - (i < EACH ? 0.015 : 0);
    }
    assert_int_equal(slr_membership_judge(adapted, base, EACH, EACH, &m, NULL), SELORA_OK);
    assert_true(m.ratio.roc.auc > 0.95 && m.ratio.roc.low > 0.9 && m.ratio.tpr_10 > 0.8 &&
                isnan(m.ratio.tpr_1));
    assert_true(m.loss.roc.auc < 0.75 && m.control_holds && m.gap > m.base_gap);
    assert_non_null(strstr(slr_membership_text(&m), "can be told"));
}

/* The noise belongs to row, timestep and seed; batches are a matter of speed. */
static void batches_change_nothing(void **state)
{
    (void)state;
    double losses[2][PICTURES];
    const int64_t batches[] = {3, 16};
    for (int i = 0; i < 2; i++) {
        tiny_training t;
        slr_trainer_options options = tiny_training_options(SLR_METHOD_LORA);
        options.batch = batches[i];
        tiny_training_begin(&t, &options, "unet");
        crowd *c = new_crowd();
        losses_of(&t, c, losses[i]);
        free(c);
        tiny_training_end(&t);
    }
    for (int p = 0; p < PICTURES; p++)
        assert_true(fabs(losses[0][p] - losses[1][p]) < 1e-5 * losses[0][p]);
}

static void groups_that_differ_prove_nothing(void **state)
{
    (void)state;
    double adapted[40], base[40];
    slr_membership m;
    slr_error err = {0};
    for (int i = 0; i < 40; i++) {
        base[i] = i < 20 ? 0.1 + 0.001 * i : 0.5 + 0.001 * i; /* easy pictures train, difficult ones do not */
        adapted[i] = base[i] - 0.01 * (i % 7);
    }
    assert_int_equal(slr_membership_judge(adapted, base, 20, 20, &m, NULL), SELORA_OK);
    assert_true(!m.control_holds && m.loss.roc.auc == 1 && fabs(m.ratio.roc.auc - 0.5) < 0.2);
    assert_non_null(strstr(slr_membership_text(&m), "proves nothing"));
    assert_int_equal(slr_membership_judge(adapted, base, 39, 1, &m, &err), SELORA_USAGE);
}

static int always(void *user)
{
    (void)user;
    return 1;
}

static void interruption_and_bad_values_are_told(void **state)
{
    (void)state;
    tiny_training t;
    double losses[PICTURES];
    slr_hooks hooks = {.interrupted = always};
    slr_trainer_options options = tiny_training_options(SLR_METHOD_LORA);
    tiny_training_begin(&t, &options, "unet,text");
    crowd *c = new_crowd();
    const slr_trainer_options *o = slr_trainer_get_options(t.trainer);
    slr_membership_network network = {.graph = slr_trainer_graph(t.trainer),
                                      .batch = o->batch,
                                      .tokens = o->tokens};
    assert_int_equal(slr_membership_losses(&network, &o->draw, 1, c->samples, 2, &hooks, losses, NULL),
                     SELORA_INTERRUPTED);
    c->moments[1][0] = NAN;
    assert_int_equal(slr_membership_losses(&network, &o->draw, 1, c->samples, 2, NULL, losses, NULL),
                     SELORA_NUMERIC);
    free(c);
    tiny_training_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(untrained_adapters_give_nobody_away),
        cmocka_unit_test(leaks_are_found),
        cmocka_unit_test(batches_change_nothing),
        cmocka_unit_test(groups_that_differ_prove_nothing),
        cmocka_unit_test(interruption_and_bad_values_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
