#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Adapters of selora in the tools they are written for, and the other way round.

    tools/check_adapters.py --selora build/selora [--model models/tiny]

Trains a few steps so that ranks differ, converts to every format and loads each in diffusers and peft
as their manuals say. Then holds, in the versions that run this:

- every layer's scale times B A is that of the trained file (relative error 1e-6, 1e-3 in f16, 1e-2 in
  bf16), and no layer is missing; a picture of the pipeline has the latents that selora draws (1e-3);
- files with the traps of docs/formats.md do in diffusers and peft what `selora inspect` foretells, and
  what the command beside the warning writes loads right;
- LoRAs that peft and diffusers save themselves are the same in selora, and draw the same.

The last line is "N passed, N failed".
"""

import argparse
import json
import shutil
import struct
import sys
import tempfile
import warnings
from inspect import signature

import adapter_peers as peers
import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils import convert_state_dict_to_diffusers, convert_state_dict_to_kohya
from peft import (
    LoraConfig,
    get_peft_model,
    get_peft_model_state_dict,
    inject_adapter_in_model,
    set_peft_model_state_dict,
)
from safetensors import safe_open
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file as save_tensors

warnings.filterwarnings("ignore")
counts = {"passed": 0, "failed": 0}
UNET_ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
TEXT_ATTENTION = ["q_proj", "k_proj", "v_proj", "out_proj"]
ONE_BY_ONE = ["proj_in", "proj_out", "conv_shortcut", "time_emb_proj"]
THREE_BY_THREE = ["conv_in", "conv1", "conv2", "downsamplers.0.conv", "upsamplers.0.conv", "conv_out"]


def report(name, ok, detail):
    counts["passed" if ok else "failed"] += 1
    print(f"{'ok    ' if ok else 'FAILED'} {name}: {detail}", flush=True)


class Job:
    """The program, a model, and a folder for everything that is written."""

    def __init__(self, selora, folder):
        self.selora, self.model, self.folder, self.number = selora, selora.model, folder, 0

    def path(self, ending=".safetensors"):
        self.number += 1
        return f"{self.folder}/{self.number}{ending}"

    def compare(self, name, expected, found, tolerance=1e-6):
        worst, where, lacks, extra = peers.deviation(expected, found)
        detail = f"{len(found)} layers, worst {worst:.2g} {where}"
        if lacks or extra:
            detail += f"; missing {lacks[:3]}, too many {extra[:3]}"
        report(name, not lacks and not extra and worst <= tolerance, detail)

    def compare_picture(self, name, pipe, sampler, adapter, plain):
        """The pipeline as it is and selora with `adapter` draw the same, and not what no adapter draws."""
        case = self.path()
        latents = peers.draw_case(pipe, sampler, case)
        same, error = self.selora.verify(case, "--adapter", adapter)
        change = float((latents - plain[sampler]).norm() / plain[sampler].norm())
        report(f"{name}, {sampler}", same and change > 0.02, f"latents {error:.2g}, the adapter changes {change:.2g}")


def plain_pictures(job):
    """{sampler: latents without an adapter}."""
    plain = {}
    for sampler in peers.SCHEDULERS:
        case = job.path()
        plain[sampler] = peers.draw_case(peers.pipeline(job.model), sampler, case)
        same, error = job.selora.verify(case)
        report(f"no adapter, {sampler}", same, f"latents {error:.2g}")
    return plain


# ---- from selora to the peers ------------------------------------------------------------------------------


def train(job):
    data, out = f"{job.folder}/data", f"{job.folder}/run"
    job.selora.run("phantom", "--out", data, "--count", "16", "--size", "64", "--seed", "5", "--quiet")
    job.selora.run("train", "--model", job.model, "--data", data, "--out", out, "--size", "32", "--steps", "24",
                   "--batch-size", "2", "--probe-every", "3", "--lambda", "1.5", "--lr", "3e-3",
                   "--validation-images", "0", "--weights", "keep", "--quiet")  # fmt: skip
    return f"{out}/adapter.safetensors"


def check_ranks(adapter):
    with open(adapter, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    ranks = [entry[0] for entry in json.loads(header["__metadata__"]["selora.layers"]).values()]
    report("ranks differ", len(set(ranks)) >= 3, f"{len(ranks)} layers, ranks {sorted(set(ranks))}")


EXPORTS = [
    ("kohya", []), ("kohya", ["--pad-rank", "max"]), ("kohya", ["--te-keys", "both"]), ("kohya", ["--dtype", "f16"]),
    ("kohya", ["--dtype", "bf16"]), ("kohya", ["--components", "unet"]), ("diffusers", []),
    ("diffusers", ["--dtype", "f16"]), ("diffusers", ["--dtype", "bf16"]), ("diffusers", ["--components", "text"]),
    ("diffusers-compact", []), ("diffusers-compact", ["--dtype", "f16"]), ("selora", []), ("peft", []),
    ("peft", ["--pad-rank", "max"]), ("peft", ["--dtype", "f16"]),
]  # fmt: skip


def wanted_of(expected, options):
    chosen = {"unet": "unet.", "text": "text_encoder."}.get(options[-1] if "--components" in options else "", "")
    return {key: value for key, value in expected.items() if key.startswith(chosen)}


def check_exports(job, adapter, plain):
    expected, samplers = peers.selora_effects(adapter), sorted(peers.SCHEDULERS)
    for number, (form, options) in enumerate(EXPORTS):
        path = job.path("" if form == "peft" else ".safetensors")
        job.selora.convert(adapter, form, path, "--quiet", *options)
        reader, row = ("peft", "PEFT") if form == "peft" else ("diffusers", peers.diffusers_row())
        result = job.selora.tools(path)[row][0]
        wanted, name = wanted_of(expected, options), " ".join([f"{reader} reads", form, *options])
        dtype = options[-1] if "--dtype" in options else "f32"
        if form == "peft":
            pipe, error = peers.load_in_peft(job.model, path), None
        else:
            pipe, error = peers.load_in_diffusers(job.model, path)
        found = peers.effects_of(pipe)
        told_wrong = peers.refute(result, wanted, found, error)
        report(f"{name}, as foretold", told_wrong is None, told_wrong or result)
        if peers.right_here(result):
            job.compare(name, wanted, found, peers.TOLERANCE[dtype])
            job.compare_picture(name, pipe, samplers[number % 4], path, plain)
        elif not (form == "diffusers-compact" and peers.version(peers.diffusers) < (0, 34)):
            report(name, False, f"a format for this version, but: {result}")


# ---- traps -----------------------------------------------------------------------------------------------------


def layers_of(job, adapter):
    """{layer: (A, B)} with ranks of their own, the scale of 8 in B."""
    folder, layers = job.path(""), {}
    job.selora.convert(adapter, "peft", folder, "--quiet")
    for component in peers.COMPONENTS:
        tensors = load_arrays(f"{folder}/{component}/adapter_model.safetensors")
        for name, a in tensors.items():
            module = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
            if name.endswith(".lora_A.weight") and not module.startswith("encoder."):
                layers[f"{component}.{module}"] = (a, 8 * tensors[name.replace("lora_A", "lora_B")])
    return layers


def kohya_name(layer, level=True):
    layer = layer if level else peers.short(layer)
    return "lora_" + layer.replace("text_encoder.", "te.", 1).replace(".", "_")


def kohya_file(layers, alpha_of, level=True):
    """`alpha_of`(rank), or None for a file without alphas; B is scaled so that alpha / rank B A stays."""
    tensors = {}
    for layer, (a, b) in layers.items():
        alpha = alpha_of(len(a)) if alpha_of else len(a)
        tensors[f"{kohya_name(layer, level)}.lora_down.weight"] = a
        tensors[f"{kohya_name(layer, level)}.lora_up.weight"] = (b * len(a) / alpha).astype(np.float32)
        if alpha_of:
            tensors[f"{kohya_name(layer, level)}.alpha"] = np.float32(alpha)
    return tensors


def diffusers_file(layers, level=True, names=("lora_A", "lora_B")):
    tensors = {}
    for layer, (a, b) in layers.items():
        layer = layer if level else peers.short(layer)
        tensors[f"{layer}.{names[0]}.weight"], tensors[f"{layer}.{names[1]}.weight"] = a, b
    return tensors


def attn_processor_file(layers):
    """`...attn1.processor.to_q_lora.down.weight`, as diffusers wrote it before it used peft."""
    tensors = {}
    for layer, (a, b) in layers.items():
        if ".attn" in layer:
            block, name = layer.removesuffix(".0").rsplit(".", 1)
            tensors[f"{block}.processor.{name}_lora.down.weight"] = a
            tensors[f"{block}.processor.{name}_lora.up.weight"] = b
    return tensors


def padded(layers):
    """All ranks of a component made equal with rows and columns of zeros."""
    most = {c: max((len(a) for k, (a, _) in layers.items() if k.startswith(c)), default=0) for c in peers.COMPONENTS}
    return {
        layer: (np.pad(a, ((0, most[layer.split(".")[0]] - len(a)), (0, 0))),
                np.pad(b, ((0, 0), (0, most[layer.split(".")[0]] - len(a)))))
        for layer, (a, b) in layers.items()
    }  # fmt: skip


def peft_header(layers, level):
    """lora_adapter_metadata with a rank of its own for each layer."""
    header = {}
    for component in peers.COMPONENTS:
        ranks = {
            (layer if level else peers.short(layer)).removeprefix(f"{component}."): len(a)
            for layer, (a, _) in layers.items()
            if layer.startswith(component)
        }
        header |= {f"{component}.r": 2, f"{component}.lora_alpha": 2, f"{component}.target_modules": list(ranks),
                   f"{component}.rank_pattern": ranks, f"{component}.alpha_pattern": ranks,
                   f"{component}.lora_dropout": 0.0, f"{component}.bias": "none"}  # fmt: skip
    return {"lora_adapter_metadata": json.dumps(header)}


def trap_files(layers):
    """{name: (tensors, header)}."""
    unet = {key: pair for key, pair in layers.items() if key.startswith("unet.")}
    attention = {key: pair for key, pair in padded(layers).items() if ".attn" in key}
    return {
        "kohya, alpha 8 times the rank": (kohya_file(layers, lambda rank: 8 * rank), None),
        "kohya, alpha the rank": (kohya_file(layers, lambda rank: rank), None),
        "kohya, one alpha": (kohya_file(layers, lambda rank: 4), None),
        "kohya, no alpha": (kohya_file(layers, None), None),
        "kohya, short text names": (kohya_file(layers, lambda rank: 4, level=False), None),
        "kohya, U-Net, alpha 8 times the rank": (kohya_file(unet, lambda rank: 8 * rank), None),
        "diffusers, mixed ranks, no header": (diffusers_file(layers), None),
        "diffusers, mixed ranks, short text names": (diffusers_file(layers, level=False), None),
        "diffusers, equal ranks, no header": (diffusers_file(padded(layers)), None),
        "diffusers, U-Net, mixed ranks": (diffusers_file(unet), None),
        "diffusers, header with long names": (diffusers_file(layers), peft_header(layers, level=True)),
        "diffusers, header with short names": (diffusers_file(layers), peft_header(layers, level=False)),
        "diffusers, .lora.down": (diffusers_file(padded(unet), names=("lora.down", "lora.up")), None),
        "diffusers, .processor": (attn_processor_file(attention), None),
    }


def check_traps(job, adapter):
    layers = layers_of(job, adapter)
    for name, (tensors, header) in trap_files(layers).items():
        path, read = job.path(), job.path()
        save_arrays({key: np.ascontiguousarray(value) for key, value in tensors.items()}, path, header)
        job.selora.convert(path, "selora", read, "--quiet", "--strict")
        there = peers.selora_effects(read)
        expected = {peers.short(key): peers.product(*pair) for key, pair in layers.items()}
        job.compare(f"selora reads {name}", {key: expected[key] for key in there}, there)
        check_prediction(job, name, path, there)


def check_prediction(job, name, path, expected):
    """What `inspect` says of this diffusers is so, and what it proposes loads right."""
    result, command = job.selora.tools(path)[peers.diffusers_row()]
    pipe, error = peers.load_in_diffusers(job.model, path)
    refuted = peers.refute(result, expected, peers.effects_of(pipe), error)
    report(f"foretold of {name}", refuted is None, f"\"{result}\"" + (f", but {refuted}" if refuted else ""))
    if command:
        mended = job.path()
        job.selora.mend(command, path, mended)
        pipe, error = peers.load_in_diffusers(job.model, mended)
        job.compare(f"mended {name}", expected, peers.effects_of(pipe) if not error else {})


def check_peft_traps(job, adapter):
    """Folders with one layout of the text encoder's names."""
    expected = {k: v for k, v in peers.selora_effects(adapter).items() if k.startswith("text_encoder.")}
    whole = job.path("")
    job.selora.convert(adapter, "peft", whole, "--quiet", "--components", "text")
    for name, level in (("long", True), ("short", False)):
        folder = shutil.copytree(whole, job.path(""))
        file = f"{folder}/text_encoder/adapter_model.safetensors"
        tensors = {k: v for k, v in load_arrays(file).items() if (".text_model." in k) == level}
        save_arrays(tensors, file, {"format": "pt"})
        result = job.selora.tools(folder)["PEFT"][0]
        refuted = peers.refute(result, expected, peers.effects_of(peers.load_in_peft(job.model, folder)), None)
        report(f"foretold of peft, {name} text names", refuted is None, f"\"{result}\", {refuted or 'and so it is'}")


