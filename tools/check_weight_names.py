#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the weights that selora expects of Stable Diffusion 1.5 with those of diffusers and transformers.

    build/tests/test_weight_names --list | python tools/check_weight_names.py

Names and shapes of the model folder, and the names of a single file as diffusers' own converters turn them.
"""
import sys

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
from transformers import CLIPTextConfig, CLIPTextModel

UNET = dict(cross_attention_dim=768, attention_head_dim=8)
VAE = dict(block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
           down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)
TEXT = CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12)


def shape_of(text):
    return [int(size) for size in text.split("x")]


def main():
    rows = [line.rstrip("\n").split("\t") for line in sys.stdin]
    with torch.device("meta"):
        models = {"unet": UNet2DConditionModel(**UNET), "vae": AutoencoderKL(**VAE), "text_encoder": CLIPTextModel(TEXT)}
    bad = 0
    for component, model in models.items():
        state = {name.removeprefix("text_model."): list(value.shape) for name, value in model.state_dict().items()
                 if not name.endswith("position_ids")}
        mine = {row[2].removeprefix("text_model."): shape_of(row[1]) for row in rows if row[0].startswith(component + ".")}
        wrong = [name for name in sorted(state.keys() | mine.keys()) if state.get(name) != mine.get(name)]
        print(f"{component}: {len(mine)} of {len(state)} weights, {len(wrong)} different", wrong[:5])
        bad += len(wrong)
    single = {row[3]: torch.full((1,) * len(shape_of(row[1])), float(i)) for i, row in enumerate(rows)}
    config = dict(models["unet"].config)
    for component, convert in (("unet", lambda s: convert_ldm_unet_checkpoint(s, config)),
                               ("vae", lambda s: convert_ldm_vae_checkpoint(s, models["vae"].config))):
        prefix = {"unet": "model.diffusion_model.", "vae": "first_stage_model."}[component]
        converted = convert({name: value for name, value in single.items() if name.startswith(prefix)})
        wanted = {row[2]: float(i) for i, row in enumerate(rows) if row[0].startswith(component + ".")}
        wrong = [name for name in sorted(converted.keys() | wanted.keys())
                 if name not in converted or name not in wanted or float(converted[name].flatten()[0]) != wanted[name]]
        print(f"{component} single file: {len(converted)} converted, {len(wrong)} different", wrong[:5])
        bad += len(wrong)
    wrong = [row[3] for row in rows if row[0].startswith("text_encoder.") and
             row[3] != "cond_stage_model.transformer." + row[2]]
    print(f"text_encoder single file: {len(wrong)} different")
    return 1 if bad or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
