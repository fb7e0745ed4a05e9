#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""selora against its peers on this machine: the same work, in turn, each in a process of its own.

    python3 -m venv .venv && .venv/bin/pip install -r bench/requirements.txt
    .venv/bin/python bench/compare_peer.py                                     (everything: about an hour on 2 cores)
    .venv/bin/python bench/compare_peer.py --rows denoise-224,decode-512 --rounds 5 --markdown table.md

Peers: diffusers (with peft for training) on PyTorch for every row, OpenVINO for the network calls of sampling.
A round measures selora, then its peers, in the order of even rounds turned round in odd ones. A ratio is a peer's
seconds over selora's of the same round; the table has the median of the rounds' ratios, with the lowest and the
highest, and the median seconds. Memory is the largest resident set of the process, weights and all.

A log (--log) keeps each measurement as a line of JSON, so that rounds can be run in pieces; --report makes the table
from what it holds.
"""
import argparse
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

# name: task, pixels, pictures, timed steps, the name in the table. A guided call has two rows a picture.
ROWS = {
    "train-b8-224": ("train", 224, 8, 1, "train step, batch 8, 224 px"),
    "train-b1-224": ("train", 224, 1, 3, "train step, batch 1, 224 px"),
    "denoise-224": ("denoise", 224, 1, 4, "guided denoise (batch 2), 224 px"),
    "denoise-512": ("denoise", 512, 1, 2, "guided denoise (batch 2), 512 px"),
    "decode-512": ("decode", 512, 1, 2, "VAE decode, 512 px"),
    "encode-512": ("encode", 512, 1, 2, "VAE encode, 512 px"),
}
TOKENS, WIDTH, VOCABULARY = 77, 768, 49408
# The layers of `--targets selora`: 206, with 475904 parameters at rank 1.
UNET_TARGETS = ["to_q", "to_k", "to_v", "ff.net.0.proj", "time_emb_proj"]
TEXT_TARGETS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]


# ---- the peers: each runs in a process of its own and prints one line of JSON ------------------------------------

def report(step, steps, **more):
    step()
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print("RESULT " + json.dumps({"seconds": statistics.median(times), "peak_bytes": peak, **more}), flush=True)


def torch_modules(precision, *makers):
    """Random weights, made in the type that they are kept in."""
    import torch
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16 if precision == "bf16" else torch.float32)
    modules = [make() for make in makers]
    torch.set_default_dtype(torch.float32)
    return modules


def make_unet():
    from diffusers import UNet2DConditionModel
    return UNet2DConditionModel(cross_attention_dim=WIDTH, attention_head_dim=8, sample_size=64)


def make_text_encoder():
    from transformers import CLIPTextConfig, CLIPTextModel
    return CLIPTextModel(CLIPTextConfig(vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=4 * WIDTH,
                                        num_hidden_layers=12, num_attention_heads=12, hidden_act="quick_gelu"))


def make_vae():
    from diffusers import AutoencoderKL
    return AutoencoderKL(down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
                         block_out_channels=[128, 256, 512, 512], layers_per_block=2, latent_channels=4,
                         sample_size=512)


def torch_train(size, batch, precision, steps, channels_last):
    import torch
    from peft import LoraConfig, get_peft_model
    unet, text = torch_modules(precision, make_unet, make_text_encoder)
    unet.requires_grad_(False)
    text.requires_grad_(False)
    if channels_last:
        unet.to(memory_format=torch.channels_last)
    unet = get_peft_model(unet, LoraConfig(r=1, lora_alpha=1, target_modules=UNET_TARGETS))
    text = get_peft_model(text, LoraConfig(r=1, lora_alpha=1, target_modules=TEXT_TARGETS))
    parameters = [p for m in (unet, text) for p in m.parameters() if p.requires_grad]
    assert all(p.dtype == torch.float32 for p in parameters)
    optimizer = torch.optim.AdamW(parameters, lr=1e-4)
    latents = torch.randn(batch, 4, size // 8, size // 8)
    ids = torch.randint(0, VOCABULARY, (batch, TOKENS))

    def step():
        optimizer.zero_grad()
        noise = torch.randn_like(latents)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
            states = text(ids)[0]
            out = unet(latents + noise, torch.randint(0, 1000, (batch,)), states).sample
        torch.nn.functional.mse_loss(out.float(), noise).backward()
        optimizer.step()

    report(step, steps, parameters=sum(p.numel() for p in parameters))


def torch_infer(task, size, batch, precision, steps, channels_last):
    import torch
    module = torch_modules(precision, make_unet if task == "denoise" else make_vae)[0].eval()
    if channels_last:
        module.to(memory_format=torch.channels_last)
    dtype, side = (torch.bfloat16 if precision == "bf16" else torch.float32), size // 8
    latents = torch.randn(2 * batch if task == "denoise" else batch, 4, side, side, dtype=dtype)
    states = torch.randn(2 * batch, TOKENS, WIDTH, dtype=dtype)
    pixels = torch.rand(batch, 3, size, size, dtype=dtype) * 2 - 1
    calls = {"denoise": lambda: module(latents, 500, states), "decode": lambda: module.decode(latents),
             "encode": lambda: module.encode(pixels)}

    def step():
        with torch.inference_mode():
            calls[task]()

    report(step, steps)


def openvino_folder(cache):
    from importlib.metadata import version
    return os.path.join(cache, "unet-" + version("openvino"))


def convert_for_openvino(cache):
    """The U-Net as OpenVINO's own file, in a folder that is there when the file is whole."""
    import openvino
    import torch
    unet = torch_modules("f32", make_unet)[0].eval()

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.unet = unet

        def forward(self, latents, timestep, states):
            return self.unet(latents, timestep, states, return_dict=False)[0]

    os.makedirs(cache, exist_ok=True)
    example = (torch.randn(2, 4, 28, 28), torch.tensor(500), torch.randn(2, TOKENS, WIDTH))
    with torch.no_grad():
        model = openvino.convert_model(Network(), example_input=example)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        openvino.save_model(model, os.path.join(folder, "new", "unet.xml"), compress_to_fp16=False)
        os.rename(os.path.join(folder, "new"), openvino_folder(cache))