# ---- from the peers to selora -----------------------------------------------------------------------------


def draw_adapters(network, generator, size_a, size_b):
    for name, parameter in network.named_parameters():
        if ".lora_" in name:
            size = size_a if ".lora_A." in name else size_b
            parameter.data = size * torch.randn(parameter.shape, generator=generator)


def adapted(job, unet=None, text=None, seed=0):
    """A pipeline with fresh adapters of the given configs whose B are not zero."""
    pipe, generator = peers.pipeline(job.model), torch.Generator().manual_seed(seed)
    for network, config in ((pipe.unet, unet), (pipe.text_encoder, text)):
        if config:
            inject_adapter_in_model(config, network, "default")
        draw_adapters(network, generator, 1, 0.03)
    return pipe


def check_reading(job, name, path, pipe, picture=None):
    """selora reads what a peer saved as that peer does; `picture`: (sampler, pictures without an adapter)."""
    out = job.path()
    said = job.selora.convert(path, "selora", out, "--strict").split("read as ")[1].split()[0]
    job.compare(f"selora reads {name} ({said})", peers.effects_of(pipe), peers.selora_effects(out))
    if picture:
        job.compare_picture(f"selora draws with {name}", pipe, picture[0], path, picture[1])


def states(pipe):
    """The adapters' tensors of both networks, as training scripts collect them."""
    return [
        get_peft_model_state_dict(network) if hasattr(network, "peft_config") else {}
        for network in (pipe.unet, pipe.text_encoder)
    ]


