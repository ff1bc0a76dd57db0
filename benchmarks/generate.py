"""Writing texts with the shipped base, beside peers in the same run: transformers' `generate` in one batch
and one text at a time, and CTranslate2 in int8.

    python benchmarks/generate.py --texts 60 --rounds 3
    python benchmarks/generate.py --device cuda --texts 480

Every peer draws the same number of tokens at the same temperature, top-k and top-p from the same weights,
and no text ends early, so tokens a second compare. Before any time is told, the logits of every engine of
ours are compared with transformers' in float32. Rounds rotate the order. The ratios of CPU time hold on a
machine that is not quiet. The starts are new processes, from the first import to the first text. Last
line: JSON.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROMPT = "Знак: Лев\nТема: любовь\nДлина: 400-450\n\n"
SINGLES = 2
"""Texts that the peer who writes one at a time is given: it is slow, and the same for each."""
NEVER = -1
"""No token has this id: nothing ends a text."""
PLAIN_SCRIPT = """
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained({model!r})
model = AutoModelForCausalLM.from_pretrained({model!r}, dtype=torch.float32).to({device!r}).eval()
ids = tokenizer({prompt!r}, add_special_tokens=False, return_tensors="pt").input_ids.to({device!r})
with torch.inference_mode():
    written = model.generate(ids, do_sample=True, temperature=0.8, top_k=64, top_p=0.95,
                             min_new_tokens={tokens}, max_new_tokens={tokens}, pad_token_id=0)
print(tokenizer.decode(written[0]))
"""
OUR_SCRIPT = """
from pathlib import Path
from model_training import sampling
from model_training.engines import open_engine
sampling.MAX_NEW_TOKENS = {tokens}
print(open_engine(Path({model!r})).complete([{prompt!r}], [1], ["leo"])[0].text)
"""


@dataclass
class Measured:
    """Figures of one peer, one entry a round."""

    texts: int
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def medians(self, tokens: int) -> dict[str, float]:
        wall, cpu = statistics.median(self.wall_s), statistics.median(self.cpu_s)
        told = {"tokens_per_s": tokens * self.texts / wall, "wall_ms_a_text": wall / self.texts * 1e3}
        return {**told, "cpu_ms_a_text": cpu / self.texts * 1e3}


Peer = tuple[int, Callable[[], Any]]
"""How many texts it writes, and the call that does."""


def our_peers(model: Path, device: str, texts: int, tokens: int) -> dict[str, Peer]:
    """Our engines in the precisions that make sense on the device."""
    from model_training.engines.batch import Row
    from model_training.engines.compact import CompactEngine
    from model_training.engines.pretrained import TorchEngine

    engines = {f"compact {p}": CompactEngine(model, precision=p) for p in precisions(device)}
    engines["our loop over transformers"] = TorchEngine(model)

    def peer(engine: Any) -> Peer:
        prompt = engine.texts.encode(PROMPT, add_special_tokens=False).ids
        banned = engine.banned["leo"]
        return texts, lambda: engine.write([Row(prompt, n, banned) for n in range(texts)], tokens, NEVER)

    return {name: peer(engine) for name, engine in engines.items()}


def precisions(device: str) -> tuple[str, ...]:
    return ("int8", "float32") if device == "cpu" else ("bfloat16", "float32")


def transformers_peers(model: Path, device: str, texts: int, tokens: int) -> dict[str, Peer]:
    """`generate` as its documentation shows it: in one batch in two precisions, and one by one."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    prompt = AutoTokenizer.from_pretrained(model)(PROMPT, add_special_tokens=False)["input_ids"]
    how = {"do_sample": True, "temperature": 0.8, "top_k": 64, "top_p": 0.95, "pad_token_id": 0}
    how |= {"min_new_tokens": tokens, "max_new_tokens": tokens}

    def peer(dtype: torch.dtype, rows: int, times: int = 1) -> Peer:
        loaded: Any = AutoModelForCausalLM.from_pretrained(model, dtype=dtype).to(device).eval()
        ids = torch.tensor([prompt] * rows, device=device)

        def write() -> None:
            with torch.inference_mode():
                for _ in range(times):
                    loaded.generate(ids, **how)

        return rows * times, write

    return {
        "generate float32": peer(torch.float32, texts),
        "generate bfloat16": peer(torch.bfloat16, texts),
        "generate one at a time": peer(torch.float32, 1, SINGLES),
    }


def ctranslate2_peers(model: Path, threads: int, texts: int, tokens: int) -> dict[str, Peer]:
    """CTranslate2 with weights of 8 bits; converted here, in a folder of its own."""
    import tempfile

    import ctranslate2
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    prompt = tokenizer.convert_ids_to_tokens(tokenizer(PROMPT, add_special_tokens=False)["input_ids"])
    with tempfile.TemporaryDirectory() as folder:
        converter = ctranslate2.converters.TransformersConverter(str(model))
        converter.convert(folder, quantization="int8", force=True)
        generator = ctranslate2.Generator(folder, compute_type="int8", intra_threads=threads)
    how = {"sampling_topk": 64, "sampling_topp": 0.95, "sampling_temperature": 0.8, "return_scores": True}
    how |= {"min_length": tokens, "max_length": tokens, "include_prompt_in_result": False}
    return {"ctranslate2 int8": (texts, lambda: generator.generate_batch([prompt] * texts, **how))}


