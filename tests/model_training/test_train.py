"""Training leaves a whole model or none, says what it did, and skips what would be done twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    T5Config,
    T5ForConditionalGeneration,
    set_seed,
)

from model_training import loop, train
from model_training.card import model_card
from model_training.failures import Diverged
from model_training.packing import batches
from model_training.pretrain import new_model
from model_training.recipe import Recipe, RecipeProblem, load_recipe
from model_training.tokens import encode, train_tokenizer

CONFIGS = sorted((Path(train.__file__).parent / "configs").glob("*.toml"))


def last_line(capsys) -> dict:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_model_directory_has_every_documented_file(nano_model: Path) -> None:
    documented = (
        *(
            "model.safetensors",
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
        ),
        *("prompt.json", "training.json", "train_index.npz", "losses.csv", "losses.png", "README.md"),
        "metrics.json",
    )
    assert {path.name for path in nano_model.iterdir()} == set(documented)
    assert not list(nano_model.parent.glob(".*")), "nothing is left beside the model"


def test_training_says_what_it_learnt_from(nano_model: Path) -> None:
    training = json.loads((nano_model / "training.json").read_text())
    metrics = json.loads((nano_model / "metrics.json").read_text())
    assert training["dataset_version"] == "abcdef012345"
    assert training["sources"] == ["made_up"]
    assert training["rows"] == 288
    assert metrics["train_texts"] + metrics["test_texts"] + metrics["golden_texts"] == 288


def test_the_card_is_one_that_the_hub_reads(nano_model: Path) -> None:
    card = ModelCard((nano_model / "README.md").read_text()).data
    assert (card.language, card.library_name) == ("ru", "transformers")
    assert card.base_model is None and card.eval_results is None
    texts = {"train_texts": 1, "test_texts": 1, "golden_texts": 0, "test_from": "", "parameters": 1}
    texts |= {"tokens_seen": 1, "loss": 0.1}
    named = {"seed": 1, "dataset_version": "", "rules_version": "", "sources": [], "base_model": "Qwen/Qwen3"}
    assert ModelCard(model_card(named, texts)).data.base_model == "Qwen/Qwen3"


def test_the_loss_falls(nano_model: Path) -> None:
    rows = (nano_model / "losses.csv").read_text().splitlines()[1:]
    losses = [float(row.split(",")[1]) for row in rows]
    assert losses[-1] < losses[0] - 1


@pytest.fixture(scope="module")
def tiny_run() -> tuple:
    texts = [("Знак\n\n", f"День номер {number} будет хорош.") for number in range(40)]
    tokenizer = train_tokenizer([a + b for a, b in texts], 300)
    return tokenizer, batches(encode(texts, tokenizer, 64), 256, 256, 1)


def schedule(**changes: object) -> loop.Schedule:
    settings = {
        "epochs": 2,
        "optimizer": "muon",
        "matrix_lr": 5e-3,
        "other_lr": 3e-3,
        "weight_decay": 0.1,
        "warmup_share": 0.0,
        "seed": 1,
        "log_every_steps": 1,
    }
    return loop.Schedule(**(settings | changes))


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_every_trainable_weight_moves(tiny_run: tuple, tmp_path: Path, optimizer: str) -> None:
    tokenizer, ready = tiny_run
    set_seed(1)
    model = new_model(tokenizer, {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
                                  "num_key_value_heads": 1, "intermediate_size": 64})  # fmt: skip
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    loop.run(model, ready, schedule(optimizer=optimizer), tmp_path, "test")
    for name, weight in model.named_parameters():
        assert not torch.equal(before[name], weight), name


def test_a_resumed_run_equals_an_uninterrupted_one(tiny_run: tuple, tmp_path: Path) -> None:
    tokenizer, ready = tiny_run

    def run(folder: Path, stop_at: int | None, resume: bool) -> loop.Course | None:
        set_seed(1)
        model = new_model(tokenizer, {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
                                      "num_key_value_heads": 1, "intermediate_size": 64})  # fmt: skip
        if stop_at:
            with pytest.raises(KeyboardInterrupt):
                loop.run(model, Bomb(ready, stop_at), schedule(save_every_steps=2), folder, "test")
            return None
        return loop.run(model, ready, schedule(save_every_steps=2), folder, "test", resume)

    whole = run(tmp_path / "whole", None, False)
    run(tmp_path / "broken", len(ready) + 1, False)
    resumed = run(tmp_path / "broken", None, True)
    curves = [[row["loss"] for row in course.rows] for course in (whole, resumed)]
    assert curves[1] == pytest.approx(curves[0], abs=1e-4), "its curve is whole too"
    assert whole.share == 1
    assert 0 < resumed.share < 1


def test_a_loss_that_is_no_number_stops_the_run_with_its_step(tiny_run: tuple, tmp_path: Path) -> None:
    tokenizer, ready = tiny_run
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1}
    model = new_model(tokenizer, shape | {"intermediate_size": 64})
    torch.nn.init.constant_(model.model.norm.weight, torch.nan)
    with pytest.raises(Diverged, match="found nan, in step 1; lower the learning rates"):
        loop.run(model, ready, schedule(), tmp_path, "test")


def test_a_loss_that_climbs_far_above_its_lowest_stops_the_run(tiny_run: tuple, tmp_path: Path) -> None:
    tokenizer, ready = tiny_run
    set_seed(1)
    model = new_model(tokenizer, {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
                                  "num_key_value_heads": 1, "intermediate_size": 64})  # fmt: skip
    steep = schedule(optimizer="adamw", other_lr=30.0, epochs=9)
    with pytest.raises(Diverged, match=r"expected a loss near its lowest, [\d.]+, found .* in step \d+; "):
        loop.run(model, ready, steep, tmp_path, "test")


def test_a_checkpoint_cut_off_while_written_is_passed_over_and_deleted(tmp_path: Path) -> None:
    for step in (5, 10, 15, 20):
        checkpoint = tmp_path / f"checkpoint-{step}"
        checkpoint.mkdir()
        (checkpoint / "model.safetensors").write_bytes(b"weights")
        if step != 15:
            loop.mark_whole(checkpoint)
    (tmp_path / "checkpoint-20/model.safetensors").write_bytes(b"")  # the power went
    assert loop.last_whole_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-5"]
    assert loop.last_whole_checkpoint(tmp_path / "none") is None


class Bomb(list):
    """Batches that break the run at the n-th one asked for."""

    def __init__(self, items: list, at: int) -> None:
        super().__init__(items)
        self.left = at

    def __getitem__(self, at):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().__getitem__(at)


def test_killed_at_any_moment_training_leaves_no_model_and_then_makes_one(
    processed: Path, short_config: Path, tmp_path: Path, capsys
) -> None:
    arguments = ["--config", str(short_config), "--data", str(processed), "--output", str(tmp_path / "m")]
    running = subprocess.Popen(
        [sys.executable, "-m", "model_training.train", *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    for line in running.stderr:
        if "step 20/" in line:
            break
    running.kill()
    running.wait()
    assert not (tmp_path / "m").exists()
    assert train.main(arguments) == 0
    out, err = capsys.readouterr()
    assert "step 10/" not in err, "the finished steps were done again"
    assert json.loads(out.splitlines()[-1])["outcome"] == "done"
    assert (tmp_path / "m" / "metrics.json").is_file()


def test_killed_while_the_model_is_saved_the_next_run_knows_the_whole_curve(
    processed: Path, nano_model: Path, nano_config: Path, tmp_path: Path, monkeypatch
) -> None:
    arguments = ["--config", str(nano_config), "--data", str(processed), "--output", str(tmp_path / "m")]
    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(loop, "write_losses", lambda *_: sys.exit("killed"))
        train.main(arguments)
    assert train.main(arguments) == 0
    assert (tmp_path / "m/losses.csv").read_bytes() == (nano_model / "losses.csv").read_bytes()
    losses = [
        json.loads((model / "metrics.json").read_text())["loss"] for model in (tmp_path / "m", nano_model)
    ]
    assert losses[0] == losses[1]


def test_the_same_run_again_is_skipped_and_another_seed_is_not(
    nano_model: Path, processed: Path, nano_config: Path, capsys, monkeypatch
) -> None:
    arguments = ["--config", str(nano_config), "--data", str(processed), "--output", str(nano_model)]
    assert train.main(arguments) == 0
    said = last_line(capsys)
    assert said["outcome"] == "skipped" and "already trained" in said["reason"]
    monkeypatch.setattr(train, "make_model", lambda *_: {"made": "anew"})
    train.main([*arguments, "--seed", "2"])
    assert last_line(capsys)["outcome"] == "done"


def test_a_check_tells_what_there_is_to_learn_and_trains_nothing(
    processed: Path, nano_config: Path, tmp_path, capsys
) -> None:
    arguments = ["--config", str(nano_config), "--data", str(processed), "--output", str(tmp_path / "m")]
    assert train.main([*arguments, "--check"]) == 0
    said = last_line(capsys)
    assert (said["outcome"], said["reason"].endswith("texts to learn")) == ("done", True)
    assert list(tmp_path.iterdir()) == []


def test_training_starts_from_a_given_model(
    nano_model: Path, processed: Path, short_config: Path, tmp_path
) -> None:
    arguments = ["--config", str(short_config), "--data", str(processed), "--base-model", str(nano_model)]
    assert train.main([*arguments, "--output", str(tmp_path / "second")]) == 0
    first = (tmp_path / "second" / "losses.csv").read_text().splitlines()[1]
    last = (nano_model / "losses.csv").read_text().splitlines()[-1]
    assert float(first.split(",")[1]) < float(last.split(",")[1]) + 0.3, (
        "it does not begin where the base ended"
    )
    assert (tmp_path / "second" / "tokenizer.json").read_bytes() == (
        nano_model / "tokenizer.json"
    ).read_bytes()


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--base-model", "/nowhere/at/all"], "expected a causal model or an encoder-decoder, found none"),
        (["--data", "/nowhere"], "expected dataset.json, found none, in /nowhere"),
        (["--config", "/nowhere.toml"], "expected a recipe, found no file, in /nowhere.toml"),
    ],
)
def test_bad_input_is_one_line_and_a_failure(
    extra: list[str], words: str, processed: Path, nano_config: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    arguments = ["--config", str(nano_config), "--data", str(processed), "--output", str(tmp_path / "m")]
    assert train.main([*arguments, *extra]) == 1
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and err.startswith("error: ") and words in err
    assert json.loads(out.splitlines()[-1])["outcome"] == "failed"


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_recipe_is_whole_and_begins_with_its_command(config: Path) -> None:
    assert isinstance(load_recipe(config), Recipe)
    first = config.read_text().splitlines()[0]
    assert first.startswith("# ") and f"model_training/configs/{config.name}" in first


def test_an_unknown_setting_is_named_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("learning_rate = 1")
    with pytest.raises(RecipeProblem, match=r"expected .*matrix_lr.*, found learning_rate"):
        load_recipe(tmp_path / "bad.toml")


def test_saved_weights_are_those_that_were_trained(nano_model: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(nano_model)
    tokenizer = AutoTokenizer.from_pretrained(nano_model)
    assert model.config.vocab_size == len(tokenizer)
    assert tokenizer.eos_token_id == model.config.eos_token_id == 0


def base_of(model, nano_model: Path, folder: Path) -> Path:
    """A base directory: random weights with the tokenizer of `nano_model`."""
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(nano_model).save_pretrained(folder)
    return folder


def test_an_encoder_decoder_is_trained_from_the_prompt_to_the_text(
    nano_model: Path, processed: Path, nano_config: Path, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    config = T5Config(
        vocab_size=400, d_model=32, d_kv=16, d_ff=64, num_layers=1, num_heads=2, dropout_rate=0.0,
        pad_token_id=0, eos_token_id=0, decoder_start_token_id=0,
    )  # fmt: skip
    base = base_of(T5ForConditionalGeneration(config), nano_model, tmp_path / "base")
    output = tmp_path / "m"
    arguments = ["--config", str(nano_config), "--data", str(processed), "--base-model", str(base)]
    assert train.main([*arguments, "--output", str(output)]) == 0
    losses = [float(row.split(",")[1]) for row in (output / "losses.csv").read_text().splitlines()[1:]]
    assert losses[-1] < losses[0] - 0.5
    assert isinstance(AutoModelForSeq2SeqLM.from_pretrained(output), T5ForConditionalGeneration)


def test_adapters_move_only_what_they_adapt_and_are_merged_at_the_end(
    nano_model: Path, processed: Path, nano_config: Path, tmp_path: Path
) -> None:
    config = tmp_path / "lora.toml"
    settings = 'epochs = 1.0\noptimizer = "adamw"\nother_lr = 0.01\nsaved_as = "bf16"\n[lora]\nrank = 4\n'
    config.write_text(settings)
    arguments = ["--config", str(config), "--data", str(processed), "--base-model", str(nano_model)]
    assert train.main([*arguments, "--output", str(tmp_path / "m")]) == 0
    before = AutoModelForCausalLM.from_pretrained(nano_model).state_dict()
    after = AutoModelForCausalLM.from_pretrained(tmp_path / "m").state_dict()
    assert before.keys() == after.keys(), "no adapter is left beside the weights"
    for name, weight in after.items():
        same = torch.equal(weight, before[name].bfloat16())
        assert weight.dtype == torch.bfloat16
        assert same == ("proj" not in name), name
