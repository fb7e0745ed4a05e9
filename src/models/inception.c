/* SPDX-License-Identifier: MIT
 *
 * Inception-v3 as ported from the TensorFlow graph of the first FID, up to pool3. It departs from torchvision's
 * network: means over 3x3 leave the padding out, and the last block takes the largest instead of the mean.
 */
#include <stdio.h>

#include "models/conv_features.h"

static const double norm_eps = 1e-3;

static slr_tid conv(slr_feature_builder *f, slr_tid x, const char *name, slr_map_window window)
{
    int mark = slr_enter(&f->b, "%s", name);
    x = slr_feature_conv(f, x, "conv", "bn", window, norm_eps, true);
    slr_leave(&f->b, mark);
    return x;
}

static slr_tid conv1(slr_feature_builder *f, slr_tid x, const char *name)
{
    return conv(f, x, name, slr_square_window(1, 1, 0));
}

static slr_tid conv3(slr_feature_builder *f, slr_tid x, const char *name)
{
    return conv(f, x, name, slr_square_window(3, 1, 1));
}

/* 3x3, stride 2, no padding: halves the map. */
static slr_tid halve(slr_feature_builder *f, slr_tid x, const char *name)
{
    return conv(f, x, name, slr_square_window(3, 2, 0));
}

/* 1 x length or length x 1, same size. */
static slr_tid row(slr_feature_builder *f, slr_tid x, const char *name, int length)
{
    return conv(f, x, name, (slr_map_window){1, length, 1, {0, length / 2, 0, length / 2}});
}

static slr_tid column(slr_feature_builder *f, slr_tid x, const char *name, int length)
{
    return conv(f, x, name, (slr_map_window){length, 1, 1, {length / 2, 0, length / 2, 0}});
}

static slr_tid join(slr_feature_builder *f, int count, const slr_tid *parts)
{
    slr_tid x = parts[0];
    for (int i = 1; i < count; i++)
        x = slr_graph_concat(f->b.graph, x, parts[i], f->b.path);
    return x;
}

static slr_tid largest(slr_feature_builder *f, slr_tid x)
{
    return slr_graph_pool(f->b.graph, x, SLR_POOL_MAX, slr_square_window(3, 2, 0), f->b.path);
}

static slr_tid pool_branch(slr_feature_builder *f, slr_tid x, slr_pooling kind)
{
    x = slr_graph_pool(f->b.graph, x, kind, slr_square_window(3, 1, 1), slr_path(&f->b, "branch_pool"));
    return conv1(f, x, "branch_pool");
}

static slr_tid block_a(slr_feature_builder *f, slr_tid x)
{
    slr_tid five = conv(f, conv1(f, x, "branch5x5_1"), "branch5x5_2", slr_square_window(5, 1, 2));
    slr_tid three = conv3(f, conv3(f, conv1(f, x, "branch3x3dbl_1"), "branch3x3dbl_2"), "branch3x3dbl_3");
    slr_tid one = conv1(f, x, "branch1x1");
    return join(f, 4, (slr_tid[]){one, five, three, pool_branch(f, x, SLR_POOL_MEAN_INSIDE)});
}

static slr_tid block_b(slr_feature_builder *f, slr_tid x)
{
    slr_tid twice = conv3(f, conv1(f, x, "branch3x3dbl_1"), "branch3x3dbl_2");
    slr_tid once = halve(f, x, "branch3x3");
    return join(f, 3, (slr_tid[]){once, halve(f, twice, "branch3x3dbl_3"), largest(f, x)});
}

static slr_tid block_c(slr_feature_builder *f, slr_tid x)
{
    slr_tid seven = column(f, row(f, conv1(f, x, "branch7x7_1"), "branch7x7_2", 7), "branch7x7_3", 7);
    slr_tid twice = row(f, column(f, conv1(f, x, "branch7x7dbl_1"), "branch7x7dbl_2", 7), "branch7x7dbl_3", 7);
    twice = row(f, column(f, twice, "branch7x7dbl_4", 7), "branch7x7dbl_5", 7);
    slr_tid one = conv1(f, x, "branch1x1");
    return join(f, 4, (slr_tid[]){one, seven, twice, pool_branch(f, x, SLR_POOL_MEAN_INSIDE)});
}

static slr_tid block_d(slr_feature_builder *f, slr_tid x)
{
    slr_tid three = halve(f, conv1(f, x, "branch3x3_1"), "branch3x3_2");
    slr_tid seven = column(f, row(f, conv1(f, x, "branch7x7x3_1"), "branch7x7x3_2", 7), "branch7x7x3_3", 7);
    return join(f, 3, (slr_tid[]){three, halve(f, seven, "branch7x7x3_4"), largest(f, x)});
}

static slr_tid block_e(slr_feature_builder *f, slr_tid x, slr_pooling kind)
{
    slr_tid a = conv1(f, x, "branch3x3_1"), b = conv3(f, conv1(f, x, "branch3x3dbl_1"), "branch3x3dbl_2");
    slr_tid wide = row(f, a, "branch3x3_2a", 3), high = column(f, a, "branch3x3_2b", 3);
    slr_tid wider = row(f, b, "branch3x3dbl_3a", 3), higher = column(f, b, "branch3x3dbl_3b", 3);
    slr_tid one = conv1(f, x, "branch1x1");
    return join(f, 6, (slr_tid[]){one, wide, high, wider, higher, pool_branch(f, x, kind)});
}

static slr_tid stem(slr_feature_builder *f, slr_tid x)
{
    x = halve(f, x, "Conv2d_1a_3x3");
    x = conv(f, x, "Conv2d_2a_3x3", slr_square_window(3, 1, 0));
    x = conv3(f, x, "Conv2d_2b_3x3");
    x = largest(f, x);
    x = conv1(f, x, "Conv2d_3b_1x1");
    x = conv(f, x, "Conv2d_4a_3x3", slr_square_window(3, 1, 0));
    return largest(f, x);
}

slr_tid slr_inception_build(slr_feature_builder *f, slr_tid image)
{
    static const char letters[] = "AAABCCCCDEE", *const names[] = {
        "Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c",
        "Mixed_6d", "Mixed_6e", "Mixed_7a", "Mixed_7b", "Mixed_7c"};
    slr_tid x = stem(f, image);
    for (int i = 0; letters[i]; i++) {
        int mark = slr_enter(&f->b, "%s", names[i]);
        switch (letters[i]) {
        case 'A': x = block_a(f, x); break;
        case 'B': x = block_b(f, x); break;
        case 'C': x = block_c(f, x); break;
        case 'D': x = block_d(f, x); break;
        default: x = block_e(f, x, letters[i + 1] ? SLR_POOL_MEAN_INSIDE : SLR_POOL_MAX); break;
        }
        slr_leave(&f->b, mark);
    }
    return slr_feature_mean(f, x);
}