def logit_differences(model: Path, device: str) -> dict[str, float]:
    """Largest difference of log-chances from transformers' in float32, on three random rows."""
    import torch
    from transformers import AutoModelForCausalLM

    from model_training.engines.llama import Llama

    ids = torch.randint(1, 8000, (3, 40), generator=torch.Generator().manual_seed(1)).to(device)
    found = {}
    with torch.inference_mode():
        reference: Any = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).to(device)
        wanted = reference(ids).logits.log_softmax(-1)
        for precision in precisions(device):
            writing = Llama(model, precision, torch.device(device)).begin(*ids.shape)
            steps = [writing.step(ids[:, at]).log_softmax(-1) for at in range(ids.shape[1])]
            found[precision] = float((torch.stack(steps, 1) - wanted).abs().max())
    return found


def measure(peers: dict[str, Peer], rounds: int, synchronize: Callable[[], None]) -> dict[str, Measured]:
    measured = {name: Measured(texts) for name, (texts, _) in peers.items()}
    names = list(peers)
    for number in range(rounds + 1):  # the first warms up and is not told
        for name in (names * 2)[number % len(names) :][: len(names)]:
            wall, cpu = time.perf_counter(), time.process_time()
            peers[name][1]()
            synchronize()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if number:
                measured[name].wall_s.append(wall)
                measured[name].cpu_s.append(cpu)
            print(f"round {number} {name}: {wall:.2f} s, {cpu:.2f} s of CPU", file=sys.stderr, flush=True)
    return measured


def starts(model: Path, device: str, tokens: int, rounds: int) -> dict[str, dict[str, float]]:
    """Seconds of new processes that write one text, ours and a plain script over transformers."""
    scripts = {"ours": OUR_SCRIPT, "plain transformers": PLAIN_SCRIPT}
    told: dict[str, dict[str, list[float]]] = {name: {"wall_s": [], "cpu_s": []} for name in scripts}
    for _ in range(rounds):
        for name, script in scripts.items():
            code = script.format(model=str(model), device=device, prompt=PROMPT, tokens=tokens)
            wall, cpu = time.perf_counter(), children_cpu_s()
            subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
            told[name]["wall_s"].append(time.perf_counter() - wall)
            told[name]["cpu_s"].append(children_cpu_s() - cpu)
    return {
        name: {figure: round(statistics.median(values), 2) for figure, values in figures.items()}
        for name, figures in told.items()
    }


def children_cpu_s() -> float:
    spent = os.times()
    return spent.children_user + spent.children_system


def compare(args: argparse.Namespace) -> dict[str, Any]:
    import torch

    torch.set_num_threads(args.threads)
    peers = our_peers(args.model, args.device, args.texts, args.tokens)
    peers |= transformers_peers(args.model, args.device, args.texts, args.tokens)
    if args.device == "cpu":
        peers |= ctranslate2_peers(args.model, args.threads, args.texts, args.tokens)
    differences = logit_differences(args.model, args.device)
    if differences["float32"] > 1e-3:
        raise RuntimeError(f"expected transformers' logits, found differences of {differences}")
    synchronize = torch.cuda.synchronize if args.device == "cuda" else lambda: None
    measured = measure(peers, args.rounds, synchronize)
    told = {name: each.medians(args.tokens) for name, each in measured.items()}
    ours, figure = (
        f"compact {precisions(args.device)[0]}",
        "cpu_ms_a_text" if args.device == "cpu" else "wall_ms_a_text",
    )
    ratios = {
        name: round(each[figure] / told[ours][figure], 2) for name, each in told.items() if name != ours
    }
    return {
        "device": args.device if args.device == "cpu" else torch.cuda.get_device_name(),
        "threads": args.threads,
        "texts": args.texts,
        "tokens_a_text": args.tokens,
        "largest_difference_of_log_chances": differences,
        "peers": {name: {key: round(value, 2) for key, value in each.items()} for name, each in told.items()},
        "compared_by": figure,
        "times_faster_than": ratios,
        "starts": starts(args.model, args.device, args.tokens, args.starts) if args.starts else {},
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=ROOT / "model_training" / "base")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--texts", type=int, default=60)
    parser.add_argument("--tokens", type=int, default=112, help="of each text, default 112")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--starts", type=int, default=3, help="times a new process is timed, 0 for none")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args(argv)
    if args.device == "cpu" and importlib.util.find_spec("ctranslate2") is None:
        print(
            "error: expected ctranslate2, found none; pip install -r benchmarks/requirements.txt",
            file=sys.stderr,
        )
        return 2
    if args.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    sys.path.insert(0, str(ROOT))
    began = time.monotonic()
    told = compare(args)
    for name, figures in told["peers"].items():
        ratio = told["times_faster_than"].get(name, 1.0)
        print(
            f"{name:26} {figures['tokens_per_s']:>10,.0f} tokens/s {figures['wall_ms_a_text']:>7.2f} ms "
            f"{figures['cpu_ms_a_text']:>8.2f} ms of CPU a text {ratio:>6.2f}"
        )
    print(f"start to first text: {told['starts']}")
    seconds = round(time.monotonic() - began, 1)
    print(json.dumps({"step": "benchmark_generate", "outcome": "done", "seconds": seconds, **told}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
