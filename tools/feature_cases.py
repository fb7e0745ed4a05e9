#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes cases of kind `features` for `selora verify`: networks of transformers, torchvision, timm and
pytorch-fid with random weights, pictures, and the features that these programs give for them.

    tools/feature_cases.py OUT                        small ones, as in tests/cases/features
    tools/feature_cases.py OUT --full                 of the published sizes (about 2 GB)
    tools/feature_cases.py OUT --full --selora PROGRAM     and compares them

Each case is a folder: weights.safetensors, config.json where the network has one, case.safetensors.
Batch norms have random statistics, so that folding them is seen. Small cases are computed in 64 bits.
"""

import argparse
import json
import os
import subprocess
from unittest import mock

import numpy
import pytorch_fid.inception as fid
import timm
import torch
import torchvision
import transformers
from safetensors.torch import load_file, save_file
from timm.models.resnet import Bottleneck, ResNet
from timm.models.vision_transformer import VisionTransformer
from torchvision.models.inception import BasicConv2d
from transformers import CLIPConfig, CLIPModel, Dinov2Config, Dinov2Model
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

transformers.utils.logging.disable_progress_bar()

PRODUCER = (
    f"transformers {transformers.__version__}, torchvision {torchvision.__version__}, "
    f"timm {timm.__version__}, torch {torch.__version__}"
)
TOLERANCE = 1e-4


def randomise(model):
    """Every number of the network, of sizes that keep signals alive."""
    for module in model.modules():
        own = dict(module.named_parameters(recurse=False))
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.6, 1.4)
            torch.nn.init.normal_(module.bias, 0, 0.2)
            torch.nn.init.normal_(module.running_mean, 0, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
        elif isinstance(module, torch.nn.LayerNorm):
            torch.nn.init.uniform_(module.weight, 0.6, 1.4)
            torch.nn.init.normal_(module.bias, 0, 0.2)
        elif isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                torch.nn.init.normal_(module.bias, 0, 0.1)
        else:
            for value in own.values():
                torch.nn.init.normal_(value, 0, 0.7)
    return model.eval()


def normalise(mean, sd):
    mean, sd = (torch.tensor(v).double().view(1, -1, 1, 1) for v in (mean, sd))
    return lambda image: (image - mean) / sd


def tensorflow1(image, side=299):
    """tf.image.resize_bilinear(align_corners=False) of TensorFlow 1: no half pixel."""
    size = image.shape[-1]
    at = numpy.arange(side) * (size / side)
    low = numpy.floor(at).astype(int)
    high, part = numpy.minimum(low + 1, size - 1), torch.tensor(at - low)
    rows = image[:, :, low] * (1 - part)[:, None] + image[:, :, high] * part[:, None]
    return rows[..., low] * (1 - part) + rows[..., high] * part


class Case:
    """`model`: its state is the weights; `run`: normalised picture -> features."""

    def __init__(self, extractor, side, model, run, prepare, config=None, channels=3, texts=None):
        self.extractor, self.side, self.model, self.run = extractor, side, model, run
        self.prepare, self.config, self.channels, self.texts = prepare, config, channels, texts


def clip(vision, text, projection, vocabulary, length):
    config = CLIPConfig(vision_config=vision, text_config=text, projection_dim=projection)
    model = randomise(CLIPModel(config))
    ids = torch.randint(1, vocabulary - 1, (3, length))
    for row, end in enumerate((length - 1, 1, length // 2)):
        ids[row, end:] = vocabulary - 1

    def run(image):
        return model.visual_projection(model.vision_model(image).pooler_output)

    def texts():
        return ids, model.text_projection(model.text_model(ids).pooler_output)

    scale = normalise(OPENAI_CLIP_MEAN, OPENAI_CLIP_STD)
    return Case("clip", vision["image_size"], model, run, scale, config.to_dict(), texts=texts)


def clip_sizes(hidden, heads, layers, patch, side, act):
    return {
        "hidden_size": hidden,
        "intermediate_size": 4 * hidden if hidden >= 64 else 2 * hidden,
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "patch_size": patch,
        "image_size": side,
        "hidden_act": act,
    }


def clip_text(hidden, heads, layers, vocabulary, length, act):
    return {
        "hidden_size": hidden,
        "intermediate_size": 4 * hidden if hidden >= 64 else 2 * hidden,
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "vocab_size": vocabulary,
        "max_position_embeddings": length,
        "eos_token_id": vocabulary - 1,
        "bos_token_id": 0,
        "pad_token_id": vocabulary - 1,
        "hidden_act": act,
    }


def dinov2(extractor, side, prepare, **sizes):
    config = Dinov2Config(**sizes)
    model = randomise(Dinov2Model(config))

    def run(image):
        return model(image).last_hidden_state[:, 0]

    return Case(extractor, side, model, run, prepare, config.to_dict())


def vit_of_timm(side, heads, **sizes):
    model = randomise(VisionTransformer(img_size=side, num_heads=heads, init_values=1.0, num_classes=0, **sizes))

    def run(image):
        return model.forward_features(image)[:, 0]

    config = {"num_attention_heads": heads}
    return Case("dinov2", side, model, run, normalise(IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD), config)


class Thin(BasicConv2d):
    """A convolution of Inception with a sixteenth of the channels."""

    def __init__(self, inputs, outputs, **rest):
        super().__init__(inputs // 16 if inputs > 3 else 3, outputs // 16, **rest)


def inception(side, thin):
    """The network that pytorch_fid builds, which is torchvision's with blocks of its own."""
    blocks = torchvision.models.inception
    with mock.patch.object(blocks, "BasicConv2d", Thin if thin else BasicConv2d):
        model = blocks.Inception3(num_classes=8, aux_logits=False, init_weights=False, inception_blocks=[
            blocks.BasicConv2d, fid.FIDInceptionA, blocks.InceptionB, fid.FIDInceptionC, blocks.InceptionD,
            fid.FIDInceptionE_1, blocks.InceptionAux])
        model.Mixed_7c = fid.FIDInceptionE_2(2048)
    model.avgpool, model.dropout, model.fc = torch.nn.AdaptiveAvgPool2d(1), torch.nn.Identity(), torch.nn.Identity()
    randomise(model)
    return Case("inception", side, model, lambda image: model(tensorflow1(image).to(image.dtype)),
                normalise([0.5] * 3, [0.5] * 3))


