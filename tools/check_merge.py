#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Models that selora has merged, against a pipeline whose weights diffusers and peft have merged.

    tools/check_merge.py --selora build/selora [--model models/tiny]

Merges a trained adapter and a convolution LoRA that peft made, each with a strength, into folders and single files of
every kind, loads each in diffusers and compares all weights of text encoder, U-Net and VAE with those of a pipeline
after fuse_lora(): relative error of the worst tensor 1e-6, or the rounding of the stored type. The last line is
"N passed, N failed".
"""

import argparse
import os
import sys
import tempfile

import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model

from adapter_peers import Selora, pipeline
from check_adapters import Job, counts, draw_adapters, report, train

TOLERANCE = {"f32": 1e-6, "f16": 6e-4, "bf16": 5e-3}
NETWORKS = ("unet", "text_encoder", "vae")
STRENGTHS = (0.7, -0.4)


def weights_of(pipe):
    """Every weight of the three networks, one name for all layouts."""
    found = {}
    for network in NETWORKS:
        for name, value in getattr(pipe, network).state_dict().items():
            if "lora_" not in name and not name.endswith("position_ids"):
                name = name.replace(".base_layer", "").removeprefix("text_model.")
                found[f"{network}.{name}"] = value.detach().double()
    return found


def convolution_lora(model, folder):
    config = LoraConfig(r=3, lora_alpha=5, target_modules=["conv1", "conv2", "proj_in", "to_q", "ff.net.2"])
    pipe = pipeline(model)
    inject_adapter_in_model(config, pipe.unet, "default")
    draw_adapters(pipe.unet, torch.Generator().manual_seed(3), 0.02, 0.02)
    StableDiffusionPipeline.save_lora_weights(
        folder, unet_lora_layers=get_peft_model_state_dict(pipe.unet), unet_lora_adapter_metadata=config.to_dict()
    )
    return folder


def fused(model, adapters):
    pipe = pipeline(model)
    for number, adapter in enumerate(adapters):
        pipe.load_lora_weights(adapter, adapter_name=f"a{number}")
    pipe.set_adapters([f"a{n}" for n in range(len(adapters))], list(STRENGTHS))
    pipe.fuse_lora(adapter_names=[f"a{n}" for n in range(len(adapters))])
    return weights_of(pipe)


def compare(name, expected, pipe, tolerance):
    found = weights_of(pipe)
    worst, where = 0.0, ""
    for key, value in expected.items():
        if key not in found or found[key].shape != value.shape:
            report(name, False, f"{key} is missing or has another shape")
            return
        error = ((found[key] - value).norm() / value.norm().clamp(min=1e-30)).item()
        if not error <= worst:
            worst, where = error, key
    report(name, set(found) == set(expected) and worst <= tolerance, f"{len(found)} weights, worst {worst:.2g} {where}")


def from_file(path, config):
    return StableDiffusionPipeline.from_single_file(
        path, config=config, local_files_only=True, safety_checker=None, feature_extractor=None, torch_dtype=torch.float32
    )


def check(job):
    run, model, folder = job.selora.run, job.model, job.folder
    adapters = [f"{folder}/trained.safetensors", convolution_lora(model, f"{folder}/convolutions")]
    job.selora.convert(train(job), "diffusers", adapters[0], "--quiet")
    expected, bare = fused(model, adapters), weights_of(pipeline(model))
    moved = sum(not torch.equal(expected[k], bare[k]) for k in bare)
    report("the adapters change weights", moved > 40, f"{moved} of {len(bare)}")

    def merge(source, out, *more):
        path = f"{folder}/{out}"
        chosen = [x for a, s in zip(adapters, STRENGTHS) for x in ("--adapter", f"{a}:{s}")]
        run("merge", "--model", source, "--out", path, "--strict", "--quiet", *chosen, *more)
        return path

    for dtype in TOLERANCE:
        merged = merge(model, f"folder-{dtype}", "--dtype", dtype)
        compare(f"folder, {dtype}", expected, pipeline(merged), TOLERANCE[dtype])
        merged = merge(model, f"file-{dtype}.safetensors", "--dtype", dtype)
        compare(f"single file, {dtype}", expected, from_file(merged, model), TOLERANCE[dtype])
    # a checkpoint of ours as the base: nothing merged into it changes it but for the second rounding
    plain = f"{folder}/plain.safetensors"
    run("merge", "--model", model, "--out", plain, "--quiet", "--dtype", "f32", "--adapter", f"{adapters[0]}:0")
    compare("single file to single file", expected, from_file(merge(plain, "again.safetensors", "--model-config", model), model), TOLERANCE["f32"])
    merged = merge(plain, "unpacked", "--model-config", model)
    compare("single file to folder", expected, pipeline(merged), TOLERANCE["f32"])
    # what diffusers itself saves: shards, a variant
    sharded = f"{folder}/sharded"
    pipeline(model).save_pretrained(sharded, max_shard_size="3MB", variant="fp16")
    merged = merge(sharded, "merged-shards", "--variant", "fp16")
    names = sorted(os.listdir(f"{sharded}/unet"))
    report("shards are kept", names == sorted(os.listdir(f"{merged}/unet")) and len(names) > 3, f"{len(names)} files")
    load = {"safety_checker": None, "local_files_only": True, "torch_dtype": torch.float32}
    pipe = StableDiffusionPipeline.from_pretrained(merged, variant="fp16", **load)
    compare("shards of a variant", expected, pipe, TOLERANCE["f32"])
    merged = merge(sharded, "converted-shards", "--variant", "fp16", "--dtype", "bf16")
    compare("shards converted", expected, StableDiffusionPipeline.from_pretrained(merged, **load), TOLERANCE["bf16"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--selora", required=True)
    parser.add_argument("--model", default="models/tiny")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        check(Job(Selora(options.selora, options.model), folder))
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return counts["failed"] > 0


if __name__ == "__main__":
    sys.exit(main())
