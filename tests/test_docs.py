"""The docs tell the truth: paths exist, commands parse, links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / name for name in ("README.md", "DATA_FORMAT.md", "EXPERIMENTS.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").glob("*.md"))
PACKAGES = (
    "scraper",
    "spark_processing",
    "model_training",
    "serving",
    "orchestration",
    "demo",
    "benchmarks",
    "tools",
    "tests",
)


def shell_lines() -> list[str]:
    blocks = re.findall(
        r"```(?:bash|sh|console)?\n(.*?)```", "\n".join(page.read_text("utf-8") for page in PAGES), re.S
    )
    return [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]


def documented_modules() -> list[str]:
    found = re.findall(
        rf"python -m ((?:{'|'.join(PACKAGES)})[\w.]*)", "\n".join(p.read_text("utf-8") for p in PAGES)
    )
    return sorted({name.rstrip(".") for name in found})


def test_the_pages_name_programs():
    assert len(documented_modules()) >= 10


@pytest.mark.parametrize("module", documented_modules())
def test_a_documented_program_explains_itself(module):
    done = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout.lower()


def test_documented_flags_exist():
    """A flag shown in a command line of the docs is one the program's own help names."""
    missing = []
    for line in shell_lines():
        command = re.match(r"(?:[A-Z_]+=\S+ )*python -m ([\w.]+)(.*)", line)
        if not command or command.group(1).split(".")[0] not in PACKAGES:
            continue
        module, arguments = command.group(1), command.group(2).split("#")[0].split(" -- ")[0]
        words = re.findall(r"^\s+([a-z-]+)", arguments)  # a subcommand, if there is one
        help_text = ""
        for tail in ([], words[:1]):
            done = subprocess.run(
                [sys.executable, "-m", module, *tail, "--help"], capture_output=True, text=True, cwd=ROOT
            )
            help_text += done.stdout
        missing += [
            f"{module} {flag}" for flag in re.findall(r"(--[a-z][\w-]*)", arguments) if flag not in help_text
        ]
    assert missing == []


def test_make_targets_of_the_docs_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {name for line in shell_lines() for name in re.findall(r"^make ([a-z-]+)", line)}
    assert named and named <= targets


def test_links_between_pages_lead_somewhere():
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []


def test_every_requirement_has_a_reason_and_a_pin():
    pins = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    wrong = []
    for path in ROOT.glob("*/requirements*.txt"):
        for line in path.read_text().splitlines():
            if not line.strip() or line.startswith(("#", "-r")):
                continue
            name = re.match(r"[A-Za-z0-9_.-]+", line).group().lower().replace("_", "-")
            if name not in pins:
                wrong.append(f"{path.parent.name}: {name} has no pin")
            if "#" not in line:
                wrong.append(f"{path.parent.name}: {name} has no reason")
    assert wrong == []