def openvino_denoise(size, batch, precision, steps, threads, path):
    import numpy
    import openvino
    core, side = openvino.Core(), size // 8
    model = core.read_model(path)
    model.reshape({model.inputs[0]: [2 * batch, 4, side, side], model.inputs[2]: [2 * batch, TOKENS, WIDTH]})
    compiled = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision})
    del model
    random = numpy.random.default_rng(0)
    inputs = [random.standard_normal((2 * batch, 4, side, side), numpy.float32), numpy.array(500),
              random.standard_normal((2 * batch, TOKENS, WIDTH), numpy.float32)]
    report(lambda: compiled(inputs), steps)


# Single runs of the denoiser at 224 px: channels_last was faster in bf16, slower in f32. The other rows follow these until measured.
def channels_last_helps(task, precision):
    return precision == "bf16"


def worker(who, row, precision, steps, options):
    task, size, batch, _, _ = ROWS[row]
    last = {"auto": channels_last_helps(task, precision), "yes": True, "no": False}[options.channels_last]
    if who == "convert":
        convert_for_openvino(options.cache)
        return
    if who == "openvino":
        path = os.path.join(openvino_folder(options.cache), "unet.xml")
        openvino_denoise(size, batch, precision, steps, options.threads, path)
        return
    import torch
    torch.set_num_threads(options.threads)
    if task == "train":
        torch_train(size, batch, precision, steps, last)
    else:
        torch_infer(task, size, batch, precision, steps, last)


# ---- measuring ----------------------------------------------------------------------------------------------------

def run(command, prefix):
    result = subprocess.run(shlex.split(prefix) + command, stdout=subprocess.PIPE, text=True)
    if result.returncode != 0:
        sys.exit(f"failed with {result.returncode}: {shlex.join(command)}")
    return result.stdout


def run_selora(row, precision, options):
    task, size, batch, steps, _ = ROWS[row]
    command = [options.selora, "bench", "--json", "--quiet", "--task", task, "--size", str(size), "--batch", str(batch),
               "--repeat", str(options.steps or steps), "--threads", str(options.threads), "--compute", precision]
    found = json.loads(run(command + shlex.split(options.selora_options), options.prefix))
    return {"seconds": found["median_s"], **found}


def run_worker(who, row, precision, options, prefix):
    steps = options.steps or ROWS[row][3]
    command = [sys.executable, "-W", "ignore", os.path.abspath(__file__), "--worker", f"{who},{row},{precision},{steps}",
               "--threads", str(options.threads), "--cache", options.cache, "--channels-last", options.channels_last]
    return run(command, prefix)


def run_peer(who, row, precision, options):
    if who == "openvino" and not os.path.exists(openvino_folder(options.cache)):
        print("converting the U-Net for OpenVINO, once", flush=True)
        run_worker("convert", row, precision, options, "")
    lines = run_worker(who, row, precision, options, options.prefix).splitlines()
    return json.loads(next(line for line in lines if line.startswith("RESULT ")).removeprefix("RESULT "))


def measure(options, log):
    for number in range(options.rounds):
        for row in options.rows:
            for precision in options.precisions:
                who = [w for w in options.who if w != "openvino" or ROWS[row][0] == "denoise"]
                for name in who if number % 2 == 0 else reversed(who):
                    found = run_selora(row, precision, options) if name == "selora" else \
                        run_peer(name, row, precision, options)
                    line = {"round": options.first_round + number, "row": row, "precision": precision, "who": name,
                            "time": time.strftime("%Y-%m-%d"), **found}
                    log.append(line)
                    if options.log:
                        with open(options.log, "a") as file:
                            file.write(json.dumps(line) + "\n")
                    print(f"round {line['round']}  {row} {precision}  {name:10} {found['seconds']:8.3f} s  "
                          f"{found['peak_bytes'] / 1e9:5.2f} GB", flush=True)


