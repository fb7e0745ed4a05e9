/* SPDX-License-Identifier: MIT
 *
 * The layers of a run as maps, kinds of layers by blocks, as the paper shows its ranks: one for the U-Net, one for the text
 * encoder.
 *
 *     slr_rank_map map;
 *     SLR_TRY(slr_rank_map_new(layers, count, "unet.", &map, err));       (count 0: nothing of it is adapted)
 *     map.cells[i] is the place of layer i in (rows, columns), SIZE_MAX when it is of the other part
 *     slr_rank_map_free(&map);
 */
#ifndef SLR_RANK_MAP_H
#define SLR_RANK_MAP_H

#include "report/run_record.h"

typedef struct slr_rank_map {
    size_t rows, columns;
    char **row_labels, **column_labels; /* "attn1.to_q"; "down 1.0", "mid", "up 2.1"; layers of a text encoder: "3" */
    size_t *cells; /* (layers) */
} slr_rank_map;

selora_status slr_rank_map_new(const slr_run_layer *layers, size_t count, const char *part, slr_rank_map *map, slr_error *err);
void slr_rank_map_free(slr_rank_map *map);

#endif
