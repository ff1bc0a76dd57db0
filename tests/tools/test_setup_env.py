"""Set-up says what is missing, brings a Java that Spark accepts, and does nothing the second time."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import setup_env


def fake_java(folder: Path, banner: str) -> str:
    java = folder / "java"
    java.write_text(f"#!/bin/sh\necho '{banner}' >&2\n")
    java.chmod(0o755)
    return str(java)


@pytest.mark.parametrize(
    ("banner", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "21" 2023-09-19', 21),
        ('java version "1.8.0_402"', 8),
        ("command not understood", None),
    ],
)
def test_java_version_is_read_from_its_banner(tmp_path, banner, major):
    assert setup_env.java_major(fake_java(tmp_path, banner)) == major


def test_old_java_is_not_taken(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    fake_java(tmp_path / "bin", 'java version "1.8.0_402"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert setup_env.system_java() is None


def test_old_python_is_refused_with_what_to_do():
    with pytest.raises(
        setup_env.SetupError, match=r"expected Python 3\.11 or newer, found 3\.9 .*make PYTHON="
    ):
        setup_env.check_python((3, 9))


def test_a_machine_that_can_get_no_java_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(
        setup_env, "pip_install", lambda *_: (_ for _ in ()).throw(subprocess.CalledProcessError(1, "pip"))
    )
    monkeypatch.setattr(setup_env, "JRE", tmp_path / "jre")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(setup_env.SetupError, match=r"found none; .*openjdk-17-jre-headless"):
        setup_env.install_java()


def test_shim_hides_the_missing_module_and_keeps_other_arguments(tmp_path):
    echo = tmp_path / "real-java"
    echo.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    shim = tmp_path / "java"
    shim.write_text(setup_env.JAVA_SHIM.format(java=echo))
    for program in (echo, shim):
        program.chmod(0o755)
    shown = subprocess.run(
        [shim, "-cp", "a b", "--add-modules=jdk.incubator.vector", "Main"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown == "-cp|a b|Main|"


def test_a_second_call_installs_nothing():
    """The environment these tests run in was made by set-up: calling it again must not reach pip."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "tools/setup_env.py"],
        capture_output=True,
        text=True,
        env={**os.environ, "PIP_NO_INDEX": "1"},
    )
    assert (done.returncode, done.stderr) == (0, ""), "run `make setup` first"
    assert time.monotonic() - started < 10


@pytest.mark.slow
def test_spark_runs_on_the_packaged_java(tmp_path, monkeypatch):
    monkeypatch.setattr(setup_env, "JRE", tmp_path / "jre")
    setup_env.install_java()
    program = (
        "from pyspark.sql import SparkSession as S;"
        "s=S.builder.master('local[1]').config('spark.ui.enabled','false').getOrCreate();"
        "print(s.range(1000).count())"
    )
    environment = {**os.environ, "JAVA_HOME": str(tmp_path / "jre"), "SPARK_LOCAL_IP": "127.0.0.1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.stdout.strip().endswith("1000"), done.stderr
