import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from fake_model import FakeModel, FakeWriter, publish

from serving import api

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server(tmp_path):
    """Starts `serving.api` over a root on a free port; gives its address and its process."""
    started = []

    def start(root, *options):
        command = [sys.executable, "-m", "serving.api", "--storage", str(root), "--port", "0", *options]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        first = json.loads(process.stderr.readline())
        return first["address"], process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ask(address):
    with urllib.request.urlopen(address, timeout=10) as answer:
        return json.loads(answer.read())


def test_it_serves_follows_storage_and_ends_with_one_json_line(server, storage, day):
    address, process = server(storage, "--refresh-s", "0.05")
    asked = f"{address}/v1/horoscopes/leo?date={day}"
    assert ask(asked)["model_version"] == "1"
    publish(storage, day, [FakeModel(FakeWriter("2"))])
    until = time.monotonic() + 10
    while ask(asked)["model_version"] != "2":
        assert time.monotonic() < until, "the new text was not picked up"
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert json.loads(out.splitlines()[-1])["step"] == "serve"


def test_storage_that_hangs_delays_no_reader_and_no_stop(server, storage, day):
    address, process = server(storage, "--refresh-s", "0.05")
    before = ask(f"{address}/v1/horoscopes/leo?date={day}")
    os.mkfifo(storage / "pipe")
    (storage / "pipe").rename(next(storage.glob(f"published/date={day}/horoscopes.json")))
    time.sleep(0.3)  # the follower is caught in reading the pipe
    started = time.monotonic()
    assert ask(f"{address}/v1/horoscopes/leo?date={day}") == before
    assert ask(f"{address}/v1/horoscopes/virgo?date={day}")["sign"] == "virgo"
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert time.monotonic() - started < 10


def test_it_starts_where_storage_hangs_from_the_beginning(server, storage, day):
    path = next(storage.glob(f"published/date={day}/horoscopes.json"))
    path.unlink()
    os.mkfifo(path)
    address, _ = server(storage)
    assert ask(f"{address}/healthz") == {"status": "ok"}


def test_a_full_disk_under_the_log_stops_no_answer(storage, day):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "serving.api", "--storage", str(storage), "--port", str(port)]
    with Path("/dev/full").open("w") as full:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=full, text=True)
    try:
        asked = f"http://127.0.0.1:{port}/v1/horoscopes/leo?date={day}"
        until = time.monotonic() + 60
        while True:
            assert process.poll() is None, "the server died of its log"
            try:
                assert ask(asked)["sign"] == "leo"
                break
            except urllib.error.URLError:
                assert time.monotonic() < until
                time.sleep(0.1)
        assert ask(f"http://127.0.0.1:{port}/v1/horoscopes/virgo?date={day}")["sign"] == "virgo"
        process.terminate()
        out, _ = process.communicate(timeout=30)
        assert json.loads(out.splitlines()[-1])["step"] == "serve"
    finally:
        process.kill()
        process.wait()


def test_logs_are_json_lines_without_the_readers_address(server, storage, day):
    address, process = server(storage)
    ask(f"{address}/v1/signs")
    process.terminate()
    _, err = process.communicate(timeout=20)
    lines = [json.loads(line) for line in err.splitlines()]
    assert lines[0]["event"] == "request"
    assert lines[0]["path"] == "/v1/signs"
    assert "127.0.0.1" not in json.dumps(lines[0])


def test_a_port_in_use_is_one_clear_line_and_exit_2(tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert api.main(["--storage", str(tmp_path), "--port", str(port)]) == 2
    captured = capsys.readouterr()
    assert re.search(rf"error: expected a free address, found 127.0.0.1:{port}", captured.err)
    assert json.loads(captured.out)["outcome"] == "failed"


def test_the_read_path_touches_no_model(tmp_path):
    """Everything readers meet is imported; none of the heavy libraries, nor model_training, comes with it."""
    programs = (
        "import serving.api, serving.export, serving.show, serving.bot.__main__, sys; print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", programs], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = {"torch", "mlflow", "transformers", "model_training", "pandas", "numpy", "matplotlib", "pyspark"}
    assert not heavy & set(loaded.stdout.split())


@pytest.mark.serial
def test_the_first_answer_costs_less_than_one_and_a_half_seconds(server, storage):
    """Of the processor: on a quiet machine as long as a reader waits, on a busy one the same."""
    assert min(_cpu_seconds_to_first_answer(server, storage) for _ in range(3)) < 1.5


def _cpu_seconds_to_first_answer(server, storage):
    address, process = server(storage)
    ask(f"{address}/v1/signs")
    ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")


def test_the_server_starts_where_nothing_is_published_yet(server, tmp_path):
    address, _ = server(tmp_path / "not yet")
    assert ask(f"{address}/healthz") == {"status": "ok"}


def test_the_storage_root_comes_from_the_environment(storage, day):
    environment = {**os.environ, "HOROSCOPE_STORAGE": str(storage)}
    command = [sys.executable, "-m", "serving.show", "--date", str(day)]
    shown = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(shown.stdout.splitlines()[-1])["rows_out"] == 12