def densenet(extractor, side, channels, prepare, **sizes):
    model = torchvision.models.DenseNet(num_classes=5, **sizes)
    if channels == 1:
        first = model.features.conv0
        model.features.conv0 = torch.nn.Conv2d(1, first.out_channels, 7, 2, 3, bias=False)
    randomise(model)

    def run(image):
        return torch.relu(model.features(image)).mean((2, 3))

    return Case(extractor, side, model, run, prepare, channels=channels)


def resnet(side, model):
    randomise(model)
    case = Case("resnet50", side, model, None, normalise(IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD))
    state = {}

    def run(image):
        hook = model.layer4.register_forward_hook(lambda m, i, o: state.update(map=o))
        model(image)
        hook.remove()
        return state["map"].mean((2, 3))

    case.run = run
    return case


def xray(image):
    return (2 * image - 1) * 1024


def raddino(image):
    return (image - 0.5307) / 0.2583


def imagenet(image):
    return normalise(IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)(image)


def small():
    yield "clip", lambda: clip(clip_sizes(36, 3, 2, 8, 32, "quick_gelu"),
                               clip_text(32, 2, 2, 544, 12, "quick_gelu"), 24, 544, 12)
    yield "clip-gelu", lambda: clip(clip_sizes(32, 2, 2, 5, 15, "gelu"), clip_text(24, 3, 1, 40, 9, "gelu"), 20, 40, 9)
    yield "raddino", lambda: dinov2("raddino", 20, raddino, hidden_size=32, num_attention_heads=2, num_hidden_layers=2,
                                    mlp_ratio=3, image_size=12, patch_size=4)
    yield "dinov2-blocks", lambda: vit_of_timm(20, 2, patch_size=5, embed_dim=32, depth=2)
    yield "resnet50", lambda: resnet(44, ResNet(Bottleneck, (2, 1, 1, 2), num_classes=4, channels=(4, 4, 8, 8),
                                                stem_width=8))
    yield "xrv", lambda: densenet("xrv", 65, 1, xray, growth_rate=4, block_config=(2, 3, 1, 2), num_init_features=8,
                                  bn_size=2)
    yield "densenet121", lambda: densenet("densenet121", 40, 3, imagenet, growth_rate=4, block_config=(1, 2, 1, 1),
                                          num_init_features=6, bn_size=2)
    yield "inception", lambda: inception(23, True)


