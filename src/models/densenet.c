/* SPDX-License-Identifier: MIT
 *
 * DenseNet-121 and its deeper sisters, with torchvision's and torchxrayvision's names. Norms come before the
 * convolutions: those of joined maps stay by themselves, those between two convolutions are folded.
 */
#include <stdio.h>

#include "models/conv_features.h"

static const double norm_eps = 1e-5;

static slr_tid dense_layer(slr_feature_builder *f, slr_tid x)
{
    slr_tid h = slr_feature_norm(f, x, "norm1", norm_eps);
    h = slr_feature_conv(f, h, "conv1", "norm2", slr_square_window(1, 1, 0), norm_eps, true);
    h = slr_feature_conv(f, h, "conv2", NULL, slr_square_window(3, 1, 1), 0, false);
    return slr_graph_concat(f->b.graph, x, h, f->b.path);
}

/* The published order is convolution, then mean of 2x2; both are linear and act on different axes, so the other order
 * gives the same for a quarter of the work. */
static slr_tid transition(slr_feature_builder *f, slr_tid x)
{
    x = slr_feature_norm(f, x, "norm", norm_eps);
    x = slr_graph_pool(f->b.graph, x, SLR_POOL_MEAN, slr_square_window(2, 2, 0), slr_path(&f->b, "pool"));
    return slr_feature_conv(f, x, "conv", NULL, slr_square_window(1, 1, 0), 0, false);
}

static slr_tid dense_block(slr_feature_builder *f, slr_tid x, int block)
{
    char format[96];
    snprintf(format, sizeof format, "features.denseblock%d.denselayer%%d.conv1.weight", block);
    for (int i = 1;; i++) { /* counted from 1; a missing block is told by the names of its first layer */
        char name[96];
        snprintf(name, sizeof name, format, i);
        if (i > 1 && !slr_feature_file_find(f->file, name))
            return x;
        int mark = slr_enter(&f->b, "denseblock%d.denselayer%d", block, i);
        x = dense_layer(f, x);
        slr_leave(&f->b, mark);
    }
}

slr_tid slr_densenet_build(slr_feature_builder *f, slr_tid image)
{
    int outer = slr_enter(&f->b, "features");
    slr_tid x = slr_feature_conv(f, image, "conv0", "norm0", slr_square_window(7, 2, 3), norm_eps, true);
    x = slr_graph_pool(f->b.graph, x, SLR_POOL_MAX, slr_square_window(3, 2, 1), slr_path(&f->b, "pool0"));
    for (int block = 1; block <= 4; block++) {
        x = dense_block(f, x, block);
        if (block == 4)
            continue;
        int mark = slr_enter(&f->b, "transition%d", block);
        x = transition(f, x);
        slr_leave(&f->b, mark);
    }
    x = slr_feature_norm(f, x, "norm5", norm_eps); /* the ReLU behind it is applied by all who use these features */
    slr_leave(&f->b, outer);
    return slr_feature_mean(f, x);
}
