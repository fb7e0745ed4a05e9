/* SPDX-License-Identifier: MIT
 *
 * Networks that turn pictures into features, with the user's weights: a name, a file, a graph, a preprocessing.
 *
 *     slr_feature_net *net;
 *     SLR_TRY(slr_feature_net_open("raddino", "rad-dino.safetensors", 0, &net, err));
 *     const slr_feature_info *info = slr_feature_net_info(net);
 *     SLR_TRY(slr_feature_net_plan(net, backend, threads, batch, info->side, err));
 *     slr_feature_net_run(net, pictures, features);
 *     slr_feature_net_close(net);
 *
 * Features of a picture are the same bits whatever others are in the batch, with any number of threads.
 */
#ifndef SLR_FEATURE_NET_H
#define SLR_FEATURE_NET_H

#include "graph/plan.h"
#include "io/checksum.h"
#include "models/clip_tokenizer.h"

typedef struct slr_feature_info {
    const char *name;
    int side;           /* of its pictures; of what they are brought to, where any_side */
    bool any_side;      /* takes square pictures of any side and resizes them itself (inception) */
    int channels;       /* 1 or 3, of the network; pictures are greys or colours all the same */
    int64_t dim;
    int64_t text_positions; /* tokens of a text; 0: the file has no text tower with its projection */
    char preproc[96];   /* id, with the side */
    char weights_sha256[SLR_SHA256_HEX];
} slr_feature_info;

typedef struct slr_feature_net slr_feature_net;

/* Names: clip, raddino, dinov2, inception, xrv, densenet121, resnet50. Reads and checks the whole file. `side` 0: what is
 * usual for the network. */
selora_status slr_feature_net_open(const char *name, const char *path, int side, slr_feature_net **net,
                                   slr_error *err);
void slr_feature_net_close(slr_feature_net *net); /* NULL is legal */
/* True for a name that slr_feature_net_open() knows. */
bool slr_feature_net_is_name(const char *name);
const char *slr_feature_net_names(void); /* for messages */
const slr_feature_info *slr_feature_net_info(const slr_feature_net *net);

/* Makes ready for batches of `batch` pictures of `side` pixels. */
selora_status slr_feature_net_plan(slr_feature_net *net, const slr_backend *backend, int threads, int batch,
                                   int side, slr_error *err);
/* `pictures` (batch, side, side, channels) in 0..1, not yet normalised; features (batch, dim). */
void slr_feature_net_run(slr_feature_net *net, const float *pictures, slr_real *features);

/* One picture to another side as TensorFlow 1 resizes bilinearly, which is what `any_side` networks do. */
void slr_feature_resize(const float *picture, int from, int channels, float *out, int to);

/* Text features (count, dim) of token ids (count, length): the state at the first of the highest ids of a row, which is
 * the end of the text, projected. */
selora_status slr_feature_net_text_ids(slr_feature_net *net, const slr_backend *backend, int threads,
                                       const int64_t *ids, int64_t count, int64_t length, slr_real *features,
                                       slr_error *err);
/* The same of texts; *cut is how many were longer than the tower takes. */
selora_status slr_feature_net_texts(slr_feature_net *net, const slr_backend *backend, int threads,
                                    const slr_tokenizer *tokenizer, const char *const *texts, int64_t count,
                                    slr_real *features, int64_t *cut, slr_error *err);

#endif