def check_diffusers_writers(job, plain):
    """save_lora_weights in its spellings, without a header, as diffusers itself reads them again."""
    unet = LoraConfig(r=4, lora_alpha=4, target_modules=UNET_ATTENTION + ONE_BY_ONE)
    text = LoraConfig(r=3, lora_alpha=3, target_modules=TEXT_ATTENTION)
    attention = LoraConfig(r=4, lora_alpha=4, target_modules=UNET_ATTENTION)
    pipe, script = adapted(job, unet, text), adapted(job, attention, text)
    own, elder = states(pipe), [convert_state_dict_to_diffusers(state) for state in states(script)]
    for name, (u, t), source, sampler in (
        ("save_lora_weights", own, pipe, "ddim"),
        ("save_lora_weights as the training scripts call it", elder, script, "euler"),
    ):
        path = job.path("")
        StableDiffusionPipeline.save_lora_weights(path, unet_lora_layers=u, text_encoder_lora_layers=t)
        again, error = peers.load_in_diffusers(job.model, path)
        check_reading(job, name, path, again, (sampler, plain))
        read = {} if error else peers.effects_of(again)
        job.compare(f"diffusers reads its own {name}", peers.effects_of(source), read)
    path = job.path()
    names = {f"{c}.{k}": v for c, state in zip(peers.COMPONENTS, own) for k, v in state.items()}
    save_tensors({k: v.contiguous() for k, v in convert_state_dict_to_kohya(names).items()}, path)
    check_reading(job, "diffusers' kohya converter", path, pipe, ("pndm", plain))


