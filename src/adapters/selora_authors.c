/* SPDX-License-Identifier: MIT
 *
 * The test as the published code does it: on every t-th step another forward and backward over the
 * same batch, after the optimiser has moved. The numerator is measured there, the denominator
 * before the move, so that the ratio mixes drift with signal; the other deviations of that code (a
 * candidate that is zero until the first expansion, a fresh row adopted in place of the tested one,
 * optimiser state dropped) are switches of slr_method_options.
 */
#include <math.h>

#include "adapters/method_state.h"

static void before_step(slr_method *method, int64_t step, int64_t samples)
{
    (void)step;
    (void)samples;
    slr_method_show_candidates(method, false);
}

static void after_backward(slr_method *method, int64_t step)
{
    for (int i = 0; slr_method_decides(method, step) && i < method->layers; i++)
        method->present[i] = slr_adapter_gradient_energy(slr_adapter_set_at(method->set, i));
}

static void before_second_pass(slr_method *method, int64_t step, int64_t samples)
{
    (void)step;
    (void)samples;
    slr_method_show_candidates(method, true);
}

static void after_second_pass(slr_method *method, int64_t step)
{
    (void)step;
    for (int i = 0; i < method->layers; i++) {
        const slr_adapter *adapter = slr_adapter_set_at(method->set, i);
        if (!adapter->slot.trainable)
            continue;
        double surplus = 0;
        for (int row = 0; row < method->rows; row++) {
            double energy = slr_adapter_probe_energy(adapter, row);
            method->row_energy[i * method->rows + row] = energy;
            surplus += energy / method->rows;
        }
        double enlarged = slr_adapter_gradient_energy(adapter) + surplus,
               present = method->present[i];
        bool sound = isfinite(enlarged) && isfinite(present);
        slr_growth_decide(method, i, sound ? slr_energy_ratio(enlarged, present) : NAN, 0, surplus);
    }
    slr_growth_settle(method);
}

const slr_method_table slr_method_selora_authors = {
    .before_step = before_step,
    .after_backward = after_backward,
    .second_pass = true,
    .before_second_pass = before_second_pass,
    .after_second_pass = after_second_pass,
};
