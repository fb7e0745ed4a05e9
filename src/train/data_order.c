/* SPDX-License-Identifier: MIT */
#include "train/data_order.h"

#include <stdlib.h>

#include "core/memory.h"
#include "core/rng.h"

selora_status slr_data_order_init(slr_data_order *order, uint64_t seed, uint32_t count, slr_error *err)
{
    *order = (slr_data_order){.seed = seed, .count = count, .epoch = -1};
    order->permutation = slr_alloc(count, sizeof *order->permutation);
    return order->permutation ? SELORA_OK : slr_fail_memory(err, count * sizeof(uint32_t), "the order of the pictures");
}

void slr_data_order_free(slr_data_order *order)
{
    free(order->permutation);
    *order = (slr_data_order){0};
}

int64_t slr_data_order_epoch(const slr_data_order *order, int64_t position)
{
    return position / order->count;
}

uint32_t slr_data_order_at(slr_data_order *order, int64_t position)
{
    int64_t epoch = slr_data_order_epoch(order, position);
    if (epoch != order->epoch) {
        slr_rng rng = slr_rng_at(order->seed, SLR_STREAM_DATA_ORDER, (uint32_t)epoch, 0);
        slr_rng_permutation(&rng, order->permutation, order->count);
        order->epoch = epoch;
    }
    return order->permutation[position % order->count];
}