# ---- the table ----------------------------------------------------------------------------------------------------

def of(log, row, precision, who):
    return {line["round"]: line for line in log if (line["row"], line["precision"], line["who"]) == (row, precision, who)}


def seconds_and_memory(lines):
    if not lines:
        return "-"
    return f"{statistics.median(x['seconds'] for x in lines.values()):.2f} s, " \
           f"{max(x['peak_bytes'] for x in lines.values()) / 1e9:.2f} GB"


def ratios(peer, own):
    both = [peer[n]["seconds"] / own[n]["seconds"] for n in sorted(peer.keys() & own.keys())]
    return f"{statistics.median(both):.2f} ({min(both):.2f}-{max(both):.2f})" if both else "-"


def table(log, options):
    lines = ["| work | | selora | GF/s of ceiling | diffusers | ratio | OpenVINO | ratio |", "|---|---|---|---|---|---|---|---|"]
    for row in ROWS:
        for precision in ("f32", "bf16"):
            own, torch, openvino = (of(log, row, precision, who) for who in ("selora", "diffusers", "openvino"))
            if not (own or torch or openvino):
                continue
            rates = [(2 * x["gmac"] / x["seconds"], x["ceiling_gflops"]) for x in own.values()]
            rate = f"{statistics.median(r for r, _ in rates):.0f} of {statistics.median(c for _, c in rates):.0f}" if rates else "-"
            lines.append(f"| {ROWS[row][4]} | {precision} | {seconds_and_memory(own)} | {rate} | {seconds_and_memory(torch)} | "
                         f"{ratios(torch, own)} | {seconds_and_memory(openvino)} | {ratios(openvino, own)} |")
    return "\n".join(lines) + "\n" + summary(log)


def summary(log):
    own = [line for line in log if line["who"] == "selora"]
    if not own:
        return ""
    text = "\n" + ", ".join(sorted({line["time"] for line in log})) + "; " + cpu_class()
    text += f"; {own[0]['threads']} threads; backends " + ", ".join(sorted({line["backend"] for line in own})) + ".\n"
    for key, name in (("ceiling_own_gflops", "selora's own product"), ("ceiling_blas_gflops", "OpenBLAS sgemm 2048^3")):
        for precision in ("f32", "bf16"):
            found = [line[key] for line in own if line["precision"] == precision and line.get(key)]
            if found and (precision == "f32" or "own" in key):
                text += f"{name}, {precision}: {statistics.median(found):.0f} GF/s ({min(found):.0f}-{max(found):.0f}).\n"
    return text


def cpu_class():
    with open("/proc/cpuinfo") as file:
        facts = dict(line.split(":", 1) for line in file.read().split("\n\n")[0].splitlines() if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    flags = facts.get("flags", "").split()
    kinds = [name for flag, name in (("avx2", "AVX2"), ("avx512f", "AVX-512"), ("avx512_bf16", "AVX512_BF16"),
                                     ("amx_bf16", "AMX-BF16")) if flag in flags]
    return f"{facts.get('vendor_id', 'unknown')} family {facts.get('cpu family', '?')} model {facts.get('model', '?')} " \
           f"({', '.join(kinds) or 'no AVX2'})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    listed = lambda text: text.split(",")
    parser.add_argument("--rows", type=listed, default=list(ROWS), help="of " + ",".join(ROWS))
    parser.add_argument("--precisions", type=listed, default=["f32", "bf16"])
    parser.add_argument("--who", type=listed, default=["selora", "diffusers", "openvino"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--first-round", type=int, default=0, help="number of the first round, to go on with a log")
    parser.add_argument("--steps", type=int, default=0, help="timed steps a process, after one that is not (1 to 4, by row)")
    parser.add_argument("--selora", default="build/selora", metavar="PATH")
    parser.add_argument("--selora-options", default="", metavar="TEXT", help="more options for selora bench")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--channels-last", default="auto", choices=["auto", "yes", "no"], help="memory format of PyTorch")
    parser.add_argument("--cache", default=os.path.join(tempfile.gettempdir(), "selora-peers"), metavar="DIR",
                        help="where OpenVINO's model is kept")
    parser.add_argument("--prefix", default="", metavar="TEXT", help="command put before every measured one, such as nice")
    parser.add_argument("--log", metavar="FILE", help="measurements are appended here")
    parser.add_argument("--report", action="store_true", help="the table of what --log holds, nothing is measured")
    parser.add_argument("--markdown", metavar="OUT", help="the table goes here too")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        who, row, precision, steps = options.worker.split(",")
        worker(who, row, precision, int(steps), options)
        return
    unknown = [name for name in options.rows if name not in ROWS]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}")
    log = []
    if options.log and os.path.exists(options.log):
        with open(options.log) as file:
            log = [json.loads(line) for line in file]
    if not options.report:
        measure(options, log)
    text = table(log, options)
    print("\n" + text, end="")
    if options.markdown:
        with open(options.markdown, "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
