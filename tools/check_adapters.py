#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Adapters of selora in the tools they are written for, and the other way round.

    tools/check_adapters.py --selora build/selora [--model models/tiny]

Trains a few steps so that ranks differ, converts to every format and loads each in diffusers and
peft: the scale times B A of every layer must be that of the trained file (relative error 1e-6, 1e-3
in f16, 1e-2 in bf16), and no layer may be missing. Then LoRAs that peft and diffusers save
themselves are read by selora and compared the same way. The last line is "N passed, N failed".
"""

import argparse
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig, PeftModel, get_peft_model_state_dict, inject_adapter_in_model
from safetensors.numpy import load_file
from transformers.utils import logging as transformers_logging

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")
diffusers_logging.set_verbosity_error()
diffusers_logging.disable_progress_bar()
transformers_logging.disable_progress_bar()
TOLERANCE = {"f32": 1e-6, "f16": 1e-3, "bf16": 1e-2}
counts = {"passed": 0, "failed": 0}


def report(name, ok, detail):
    counts["passed" if ok else "failed"] += 1
    print(f"{'ok    ' if ok else 'FAILED'} {name}: {detail}", flush=True)


def run(arguments):
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)}\n{done.stderr}")
    return done.stderr


def short(name):
    """One name for both layouts of text encoders."""
    return name.replace("text_encoder.text_model.", "text_encoder.")


def truth(path):
    """dW of selora's own file: equal ranks, a scale of 1, so B A is all."""
    tensors = load_file(path)
    return {
        short(name[: -len(".lora_A.weight")]): tensors[name.replace("lora_A", "lora_B")].astype(np.float64).reshape(
            tensors[name.replace("lora_A", "lora_B")].shape[0], -1
        )
        @ a.astype(np.float64).reshape(a.shape[0], -1)
        for name, a in tensors.items()
        if name.endswith(".lora_A.weight")
    }


def applied(network, component):
    """What a network with adapters in it adds to each of its weights."""
    found = {}
    for name, module in network.named_modules():
        if not hasattr(module, "lora_A") or not len(module.lora_A):
            continue
        total = 0
        for adapter in module.lora_A.keys():
            a = module.lora_A[adapter].weight.detach().double()
            b = module.lora_B[adapter].weight.detach().double()
            total = total + module.scaling[adapter] * (b.flatten(1) @ a.flatten(1)).numpy()
        name = name.removeprefix("base_model.model.")
        found[short(f"{component}.{name}")] = total
    return found


def compare(name, expected, found, tolerance):
    missing = sorted(k for k in expected if k not in found and np.abs(expected[k]).max() > 0)
    extra = sorted(k for k in found if k not in expected and np.abs(found[k]).max() > 0)
    worst, where = 0.0, ""
    for key in expected:
        norm = np.linalg.norm(expected[key])
        if key in found and norm > 0:
            error = np.linalg.norm(found[key] - expected[key]) / norm
            if not error <= worst:
                worst, where = error, key
    ok = not missing and not extra and worst <= tolerance and len(found) > 0
    detail = f"{len(found)} layers, worst {worst:.2g} {where}"
    if missing or extra:
        detail += f"; missing {missing[:3]} extra {extra[:3]}"
    report(name, ok, detail)


def pipeline(model):
    return StableDiffusionPipeline.from_pretrained(
        model, safety_checker=None, feature_extractor=None, local_files_only=True, torch_dtype=torch.float32
    )


def train(selora, model, folder):
    data, out = f"{folder}/data", f"{folder}/run"
    run([selora, "phantom", "--out", data, "--count", "16", "--size", "64", "--seed", "5", "--quiet"])
    run([selora, "train", "--model", model, "--data", data, "--out", out, "--size", "32", "--steps", "24",
         "--batch-size", "2", "--probe-every", "3", "--lambda", "1.5", "--lr", "3e-3", "--validation-images", "0",
         "--weights", "keep", "--quiet"])  # fmt: skip
    return f"{out}/adapter.safetensors"


