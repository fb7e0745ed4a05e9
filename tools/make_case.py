#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes reference cases for `selora verify` from a diffusers folder: inputs, and what diffusers and
transformers give for them.

    tools/make_case.py --model DIR --kind unet --out unet.safetensors
    tools/make_case.py --model DIR --kind train_step --rank-max 6 --probes 3 --out step.safetensors
    tools/make_case.py --model DIR --kind all --out FOLDER              one case of every kind

The inputs are drawn from --seed; captions (--text, several times) replace the built-in ones. Adapters
are added by plain matrix products here, so that nothing but torch stands between the definition and
the numbers. --double computes the reference in 64 bits.
"""

import argparse
import glob
import json
import os

import diffusers
import torch
import transformers
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    UNet2DConditionModel,
)
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

for library in (diffusers, transformers):
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()

KINDS = (
    "tokenizer",
    "text_encoder",
    "unet",
    "vae_encode",
    "vae_decode",
    "train_step",
    "schedule",
    "sample",
    "adam",
)
SAMPLERS = ("pndm", "ddim", "dpmpp_2m", "euler")
TEXTS = [
    "frontal chest, nodule, upper left",
    "",
    "The heart is normal in size. The lungs are clear!",
    "Cardiomegaly; XXXX 12.5 mm nodule",
    "it's they'll don't 'RE we've 'S",
    "lung " * 100,
    "\u00e9panchement \u00e0 gauche, pou\u0308s 5 \u00b5g/L",
    "\u80f8\u90e8X\u7dda\u5199\u771f \u039f\u0394\u039f\u03a3",
    "a <|endoftext|> b <|STARTOFTEXT|> c!!",
    "\U0001fa7b x-ray \u2764\ufe0f\u00a0 50% <3cm ___ (T2)",
]


class Model:
    """The parts of a folder, in one precision, without gradients of their own."""

    def __init__(self, folder, double=False):
        self.folder, self.dtype = folder, torch.float64 if double else torch.float32
        self.parts = {}

    def load(self, name, loader, **arguments):
        if name not in self.parts:
            path = f"{self.folder}/{name}"
            # Weight files of a variant alone: model.fp16.safetensors and its shards.
            plain = [
                f
                for f in glob.glob(f"{path}/*.safetensors*")
                if os.path.basename(f).split("-")[0].count(".") < 2 or f.endswith("index.json")
            ]
            if not plain or all(".fp16" in f for f in plain):
                arguments["variant"] = "fp16"
            module = loader.from_pretrained(path, torch_dtype=torch.float32, **arguments)
            module.to(self.dtype).eval().requires_grad_(False)
            self.parts[name] = module
        return self.parts[name]

    @property
    def unet(self):
        return self.load("unet", UNet2DConditionModel)

    @property
    def vae(self):
        return self.load("vae", AutoencoderKL)

    @property
    def text(self):
        return self.load("text_encoder", CLIPTextModel)

    @property
    def tokenizer(self):
        return CLIPTokenizer.from_pretrained(f"{self.folder}/tokenizer")

    @property
    def scheduler_config(self):
        with open(f"{self.folder}/scheduler/scheduler_config.json", encoding="utf-8") as file:
            return json.load(file)

    @property
    def latent_factor(self):
        return 2 ** (len(self.vae.config.block_out_channels) - 1)


def scheduler_of(config, sampler):
    """The scheduler class of a sampler with the values of the folder's file."""
    base = {
        key: config[key]
        for key in (
            "num_train_timesteps",
            "beta_start",
            "beta_end",
            "beta_schedule",
            "prediction_type",
        )
        if key in config
    }
    base["steps_offset"] = config.get("steps_offset", 1)
    if "timestep_spacing" in config:
        base["timestep_spacing"] = config["timestep_spacing"]
    last = {"set_alpha_to_one": config.get("set_alpha_to_one", False)}
    if sampler == "pndm":
        return PNDMScheduler(**base, **last, skip_prk_steps=True)
    if sampler == "ddim":
        return DDIMScheduler(**base, **last, clip_sample=False)
    if sampler == "euler":
        return EulerDiscreteScheduler(**base)
    return DPMSolverMultistepScheduler(**base)


# ---- low-rank pairs ----------------------------------------------------------------------------------------


def linear_layers(model):
    """Path in the case to module, for every linear layer that an adapter may join."""
    layers = {}
    for name, module in model.unet.named_modules():
        if isinstance(module, torch.nn.Linear):
            layers[f"unet.{name}"] = module
    for name, module in model.text.named_modules():
        if isinstance(module, torch.nn.Linear):
            layers[f"text_encoder.text_model.{name.removeprefix('text_model.')}"] = module
    return layers


