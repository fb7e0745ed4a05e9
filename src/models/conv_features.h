/* SPDX-License-Identifier: MIT
 *
 * Convolutional networks whose last feature map, averaged, is the features: ResNet (bottleneck blocks),
 * DenseNet, Inception-v3 as the FID port has it. Each has the layers and channels that the file has.
 * Images (N,H,W,C), already normalised -> (N,D).
 */
#ifndef SLR_CONV_FEATURES_H
#define SLR_CONV_FEATURES_H

#include "models/feature_builder.h"

slr_tid slr_resnet_build(slr_feature_builder *f, slr_tid image);
slr_tid slr_densenet_build(slr_feature_builder *f, slr_tid image);
slr_tid slr_inception_build(slr_feature_builder *f, slr_tid image);

#endif