def check_ranks(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    ranks = [entry[0] for entry in json.loads(header["__metadata__"]["selora.layers"]).values()]
    report("ranks differ", len(set(ranks)) >= 3, f"{len(ranks)} layers, ranks {sorted(set(ranks))}")


def to_peers(selora, model, adapter, folder):
    expected = truth(adapter)
    variants = [
        ("kohya", [], "f32"), ("kohya", ["--pad-rank", "max"], "f32"), ("kohya", ["--te-keys", "both"], "f32"),
        ("kohya", ["--dtype", "f16"], "f16"), ("kohya", ["--components", "unet"], "f32"),
        ("diffusers", [], "f32"), ("diffusers", ["--dtype", "bf16"], "bf16"), ("diffusers-compact", [], "f32"),
        ("selora", [], "f32"),
    ]  # fmt: skip
    for number, (form, options, dtype) in enumerate(variants):
        path = f"{folder}/to-{number}.safetensors"
        run([selora, "convert", adapter, "--to", form, path, "--quiet", *options])
        pipe = pipeline(model)
        pipe.load_lora_weights(path)
        found = applied(pipe.unet, "unet") | applied(pipe.text_encoder, "text_encoder")
        wanted = {k: v for k, v in expected.items() if "--components" not in options or k.startswith("unet.")}
        compare(" ".join(["diffusers reads", form, *options]), wanted, found, TOLERANCE[dtype])
    for options in ([], ["--pad-rank", "max"]):
        path = f"{folder}/peft{len(options)}"
        run([selora, "convert", adapter, "--to", "peft", path, "--quiet", *options])
        pipe = pipeline(model)
        unet = PeftModel.from_pretrained(pipe.unet, f"{path}/unet")
        text = PeftModel.from_pretrained(pipe.text_encoder, f"{path}/text_encoder")
        found = applied(unet, "unet") | applied(text, "text_encoder")
        compare(" ".join(["peft reads peft", *options]), expected, found, TOLERANCE["f32"])


def randomise(network, seed):
    """B of new adapters is zero; every value gets one."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator)


def selora_reads(selora, name, source, folder, expected):
    out = f"{folder}/from-{counts['passed'] + counts['failed']}.safetensors"
    log = run([selora, "convert", source, "--to", "selora", out, "--strict"])
    compare(f"selora reads {name} ({log.split('read as ')[1].splitlines()[0]})", expected, truth(out), TOLERANCE["f32"])


def from_peers(selora, model, folder):
    attention = ["to_q", "to_k", "to_v", "to_out.0"]
    convolutions = ["proj_in", "proj_out", "conv1", "conv_shortcut", "time_emb_proj"]
    configs = {
        "attention": LoraConfig(r=4, lora_alpha=6, target_modules=attention),
        "convolutions": LoraConfig(r=2, lora_alpha=5, target_modules=attention + convolutions),
        "patterns": LoraConfig(r=3, lora_alpha=3, target_modules=attention, rank_pattern={"attn2.to_k": 5},
                               alpha_pattern={"attn2.to_k": 20, "to_v": 1}),
        "rslora": LoraConfig(r=4, lora_alpha=6, target_modules=attention, use_rslora=True),
    }  # fmt: skip
    for number, (name, config) in enumerate(configs.items()):
        pipe = pipeline(model)
        inject_adapter_in_model(config, pipe.unet, "default")
        randomise(pipe.unet, number)
        expected = applied(pipe.unet, "unet")
        state = get_peft_model_state_dict(pipe.unet)
        target = f"{folder}/saved-{name}"
        StableDiffusionPipeline.save_lora_weights(target, unet_lora_layers=state,
                                                  unet_lora_adapter_metadata=config.to_dict())  # fmt: skip
        selora_reads(selora, f"diffusers' file with metadata, {name}", target, folder, expected)
        if name == "attention":
            plain = f"{folder}/saved-plain"
            StableDiffusionPipeline.save_lora_weights(plain, unet_lora_layers=state)
            unscaled = {k: v * config.r / config.lora_alpha for k, v in expected.items()}
            selora_reads(selora, "diffusers' file without metadata", plain, folder, unscaled)
            elder = f"{folder}/saved-elder"
            StableDiffusionPipeline.save_lora_weights(elder, unet_lora_layers=convert_state_dict_to_diffusers(state))
            selora_reads(selora, "diffusers' elder names", elder, folder, unscaled)
        pipe = pipeline(model)
        wrapped = PeftModel(pipe.unet, config)
        randomise(wrapped, number)
        wrapped.save_pretrained(f"{folder}/peft-{name}")
        selora_reads(selora, f"peft's folder, {name}", f"{folder}/peft-{name}", folder, applied(wrapped, "unet"))
    pipe = pipeline(model)
    config = LoraConfig(r=3, lora_alpha=5, target_modules=["q_proj", "fc1"])
    wrapped = PeftModel(pipe.text_encoder, config)
    randomise(wrapped, 9)
    wrapped.save_pretrained(f"{folder}/peft-text")
    selora_reads(selora, "peft's text encoder", f"{folder}/peft-text", folder, applied(wrapped, "text_encoder"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--selora", required=True)
    parser.add_argument("--model", default="models/tiny")
    options = parser.parse_args()
    random.seed(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        adapter = train(options.selora, options.model, folder)
        check_ranks(adapter)
        to_peers(options.selora, options.model, adapter, folder)
        from_peers(options.selora, options.model, folder)
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return counts["failed"] > 0


if __name__ == "__main__":
    sys.exit(main())