def draw_adapters(model, generator, share, rank_max, probes_max):
    """{path: (A, B, probe rows or None)} for a share of the layers, ranks mixed, some B zero."""
    adapters = {}
    for path, module in linear_layers(model).items():
        if torch.rand((), generator=generator).item() >= share:
            continue
        rank = int(torch.randint(1, rank_max + 1, (), generator=generator))
        wide, high = module.in_features, module.out_features
        bound = (6 / wide) ** 0.5
        a = (torch.rand(rank, wide, generator=generator) * 2 - 1) * bound
        b = torch.randn(high, rank, generator=generator) * (
            0.02 if torch.rand((), generator=generator) < 0.7 else 0
        )
        q = int(torch.randint(0, probes_max + 1, (), generator=generator))
        probe = (torch.rand(q, wide, generator=generator) * 2 - 1) * bound if q else None
        adapters[path] = (a, b, probe)
    return adapters


class Adapted:
    """While it is open: y = W x + b + scale (x A^T) B^T; zero columns of B against the probe rows."""

    def __init__(self, model, adapters, scale, gradients):
        self.model, self.adapters, self.scale = model, adapters, scale
        self.leaves, self.probes, self.hooks = {}, {}, []
        for path, (a, b, probe) in adapters.items():
            a, b = (x.to(model.dtype).requires_grad_(gradients) for x in (a, b))
            zero = None
            if probe is not None:
                probe = probe.to(model.dtype)
                zero = torch.zeros(
                    b.shape[0], probe.shape[0], dtype=model.dtype, requires_grad=gradients
                )
            self.leaves[path], self.probes[path] = (a, b), (probe, zero)

    def __enter__(self):
        layers = linear_layers(self.model)
        for path in self.adapters:
            self.hooks.append(layers[path].register_forward_hook(self.hook(path)))
        return self

    def hook(self, path):
        (a, b), (probe, zero) = self.leaves[path], self.probes[path]

        def add(_module, inputs, output):
            x = inputs[0]
            output = output + self.scale * ((x @ a.T) @ b.T)
            if probe is not None:
                output = output + self.scale * ((x @ probe.T) @ zero.T)
            return output

        return add

    def __exit__(self, *_):
        for hook in self.hooks:
            hook.remove()

    def inputs(self):
        tensors = {}
        for path, (a, b, probe) in self.adapters.items():
            tensors[f"in.adapter.{path}.lora_A"] = a
            tensors[f"in.adapter.{path}.lora_B"] = b
            if probe is not None:
                tensors[f"in.probe.{path}"] = probe
        return tensors

    def gradients(self):
        tensors = {}
        for path, (a, b) in self.leaves.items():
            zero = self.probes[path][1]
            tensors[f"expect.grad.{path}.lora_A"], tensors[f"expect.grad.{path}.lora_B"] = (
                a.grad,
                b.grad,
            )
            if zero is not None:
                energy = a.grad.double().square().sum() + b.grad.double().square().sum()
                ratio = 1 + zero.grad.double().square().sum(0) / energy
                tensors[f"expect.probe_grad.{path}"] = zero.grad
                tensors[f"expect.ratio.{path}"] = ratio
        return tensors


# ---- one function a kind -----------------------------------------------------


def token_ids(model, texts):
    return model.tokenizer(
        texts, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
    ).input_ids


def encode(model, ids):
    return model.text(ids).last_hidden_state


def randn(shape, generator):
    return torch.randn(shape, generator=generator)


def case_tokenizer(model, o, g):
    return {"texts": json.dumps(o.text, ensure_ascii=not o.utf8)}, {
        "expect.input_ids": token_ids(model, o.text)
    }


def some_ids(model, o, g, count):
    """Captions in turn; ids that occur in no caption too."""
    start = int(torch.randint(0, len(o.text), (), generator=g))
    ids = token_ids(model, [o.text[(start + i) % len(o.text)] for i in range(count)])
    if count > 1:
        ids[-1] = torch.randint(0, model.text.config.vocab_size, (77,), generator=g)
    return ids


def case_text_encoder(model, o, g):
    ids = some_ids(model, o, g, o.batch)
    return {}, {"in.input_ids": ids, "expect.last_hidden_state": encode(model, ids)}