def full():
    text = clip_text(512, 8, 12, 49408, 77, "quick_gelu")
    yield "clip-b32", lambda: clip(clip_sizes(768, 12, 12, 32, 224, "quick_gelu"), text, 512, 49408, 77)
    yield "clip-b16", lambda: clip(clip_sizes(768, 12, 12, 16, 224, "quick_gelu"), text, 512, 49408, 77)
    yield "clip-l14", lambda: clip(clip_sizes(1024, 16, 24, 14, 224, "quick_gelu"),
                                   clip_text(768, 12, 12, 49408, 77, "quick_gelu"), 768, 49408, 77)
    yield "raddino", lambda: dinov2("raddino", 518, raddino, hidden_size=768, num_attention_heads=12,
                                    num_hidden_layers=12, image_size=518, patch_size=14)
    yield "inception", lambda: inception(256, False)
    yield "inception-512", lambda: inception(512, False)
    yield "xrv", lambda: densenet("xrv", 224, 1, xray, growth_rate=32, block_config=(6, 12, 24, 16),
                                  num_init_features=64)
    yield "densenet121", lambda: densenet("densenet121", 224, 3, imagenet, growth_rate=32, block_config=(6, 12, 24, 16),
                                          num_init_features=64)
    yield "resnet50", lambda: resnet(224, torchvision.models.resnet50())
    yield "resnet50-timm", lambda: resnet(224, timm.create_model("resnet50"))


def save_weights(folder, case, double):
    os.makedirs(folder, exist_ok=True)
    if double:  # small ones are stored in 16 bits
        case.model.half().float()
    if isinstance(case.model, transformers.PreTrainedModel):  # the names that its files have
        case.model.save_pretrained(folder)
        weights = load_file(f"{folder}/model.safetensors")
        os.remove(f"{folder}/model.safetensors")
    else:
        weights = {name: value.contiguous().clone() for name, value in case.model.state_dict().items()}
    if double:
        weights = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    save_file(weights, f"{folder}/weights.safetensors")
    if case.config:
        with open(f"{folder}/config.json", "w", encoding="utf-8") as file:
            keep = ("vision_config", "text_config", "num_attention_heads", "layer_norm_eps", "hidden_act")
            inner = ("num_attention_heads", "layer_norm_eps", "hidden_act")
            config = {k: {i: v[i] for i in inner if i in v} if isinstance(v, dict) else v
                      for k, v in case.config.items() if k in keep}
            json.dump(config, file, indent=1)
            file.write("\n")


def write(folder, case, double):
    save_weights(folder, case, double)
    if double:
        case.model.double()
    # Smooth pictures with some noise, as pictures are.
    image = torch.nn.functional.interpolate(torch.rand(2, case.channels, 5, 5), case.side, mode="bicubic")
    image = (0.8 * image + 0.2 * torch.rand_like(image)).clamp(0, 1)
    with torch.no_grad():
        ready = case.prepare(image.double())
        features = case.run(ready if double else ready.float())
        tensors = {"in.image": image, "expect.features": features.float().contiguous()}
        if case.texts:
            ids, text_features = case.texts()
            tensors |= {"in.input_ids": ids, "expect.text_features": text_features.float().contiguous()}
    assert all(torch.isfinite(v).all() for v in tensors.values())
    spread = (features[0] - features[1]).norm() / features.norm()
    assert spread > 1e-3, f"{folder}: two pictures have all but the same features ({spread:.1e})"
    save_file(tensors, f"{folder}/case.safetensors", {
        "format": "selora-case/1", "kind": "features", "producer": PRODUCER,
        "extractor": case.extractor, "weights": "weights.safetensors"})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--full", action="store_true", help="published sizes")
    parser.add_argument("--only", help="one of them")
    parser.add_argument("--selora", help="the program to compare with")
    options = parser.parse_args()
    passed = failed = 0
    for seed, (name, make) in enumerate(full() if options.full else small()):
        if options.only and options.only != name:
            continue
        torch.manual_seed(seed)
        folder = f"{options.out}/{name}"
        write(folder, make(), not options.full)
        if not options.selora:
            continue
        done = subprocess.run([options.selora, "verify", f"{folder}/case.safetensors"], capture_output=True, text=True)
        print(done.stdout.rsplit("\n", 2)[0] + done.stderr, flush=True)
        passed, failed = passed + (done.returncode == 0), failed + (done.returncode != 0)
        if options.full:
            for file in os.listdir(folder):
                os.remove(f"{folder}/{file}")
    if options.selora:
        print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    raise SystemExit(main())