CONFIGS = {
    "attention": {"r": 4, "lora_alpha": 6, "target_modules": UNET_ATTENTION},
    "patterns": {"r": 3, "lora_alpha": 3, "target_modules": UNET_ATTENTION,
                 "rank_pattern": {"attn2.to_k": 5}, "alpha_pattern": {"attn2.to_k": 20, "to_v": 1}},
    "rslora": {"r": 4, "lora_alpha": 6, "target_modules": UNET_ATTENTION, "use_rslora": True},
    "1x1 convolutions": {"r": 2, "lora_alpha": 5, "target_modules": UNET_ATTENTION + ONE_BY_ONE},
    "3x3 convolutions": {"r": 2, "lora_alpha": 5, "target_modules": THREE_BY_THREE + ["to_q"]},
}  # fmt: skip


def save_pretrained(network, config, state, folder):
    """As a program does that trained with peft."""
    wrapped = get_peft_model(network, config)
    set_peft_model_state_dict(wrapped, {f"base_model.model.{key}": value for key, value in state.items()})
    wrapped.save_pretrained(folder)


def check_configs(job, plain):
    """Configs of every kind through peft's folders, save_lora_weights with a header, and one network saved alone."""
    with_header = "unet_lora_adapter_metadata" in signature(StableDiffusionPipeline.save_lora_weights).parameters
    for number, (name, config) in enumerate(CONFIGS.items()):
        pipe, sampler = adapted(job, LoraConfig(**config), seed=number), list(peers.SCHEDULERS)[number % 4]
        picture = None if name.startswith("3x3") else (sampler, plain)
        folder, state = job.path(""), states(pipe)[0]
        save_pretrained(peers.pipeline(job.model).unet, LoraConfig(**config), state, folder)
        check_reading(job, f"save_pretrained, {name}", folder, pipe, picture)
        if with_header:
            file = job.path("")
            StableDiffusionPipeline.save_lora_weights(
                file, unet_lora_layers=state, unet_lora_adapter_metadata=LoraConfig(**config).to_dict()
            )
            check_reading(job, f"save_lora_weights with its header, {name}", file, pipe)
        if with_header or name == "attention":
            check_network_alone(job, name, LoraConfig(**config), state)
        if not picture:
            check_merged(job, name, pipe, folder, plain)