def case_unet(model, o, g):
    sample = randn((o.batch, 4, o.height, o.width), g)
    states = randn((o.batch, o.tokens, model.unet.config.cross_attention_dim), g)
    if o.fractional:
        timestep = torch.rand(o.batch, generator=g) * 999
    else:
        timestep = torch.randint(0, 1000, (o.batch,), generator=g)
    output = model.unet(sample.to(model.dtype), timestep, states.to(model.dtype)).sample
    return {}, {
        "in.sample": sample,
        "in.timestep": timestep,
        "in.encoder_hidden_states": states,
        "expect.output": output,
    }


def case_vae_encode(model, o, g):
    height, width = o.height * model.latent_factor + o.odd, o.width * model.latent_factor + o.odd
    image = torch.rand(o.batch, 3, height, width, generator=g) * 2 - 1
    posterior = model.vae.encode(image.to(model.dtype)).latent_dist
    return {}, {"in.image": image, "expect.mean": posterior.mean, "expect.logvar": posterior.logvar}


def case_vae_decode(model, o, g):
    latent = randn((o.batch, 4, o.height, o.width), g)
    return {}, {
        "in.latent": latent,
        "expect.image": model.vae.decode(latent.to(model.dtype)).sample,
    }


def case_train_step(model, o, g):
    scheduler = DDPMScheduler(
        **{
            key: value
            for key, value in model.scheduler_config.items()
            if key in ("beta_start", "beta_end", "beta_schedule", "prediction_type")
        }
    )
    latents, noise = randn((o.batch, 4, o.height, o.width), g), randn(
        (o.batch, 4, o.height, o.width), g
    )
    timestep = torch.randint(0, 1000, (o.batch,), generator=g)
    ids = some_ids(model, o, g, o.batch)
    adapters = draw_adapters(model, g, o.share, o.rank_max, o.probes)
    x0, eps = latents.to(model.dtype), noise.to(model.dtype)
    noisy = scheduler.add_noise(x0, eps, timestep)
    target = (
        scheduler.get_velocity(x0, eps, timestep)
        if scheduler.config.prediction_type == "v_prediction"
        else eps
    )
    with torch.enable_grad(), Adapted(model, adapters, o.scale, True) as adapted:
        prediction = model.unet(noisy, timestep, encode(model, ids)).sample
        loss = torch.nn.functional.mse_loss(prediction, target)
        if adapters:
            loss.backward()
    tensors = {
        "in.latents": latents,
        "in.noise": noise,
        "in.timestep": timestep,
        "in.input_ids": ids,
        "expect.loss": loss,
        "expect.prediction": prediction,
        **adapted.inputs(),
        **adapted.gradients(),
    }
    return {"scale": repr(o.scale)}, tensors


def case_schedule(model, o, g):
    scheduler = scheduler_of(model.scheduler_config, o.sampler)
    scheduler.set_timesteps(o.steps)
    times = scheduler.timesteps.double()
    if bool((times == times.round()).all()):
        times = times.long()
    return {"sampler": o.sampler, "steps": str(o.steps)}, {
        "expect.timesteps": times,
        "expect.alphas_cumprod": scheduler.alphas_cumprod,
    }


def case_sample(model, o, g):
    scheduler = scheduler_of(model.scheduler_config, o.sampler)
    scheduler.set_timesteps(o.steps)
    start = randn((o.batch, 4, o.height, o.width), g) * scheduler.init_noise_sigma
    ids, negative = some_ids(model, o, g, o.batch), token_ids(model, [o.negative] * o.batch)
    adapters = draw_adapters(model, g, o.share, o.rank_max, 0) if o.with_adapters else {}
    guided = o.guidance > 1
    x = start.to(model.dtype)
    with Adapted(model, adapters, o.scale, False) as adapted:
        states = encode(model, ids)
        if guided:
            states = torch.cat([encode(model, negative), states])
        for t in scheduler.timesteps:
            scaled = scheduler.scale_model_input(torch.cat([x, x]) if guided else x, t)
            e = model.unet(scaled.to(model.dtype), t, states).sample
            if guided:
                e_neg, e_pos = e.chunk(2)
                e = e_neg + o.guidance * (e_pos - e_neg)
            x = scheduler.step(e, t, x).prev_sample
        image = (
            model.vae.decode(x.to(model.dtype) / model.vae.config.scaling_factor).sample
            if o.image
            else None
        )
    tensors = {
        "in.latents": start,
        "in.input_ids": ids,
        "in.negative_input_ids": negative,
        "expect.latents": x,
        **adapted.inputs(),
    }
    if image is not None:
        tensors["expect.image"] = image
    metadata = {"sampler": o.sampler, "steps": str(o.steps), "guidance": repr(o.guidance)}
    if adapters:
        metadata["scale"] = repr(o.scale)
    return metadata, tensors


