"""An encoder-decoder, as ruT5 is, writes and is scored beside the others."""

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, T5Config, T5ForConditionalGeneration

from model_training import evaluate, sampling
from model_training.engines import open_engine
from model_training.engines.pretrained import TorchEngine
from model_training.likelihood import bits_of

PROMPTS = ["Знак: Лев\n\n", "Знак: Водолей\nТема: любовь\nДлина: 400-450\n\n", "Знак: Рак\nТема: день\n\n"]
TEXTS = ["День будет хорош.", "Вечер. И утро тоже, как ни странно.", "Ждите письма."]


@pytest.fixture(scope="module")
def pair_model(nano_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory with a tiny T5 of random weights in it."""
    folder = tmp_path_factory.mktemp("t5") / "model"
    shutil.copytree(nano_model, folder)
    torch.manual_seed(1)
    config = T5Config(
        vocab_size=400, d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2, dropout_rate=0.0,
        pad_token_id=0, eos_token_id=0, decoder_start_token_id=0, initializer_factor=4.0,
    )  # fmt: skip
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def test_bits_are_those_of_the_completion_alone_whatever_stands_beside_it(pair_model: Path) -> None:
    engine = TorchEngine(pair_model, dtype=torch.float32)
    pairs = list(zip(PROMPTS, TEXTS, strict=True))
    for (prompt, text), bits in zip(pairs, bits_of(engine, pairs), strict=True):
        asked = [*engine.tokenizer(prompt, add_special_tokens=False)["input_ids"], 0]
        answer = torch.tensor([[*engine.tokenizer(text, add_special_tokens=False)["input_ids"], 0]])
        with torch.inference_mode():
            mean = engine.model(input_ids=torch.tensor([asked]), labels=answer).loss
        assert bits == pytest.approx(float(mean) * answer.shape[1] / math.log(2), rel=1e-4)


def test_greedy_choice_equals_transformers_own_generate(pair_model: Path, monkeypatch) -> None:
    """Prompts of three lengths in one batch, some asked twice."""
    monkeypatch.setattr(sampling, "TOP_K", 1)
    monkeypatch.setattr(sampling, "MAX_NEW_TOKENS", 20)
    engine = TorchEngine(pair_model, dtype=torch.float32, threads=1)
    engine.banned = {"leo": []}
    model = AutoModelForSeq2SeqLM.from_pretrained(pair_model, dtype=torch.float32)
    expected = []
    for prompt in PROMPTS:
        ids = torch.tensor([[*engine.tokenizer(prompt, add_special_tokens=False)["input_ids"], 0]])
        written = model.generate(ids, max_new_tokens=20, do_sample=False)[0, 1:]
        expected.append(engine.tokenizer.decode(written, skip_special_tokens=True))
    assert len(set(expected)) == 3
    found = engine.complete([*PROMPTS, *PROMPTS[::-1]], range(6), ["leo"] * 6)
    assert [text for text, _ in found] == [*expected, *expected[::-1]]


def test_its_texts_depend_on_prompt_seed_and_sign_alone(pair_model: Path) -> None:
    engine = TorchEngine(pair_model, dtype=torch.float32, threads=1)
    together = engine.complete(PROMPTS, [1, 2, 3], ["leo", "aquarius", "cancer"])
    alone = engine.complete(PROMPTS[1:2], [2], ["aquarius"])
    assert [text for text, _ in alone] == [together[1].text]
    assert len({text for text, _ in together}) == 3


def test_it_is_evaluated_like_any_other_model(pair_model: Path, processed: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(sampling, "MAX_NEW_TOKENS", 12)
    assert type(open_engine(pair_model)) is TorchEngine
    assert evaluate.main(["--model", str(pair_model), "--data", str(processed), "--candidates", "1"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["metrics"]["bits_per_character"]["value"] > 1 and said["metrics"]["yield"]["value"] == 0
    assert (pair_model / "report.html").is_file()
