"""The set-up as code: parsed as HCL, every name it uses is declared, and the machine's file comes out whole.

No provider is at hand, so no machine has checked that each argument exists.
"""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import hcl2
import pytest
import yaml

from orchestration.plan import make_plan

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "orchestration" / "terraform"
FILES = sorted(FOLDER.glob("*.tf"))
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in FILES)


def named(block: dict) -> tuple[str, ...]:
    """Labels of a block, without the quotes that the parser keeps."""
    labels = []
    while len(block) == 1 and isinstance(next(iter(block.values())), dict):
        label, block = next(iter(block.items()))
        labels.append(label.strip('"'))
    return tuple(labels)


@pytest.fixture(scope="module")
def declared() -> dict[str, list[tuple[str, ...]]]:
    """Labels of all blocks, by kind."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for path in FILES:
        for kind, blocks in hcl2.loads(path.read_text(encoding="utf-8")).items():
            if isinstance(blocks, list):
                found.setdefault(kind, []).extend(named(block)[:2] for block in blocks)
    return found


def test_every_file_is_hcl_and_has_what_the_cloud_profile_needs(declared):
    kinds = {labels[0] for labels in declared["resource"]}
    assert kinds >= {
        "yandex_storage_bucket",
        "yandex_iam_service_account",
        "yandex_lockbox_secret",
        "yandex_vpc_subnet",
        "yandex_vpc_security_group",
        "yandex_datasphere_project",
        "yandex_compute_instance",
    }


def test_every_reference_is_declared_and_every_variable_used(declared):
    resources = {labels[:2] for labels in declared["resource"]}
    used = set(re.findall(r"(?<![.\w\"])(yandex_\w+)\.(\w+)", TEXT))
    data = {labels[:2] for labels in declared["data"]}
    assert {name for name in used if name not in resources | data} == set()
    variables = {labels[0] for labels in declared["variable"]}
    assert set(re.findall(r"\bvar\.(\w+)", TEXT)) == variables


def test_no_account_may_do_everything():
    roles = set(re.findall(r'"([a-z.-]+\.[A-Za-z.-]+|admin|editor|viewer)"', TEXT))
    assert {role for role in roles if role in ("admin", "editor") or role.endswith(".admin")} == set()


@pytest.fixture(scope="module")
def machine() -> dict:
    """The machine's file with every name of the template filled in."""
    template = (FOLDER / "machine.yaml").read_text(encoding="utf-8")
    call = re.search(r"machine\.yaml\", \{(.*?)\n\s*\}\)", TEXT, re.DOTALL)[1]
    given = set(re.findall(r"^\s*(\w+)\s*=", call, re.MULTILINE))
    wanted = set(re.findall(r"\$\{(\w+)\}", template))
    assert wanted == given
    return yaml.safe_load(re.sub(r"\$\{(\w+)\}", r"the-\1", template))


def test_the_machines_services_run_programs_that_are_there(machine):
    files = {file["path"]: file["content"] for file in machine["write_files"]}
    for path, content in files.items():
        if not path.endswith(".service"):
            continue
        unit = configparser.ConfigParser(strict=False)
        unit.optionxform = str
        unit.read_string(content)
        for module in re.findall(r"-m (orchestration\.\w+)", unit["Service"]["ExecStart"]):
            assert (REPOSITORY / f"{module.replace('.', '/')}.py").is_file()


def test_the_machines_environment_has_every_variable_of_the_cloud_dags_and_no_secret(machine, monkeypatch):
    (content,) = [file["content"] for file in machine["write_files"] if file["path"] == "/etc/horoscope.env"]
    environment = dict(line.split("=", 1) for line in content.splitlines())
    dags = [*(REPOSITORY / "orchestration").glob("dags/cloud_*.py"), REPOSITORY / "orchestration/daily.py"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in dags)
    wanted = {f"AIRFLOW_VAR_{name.upper()}" for name in re.findall(r"var\.value\.(\w+)", text)}
    assert wanted <= environment.keys()
    assert [name for name in environment if re.search("SECRET_|TOKEN|PASSWORD", name)] == []
    for name in ("HOROSCOPE_PROFILE", "HOROSCOPE_STORAGE", "HOROSCOPE_SITE"):
        monkeypatch.setenv(name, environment[name])
    plan = make_plan("2026-11-23")
    assert (plan.profile.name, plan.site) == ("cloud", "the-site")
