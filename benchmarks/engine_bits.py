"""What rounding costs: bits per character of held-out texts under each engine and precision, beside
transformers in float32.

    python -m benchmarks.engine_bits --model data/models/trial --data data/processed

Paired: the interval is of the relative change, clustered by day. Last line: JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch

from model_training.corpus import read_dataset, split
from model_training.engines.llama import Llama
from model_training.engines.pretrained import TorchEngine
from model_training.intervals import ratio
from model_training.likelihood import bits_of, stepped_bits_of
from model_training.prompts import PromptTemplate, controls_of


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", required=True, help="address of processed/")
    parser.add_argument("--texts", type=int, default=400, help="held-out texts at most, default 400")
    args = parser.parse_args(argv)
    began = time.monotonic()
    rows = split(read_dataset(args.data)[0]).held_out[: args.texts]
    template = PromptTemplate.load(args.model / "prompt.json")
    pairs = [(template.render(controls_of(r.sign, r.topic, r.clean_text)), r.clean_text) for r in rows]
    exact = TorchEngine(args.model, dtype=torch.float32)
    device, chars, days = exact.device, sum(len(r.clean_text) for r in rows), [r.date for r in rows]
    reference = bits_of(exact, pairs)
    told = {"transformers float32": {"bits_per_character": round(float(reference.sum()) / chars, 5)}}
    others = {"transformers bfloat16": bits_of(TorchEngine(args.model, dtype=torch.bfloat16), pairs)}
    for precision in ("float32", "bfloat16", "int8"):
        decoder = Llama(args.model, precision, device)
        others[f"compact {precision}"] = stepped_bits_of(decoder, exact.tokenizer, pairs)
    for name, bits in others.items():
        change = ratio(bits - reference, reference, days).as_json()
        told[name] = {"bits_per_character": round(float(bits.sum()) / chars, 5)}
        told[name] |= {end: change[end] for end in ("value", "low", "high")}
    for name, figures in told.items():
        print(name, figures, file=sys.stderr)
    seconds = round(time.monotonic() - began, 1)
    print(json.dumps({"step": "engine_bits", "outcome": "done", "seconds": seconds, "engines": told}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
