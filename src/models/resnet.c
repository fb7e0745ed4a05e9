/* SPDX-License-Identifier: MIT
 *
 * ResNet-50 and its deeper sisters, with torchvision's and timm's names (equal here). The stride of a block lies on its
 * 3x3 convolution.
 */
#include <stdio.h>

#include "models/conv_features.h"

static const double norm_eps = 1e-5;

static slr_tid bottleneck(slr_feature_builder *f, slr_tid x, int stride)
{
    slr_tid h = slr_feature_conv(f, x, "conv1", "bn1", slr_square_window(1, 1, 0), norm_eps, true);
    h = slr_feature_conv(f, h, "conv2", "bn2", slr_square_window(3, stride, 1), norm_eps, true);
    h = slr_feature_conv(f, h, "conv3", "bn3", slr_square_window(1, 1, 0), norm_eps, false);
    if (slr_feature_file_find(f->file, slr_feature_path(f, "downsample.0.weight")))
        x = slr_feature_conv(f, x, "downsample.0", "downsample.1", slr_square_window(1, stride, 0), norm_eps, false);
    x = slr_graph_add(f->b.graph, x, h, f->b.path);
    return slr_graph_activation(f->b.graph, x, SLR_ACT_RELU, f->b.path);
}

slr_tid slr_resnet_build(slr_feature_builder *f, slr_tid image)
{
    slr_tid x = slr_feature_conv(f, image, "conv1", "bn1", slr_square_window(7, 2, 3), norm_eps, true);
    x = slr_graph_pool(f->b.graph, x, SLR_POOL_MAX, slr_square_window(3, 2, 1), slr_path(&f->b, "maxpool"));
    for (int stage = 1; stage <= 4; stage++) {
        char format[64];
        snprintf(format, sizeof format, "layer%d.%%d.conv1.weight", stage);
        int blocks = slr_feature_file_count(f->file, format);
        for (int i = 0; i < blocks || i == 0; i++) { /* a missing stage is told by the names of its first block */
            int mark = slr_enter(&f->b, "layer%d.%d", stage, i);
            x = bottleneck(f, x, stage > 1 && i == 0 ? 2 : 1);
            slr_leave(&f->b, mark);
        }
    }
    return slr_feature_mean(f, x);
}