def check_network_alone(job, name, config, state):
    """unet.save_lora_adapter: names without "unet."."""
    folder, unet = job.path(""), peers.pipeline(job.model).unet
    unet.add_adapter(config)
    set_peft_model_state_dict(unet, state)
    unet.save_lora_adapter(folder)
    again = peers.pipeline(job.model)
    again.unet.load_lora_adapter(folder, prefix=None, weight_name="pytorch_lora_weights.safetensors")
    check_reading(job, f"save_lora_adapter, {name}", folder, again)
    check_prediction(job, f"save_lora_adapter, {name}", folder, peers.effects_of(again))


def check_text_encoders(job, plain):
    config = LoraConfig(r=3, lora_alpha=5, target_modules=TEXT_ATTENTION + ["fc1"])
    pipe, folder = adapted(job, text=config, seed=9), job.path("")
    save_pretrained(peers.pipeline(job.model).text_encoder, config, states(pipe)[1], folder)
    check_reading(job, "save_pretrained, text encoder", folder, pipe, ("dpmpp_2m", plain))
    if not peers.SHORT_TEXT:  # newer transformers asks for a peft that is not out
        folder, encoder = job.path(""), peers.pipeline(job.model).text_encoder
        encoder.add_adapter(config)
        set_peft_model_state_dict(encoder, states(pipe)[1])
        encoder.save_pretrained(folder)
        check_reading(job, "transformers' save_pretrained, text encoder", folder, pipe)