def case_adam(_model, o, g):
    w = randn((o.count,), g)
    gradients = [
        randn((o.count,), g) * 10.0 ** float(torch.randint(-6, 2, (), generator=g))
        for _ in range(o.steps)
    ]
    parameter = w.to(_model.dtype).clone().requires_grad_(True)
    optimizer = torch.optim.AdamW(
        [parameter], lr=o.lr, betas=(o.beta1, o.beta2), eps=o.eps, weight_decay=o.weight_decay
    )
    for gradient in gradients:
        parameter.grad = gradient.to(_model.dtype)
        optimizer.step()
    state = optimizer.state[parameter]
    tensors = {
        "in.w0": w,
        **{f"in.grad.{i}": gradient for i, gradient in enumerate(gradients)},
        "expect.w": parameter.detach(),
        "expect.m": state["exp_avg"],
        "expect.v": state["exp_avg_sq"],
    }
    return {
        key: repr(getattr(o, key)) for key in ("lr", "beta1", "beta2", "eps", "weight_decay")
    }, tensors


def sort_metadata(path):
    """safetensors writes metadata in random order; the same case should have the same bytes."""
    with open(path, "r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(
            {"__metadata__": header.pop("__metadata__"), **header},
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode()
        assert len(text) <= length
        file.seek(8)
        file.write(text.ljust(length))


def write_case(model, kind, path, options):
    """One case file; `options` as the command line gives them."""
    generator = torch.Generator().manual_seed(options.seed)
    with torch.no_grad():
        metadata, tensors = globals()[f"case_{kind}"](model, options, generator)
    metadata |= {
        "format": "selora-case/1",
        "kind": kind,
        "producer": f"diffusers {diffusers.__version__}, transformers {transformers.__version__}, "
        f"torch {torch.__version__.split('+')[0]}",
    }
    for name, tensor in tensors.items():
        tensor = tensor.detach()
        if tensor.is_floating_point() and (name.startswith("in.") or not options.double):
            if name != "expect.timesteps":
                tensor = tensor.float()
        tensors[name] = tensor.contiguous().clone()
    save_file(tensors, path, metadata)
    sort_metadata(path)
    os.chmod(path, 0o644)


def option_parser():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, metavar="DIR", help="diffusers folder")
    parser.add_argument("--kind", required=True, choices=(*KINDS, "all"))
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="case file; a folder with --kind all"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--double", action="store_true", help="reference in 64 bits, F64 outputs")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--height", type=int, default=7, help="of the latents")
    parser.add_argument("--width", type=int, default=9)
    parser.add_argument(
        "--tokens", type=int, default=77, help="unet: length of encoder_hidden_states"
    )
    parser.add_argument(
        "--odd",
        type=int,
        default=0,
        help="vae_encode: pixels beyond a multiple of the latent factor",
    )
    parser.add_argument(
        "--fractional", action="store_true", help="unet: timesteps that are no whole numbers"
    )
    parser.add_argument("--text", action="append", help="a caption; may be repeated")
    parser.add_argument(
        "--utf8", action="store_true", help="tokenizer: texts unescaped in the header"
    )
    parser.add_argument("--negative", default="", help="sample: negative prompt")
    parser.add_argument("--sampler", choices=SAMPLERS, default="pndm")
    parser.add_argument(
        "--steps", type=int, default=10, help="of the sampler; adam: of the optimiser"
    )
    parser.add_argument("--guidance", type=float, default=7.5)
    parser.add_argument("--image", action="store_true", help="sample: the decoded picture too")
    parser.add_argument("--with-adapters", action="store_true", help="sample: adapters in place")
    parser.add_argument(
        "--share", type=float, default=0.6, help="of the linear layers that get an adapter"
    )
    parser.add_argument("--rank-max", type=int, default=5)
    parser.add_argument(
        "--probes", type=int, default=2, help="train_step: most probe rows of a layer"
    )
    parser.add_argument("--scale", type=float, default=8.0)
    parser.add_argument("--count", type=int, default=257, help="adam: length of w")
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--beta1", type=float, default=0.9)
    parser.add_argument("--beta2", type=float, default=0.999)
    parser.add_argument("--eps", type=float, default=1e-8)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    return parser


def parse(arguments=None):
    options = option_parser().parse_args(arguments)
    options.text = options.text or list(TEXTS)
    return options


def main():
    options = parse()
    model = Model(options.model, options.double)
    if options.kind != "all":
        write_case(model, options.kind, options.out, options)
        return
    os.makedirs(options.out, exist_ok=True)
    for kind in KINDS:
        write_case(model, kind, f"{options.out}/{kind}.safetensors", options)


if __name__ == "__main__":
    main()
