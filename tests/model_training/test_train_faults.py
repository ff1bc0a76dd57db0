"""A run cannot be lost: SIGTERM, no memory, no room on the disk, one process of two."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerBase, set_seed

from model_training import evaluate, loop, train
from model_training.model_lock import AtWork, alone
from model_training.packing import batches
from model_training.pretrain import new_model
from model_training.tokens import encode, train_tokenizer

SHAPE = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1}
SHAPE |= {"intermediate_size": 64}
QUIET = os.environ | {"OMP_NUM_THREADS": "1"}


def command(config: Path, processed: Path, output: Path) -> list[str]:
    program = [sys.executable, "-m", "model_training.train", "--config", str(config)]
    return [*program, "--data", str(processed), "--output", str(output)]


def last_line(text: str) -> dict:
    return json.loads(text.splitlines()[-1])


def losses(output: Path) -> dict[int, float]:
    rows = [row.split(",") for row in (output / "losses.csv").read_text().splitlines()[1:]]
    return {int(float(step)): float(loss) for step, loss, _ in rows}


def test_sigterm_saves_the_step_ends_with_143_and_the_next_run_ends_where_an_unbroken_one_does(
    processed: Path, nano_model: Path, nano_config: Path, tmp_path: Path, capsys
) -> None:
    running = subprocess.Popen(
        command(nano_config, processed, tmp_path / "m"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=QUIET,
    )  # fmt: skip
    for line in running.stderr:
        if "step 10/" in line:
            running.send_signal(signal.SIGTERM)
            break
    out, err = running.communicate(timeout=60)
    assert running.returncode == 143
    assert "stopped: SIGTERM came: step 1" in err and "run the same command again" in err
    assert last_line(out)["outcome"] == "failed"
    assert not (tmp_path / "m").exists()
    assert train.main(command(nano_config, processed, tmp_path / "m")[3:]) == 0
    assert "step 10/" not in capsys.readouterr().err, "the saved steps were made again"
    ours, unbroken = losses(tmp_path / "m"), losses(nano_model)
    assert ours.keys() == unbroken.keys()
    last = max(unbroken)
    assert ours[last] == pytest.approx(unbroken[last], abs=1e-3)


def test_of_two_that_train_or_evaluate_one_model_the_second_is_told(
    processed: Path, nano_model: Path, nano_config: Path, tmp_path: Path, capsys
) -> None:
    model = shutil.copytree(nano_model, tmp_path / "m")
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    arguments = command(nano_config, processed, model)[3:]
    with alone(model):
        assert train.main([*arguments, "--force"]) == 1
        assert evaluate.main(["--model", str(model), "--data", str(processed)]) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(said) == 2 and all("found one at work" in line and "wait for its end" in line for line in said)
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_of_many_that_come_and_go_one_is_at_work(tmp_path: Path) -> None:
    (tmp_path / ".m.lock").touch()  # of a process that was killed
    inside, most = [], []

    def come_and_go(number: int) -> None:
        for _ in range(200):
            with contextlib.suppress(AtWork), alone(tmp_path / "m"):
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(come_and_go, range(8)))
    assert max(most) == 1 and list(tmp_path.iterdir()) == []


def test_what_runs_with_another_dataset_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    work, output = tmp_path / ".m-0123456789ab", tmp_path / "m"
    kept = [".m-0123456789ab.checkpoints", ".m-2-ba9876543210.checkpoints", "m", "m-2"]
    for name in [*kept, work.name, ".m-ba9876543210", ".m-ba9876543210.checkpoints"]:
        (tmp_path / name / "checkpoint-5").mkdir(parents=True)
    train.clear(work, output)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, work.name])
    assert list(work.iterdir()) == []


@pytest.fixture(scope="module")
def made() -> tuple:
    texts = [("Знак\n\n", f"День номер {number} будет хорош.") for number in range(60)]
    tokenizer = train_tokenizer([a + b for a, b in texts], 300)
    return tokenizer, batches(encode(texts, tokenizer, 64), 256, 256, 1)


def run_with_memory_for(tokens: int, made: tuple, folder: Path) -> list[float]:
    """Losses where the allocator really refuses whatever a pack of more than `tokens` tokens asks for."""
    tokenizer, ready = made
    set_seed(1)
    model = new_model(tokenizer, SHAPE)

    def ask_for_memory(module, given, output):
        if given[0].numel() > tokens:
            torch.empty(1 << 55)

    model.model.norm.register_forward_hook(
        lambda module, given, output: ask_for_memory(module, (given[0][..., 0],), output)
    )
    schedule = loop.Schedule(1, "adamw", 0.0, 3e-3, 0.0, 0.0, 1, log_every_steps=1)
    return [row["loss"] for row in loop.run(model, ready, schedule, folder, "test")[0]]


def test_out_of_memory_halves_what_is_held_and_learns_the_same(made: tuple, tmp_path: Path, capsys) -> None:
    enough = run_with_memory_for(10_000, made, tmp_path / "a")
    assert "out of memory" not in capsys.readouterr().err
    scarce = run_with_memory_for(100, made, tmp_path / "b")
    said = capsys.readouterr().err
    assert said.count("out of memory") == 2
    assert "out of memory: packs are learnt in 4 parts from now on" in said
    assert scarce == pytest.approx(enough, abs=2e-3 if loop.half_precision() else 1e-4)


def test_out_of_memory_with_nothing_left_to_halve_is_the_end(made: tuple, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        run_with_memory_for(1, made, tmp_path)


def test_a_full_disk_is_named_and_nothing_half_written_is_seen(
    processed: Path, nano_config: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    train = shlex.join(command(nano_config, processed, disk / "m"))
    script = f"mount -t tmpfs -o size=200k none {disk} && {train}; code=$?; ls {disk}; exit $code"
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        capture_output=True, text=True, env=QUIET, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "expected room for about" in errors[0] and f"in {disk}" in errors[0]
    assert "run the same command again" in errors[0]
    assert "m" not in done.stdout.splitlines(), "a model was left there"


def test_a_disk_that_is_full_after_the_weights_is_named_too(
    processed: Path, short_config: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    def no_room(*_, **__):
        raise Exception("No space left on device (os error 28)")  # as tokenizers says it

    monkeypatch.setattr(PreTrainedTokenizerBase, "save_pretrained", no_room)
    assert train.main(command(short_config, processed, tmp_path / "m")[3:]) == 1
    out, err = capsys.readouterr()
    assert "error: expected room for about" in err and last_line(out)["outcome"] == "failed"


def test_two_processes_learn_what_one_learns(
    processed: Path, nano_model: Path, nano_config: Path, tmp_path: Path
) -> None:
    program = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    program += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    program += ["--main_process_port", "0", "-m", "model_training.train"]
    arguments = command(nano_config, processed, tmp_path / "m")[3:]
    done = subprocess.run([*program, *arguments], capture_output=True, text=True, env=QUIET, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len([line for line in done.stdout.splitlines() if line.startswith("{")]) == 1, "one summary"
    assert last_line(done.stdout)["outcome"] == "done"
    ours, alone = losses(tmp_path / "m"), losses(nano_model)
    assert (tmp_path / "m" / "metrics.json").is_file()
    assert not list(tmp_path.glob(".*"))
    assert abs(max(ours) - max(alone)) <= 2, "as many steps: the batch is shared"
    assert ours[10] == pytest.approx(alone[10], abs=0.1)