def check_merged(job, name, pipe, adapter, plain):
    """Kernels larger than 1x1 act in merged weights only: the merged model against the pipeline."""
    case, merged = job.path(), job.path("")
    latents = peers.draw_case(pipe, "pndm", case)
    job.selora.run("merge", "--model", job.model, "--adapter", adapter, "--out", merged, "--dtype", "f32", "--quiet")
    same, error = job.selora.verify(case, model=merged)
    change = float((latents - plain["pndm"]).norm() / plain["pndm"].norm())
    report(f"selora merges {name}", same and change > 0.02, f"latents {error:.2g}, the adapter changes {change:.2g}")


# ---- headers ----------------------------------------------------------------------------------------------------


def check_header(job, adapter):
    """What user interfaces read of a LoRA's header, by safetensors' own reader."""
    path = job.path()
    job.selora.convert(adapter, "kohya", path, "--quiet")
    with safe_open(path, "np") as file:
        facts = file.metadata()
        most = max(file.get_slice(k).get_shape()[0] for k in file.keys() if k.endswith("lora_down.weight"))
        alphas = {float(file.get_tensor(k)) for k in file.keys() if k.endswith(".alpha")}
        right = all(k.startswith(("lora_unet_", "lora_te_text_model_")) for k in file.keys())
    wanted = {"ss_v2": "False", "ss_base_model_version": "sd_v1", "ss_network_module": "networks.lora",
              "ss_network_dim": str(most), "modelspec.architecture": "stable-diffusion-v1/lora",
              "modelspec.sai_model_spec": "1.0.1"}  # fmt: skip
    wrong = {key: facts.get(key) for key, value in wanted.items() if facts.get(key) != value}
    report("header of user interfaces", not wrong, wrong or ", ".join(f"{k} {v}" for k, v in wanted.items()))
    alpha, arguments = facts["ss_network_alpha"], facts["ss_network_args"]
    report("header has the file's alpha", float(alpha) in alphas, f"{alpha}, {alphas}")
    report("header's arguments are JSON", isinstance(json.loads(arguments), dict), arguments)
    report("names are sd-scripts' own", right, "lora_unet_, lora_te_text_model_")
    private = [value for value in facts.values() if job.folder in value or "phantom" in value]
    report("header tells no path", not private, private or f"{len(facts)} facts")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--selora", required=True)
    parser.add_argument("--model", default="models/tiny")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(peers.WHERE)
    with tempfile.TemporaryDirectory() as folder:
        job = Job(peers.Selora(options.selora, options.model), folder)
        adapter = train(job)
        check_ranks(adapter)
        plain = plain_pictures(job)
        check_exports(job, adapter, plain)
        check_traps(job, adapter)
        check_peft_traps(job, adapter)
        check_diffusers_writers(job, plain)
        check_configs(job, plain)
        check_text_encoders(job, plain)
        check_header(job, adapter)
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return counts["failed"] > 0


if __name__ == "__main__":
    sys.exit(main())
