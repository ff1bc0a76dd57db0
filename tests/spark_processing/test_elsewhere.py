"""The job where it will run: as a zip by spark-submit, on an older Spark, on a cluster of processes."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from raw_data import SENTENCES, row, write_run

ROOT = Path(__file__).resolve().parents[2]
JOB = ["--py-files", "spark_processing.zip", str(ROOT / "spark_processing" / "__main__.py")]


def text(number: int) -> str:
    return " ".join(f"{sentence[:-1]}, {number} раз." for sentence in SENTENCES[:5])


@pytest.fixture
def away(tmp_path):
    """A folder that holds the zip and a storage with two runs, and nothing else of ours."""
    with zipfile.ZipFile(tmp_path / "spark_processing.zip", "w") as package:
        for path in sorted((ROOT / "spark_processing").glob("*.*")):
            code = path.read_text(encoding="utf-8").replace("GROUP_ROWS = 50_000", "GROUP_ROWS = 5")
            package.writestr(f"spark_processing/{path.name}", code)
    for day in ("2026-11-01", "2026-11-02"):
        rows = [
            row(date=day, sign=sign, text=text(n))
            for n, sign in enumerate(("leo", "virgo", "libra", "aries"))
        ]
        write_run(tmp_path / "data", [*rows, row(date=day, sign="pisces", text="Коротко.")])
    return tmp_path


def run(away: Path, *command: str, **environment: str) -> subprocess.CompletedProcess:
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "PYSPARK", "SPARK"))
    }
    return subprocess.run(
        command,
        cwd=away,
        capture_output=True,
        text=True,
        env={**clean, "SPARK_LOCAL_IP": "127.0.0.1", **environment},
    )


def outcome(done: subprocess.CompletedProcess) -> dict:
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def data(away: Path) -> dict[str, bytes]:
    """Everything the job wrote but Parquet, whose bytes name the version of Arrow that wrote them."""
    written = sorted((away / "data" / "processed").rglob("*.json")) + sorted(
        (away / "data").rglob("clean_csv/*.csv")
    )
    return {str(path.relative_to(away)): path.read_bytes() for path in written}


def tables(away: Path) -> list[pa.Table]:
    """The rows of every Parquet file, in order."""
    return [pq.read_table(path) for path in sorted((away / "data").rglob("*.parquet"))]


def submit(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("spark-submit")), *arguments, *JOB, "--storage", "data"]


def test_spark_submit_of_the_zip_needs_nothing_else_and_cores_change_nothing(away):
    """GROUP_ROWS is left small in the zip, so that the rows are several tasks'."""
    shutil.copytree(away / "data", away / "three" / "data")
    summary = outcome(run(away, *submit("--master", "local[1]"), PYSPARK_PYTHON=sys.executable))
    three = submit("--master", "local[3]")
    three[-1] = "three/data"
    outcome(run(away, *three, PYSPARK_PYTHON=sys.executable))
    assert data(away / "three") == data(away) and tables(away / "three") == tables(away)
    assert len(tables(away)) == 4  # clean and rejected, of two tasks
    assert (summary["outcome"], summary["rows_in"], summary["rows_out"]) == ("done", 10, 4)
    assert summary["rejected"] == {"too_short": 2, "duplicate_text": 4}


@pytest.mark.slow
def test_an_older_spark_writes_the_same_data(away):
    venv.create(away / "older", with_pip=True)
    python = str(away / "older" / "bin" / "python")
    wanted = ["pyspark==3.5.7", "pyarrow<18", "pandas<2.3", "numpy<2", "setuptools"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
    shutil.copytree(away / "data", away / "newer" / "data")
    for folder, interpreter in ((away, python), (away / "newer", sys.executable)):
        storage = str(folder / "data")
        outcome(run(away, interpreter, "-m", "spark_processing", "--storage", storage, PYTHONPATH=str(ROOT)))
    assert data(away) == data(away / "newer")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_a_cluster_of_a_master_and_two_workers(away):
    """Its Python has nothing: what the job needs comes with it."""
    import pyspark

    from tools.cluster_libraries import write_libraries

    venv.create(away / "bare")
    write_libraries(".".join(map(str, sys.version_info[:2])), away / "libraries.tar.gz")

    port, home = free_port(), Path(pyspark.__file__).parent
    environment = {
        **os.environ,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_HOME": str(home),
    }
    deploy, master = "org.apache.spark.deploy", f"spark://127.0.0.1:{port}"
    listen = ["--host", "127.0.0.1", "--webui-port", "0"]
    roles = [[f"{deploy}.master.Master", *listen, "--port", str(port)]]
    roles += [[f"{deploy}.worker.Worker", *listen, "--cores", "1", "--memory", "1g", master]] * 2
    started = []
    try:
        for role in roles:
            log = (away / f"{len(started)}.log").open("w")
            command = [str(home / "bin" / "spark-class"), *role]
            started.append(subprocess.Popen(command, cwd=away, env=environment, stdout=log, stderr=log))
            time.sleep(5)
        settings = ["--master", master, "--executor-memory", "512m", "--conf", "spark.driver.host=127.0.0.1"]
        pythons = {
            "PYSPARK_PYTHON": str(away / "bare" / "bin" / "python"),
            "PYSPARK_DRIVER_PYTHON": sys.executable,
        }
        alone = run(away, *submit(*settings), **pythons)
        assert alone.returncode == 1 and "No module named" in alone.stderr
        brought = [
            "--archives",
            "libraries.tar.gz#libraries",
            "--conf",
            "spark.executorEnv.PYTHONPATH=libraries",
        ]
        done = run(away, *submit(*settings, *brought), **pythons)
        assert (outcome(done)["rows_in"], outcome(done)["rows_out"]) == (10, 4)
    finally:
        for process in started:
            process.kill()
            process.wait()
