/* SPDX-License-Identifier: MIT
 *
 * Which picture comes when: every epoch is a permutation of its own, epochs follow each other without a gap, so a
 * batch may end one and begin the next, and one may hold a picture twice when there are fewer pictures than places.
 *
 *     slr_data_order order;
 *     SLR_TRY(slr_data_order_init(&order, seed, pictures, err));
 *     for (i = 0; i < places; i++)
 *         use(slr_data_order_at(&order, (step - 1) * places + i));
 *     slr_data_order_free(&order);
 *
 * A function of seed, count and position alone: resuming needs nothing else.
 */
#ifndef SLR_DATA_ORDER_H
#define SLR_DATA_ORDER_H

#include <stdint.h>

#include "core/status.h"

typedef struct slr_data_order {
    uint64_t seed;
    uint32_t count;
    int64_t epoch;         /* of `permutation`, -1 none */
    uint32_t *permutation; /* (count) */
} slr_data_order;

selora_status slr_data_order_init(slr_data_order *order, uint64_t seed, uint32_t count, slr_error *err);
void slr_data_order_free(slr_data_order *order); /* also of a zeroed one */

uint32_t slr_data_order_at(slr_data_order *order, int64_t position);         /* 0 .. count-1 */
int64_t slr_data_order_epoch(const slr_data_order *order, int64_t position); /* from 0 */

#endif
