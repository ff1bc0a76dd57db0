"""The units and container files name programs, options and files that exist."""

import importlib
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "serving" / "deploy"


def unit_commands():
    for unit in sorted(DEPLOY.glob("*.service")):
        yield from re.findall(r"^ExecStart=\S+/python -m (.+)$", unit.read_text(), re.MULTILINE)


def container_commands():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for service in services.values():
        if service.get("command", ["", ""])[1] == "-m":
            yield shlex.join(service["command"][2:])
    yield shlex.join(yaml.safe_load(re.search(r"^CMD (\[.+\])$", dockerfile(), re.MULTILINE)[1])[2:])


def dockerfile():
    return (DEPLOY / "Dockerfile").read_text()


COMMANDS = [*unit_commands(), *container_commands()]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_started_program_knows_its_options(command, capsys):
    name, *options = shlex.split(command)
    program = importlib.import_module(
        f"{name}.__main__" if (ROOT / name.replace(".", "/")).is_dir() else name
    )
    with pytest.raises(SystemExit, match="0"):
        program.main([*options, "--help"])
    known = capsys.readouterr().out
    assert not [option for option in options if option.startswith("--") and option not in known]


def test_what_the_image_copies_exists_and_no_secret_is_baked_in():
    copied = [
        source
        for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile(), re.MULTILINE)
        for source in sources.split()
    ]
    assert copied
    assert all((ROOT / source).exists() for source in copied)
    assert "USER 10001" in dockerfile()
    assert not re.search(r"(TOKEN|SECRET|PASSWORD)\s*=\s*\S", dockerfile())


def test_every_value_compose_asks_for_is_in_the_example_and_no_secret_has_a_default():
    compose = (DEPLOY / "compose.yaml").read_text()
    asked = dict(re.findall(r"\$\{([A-Z0-9_]+)(:?[-?][^}]*)?\}", compose))
    example = dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", (DEPLOY / "example.env").read_text(), re.MULTILINE))
    assert set(asked) <= set(example)
    secrets = [name for name in example if re.search("KEY|SECRET|PASSWORD|TOKEN", name)]
    assert len(secrets) == 4
    assert all(example[name] == "" for name in secrets)


def test_ports_are_open_on_loopback_only():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def lint(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_hadolint_has_nothing_to_say_of_the_image():
    hadolint = str(Path(sys.executable).with_name("hadolint"))
    told = lint(hadolint, str(DEPLOY / "Dockerfile"))
    assert (told.returncode, told.stdout) == (0, "")


def test_hadolint_has_nothing_to_say_of_the_image_inside_compose(tmp_path):
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    (tmp_path / "Dockerfile").write_text(services["mlflow"]["build"]["dockerfile_inline"])
    told = lint(str(Path(sys.executable).with_name("hadolint")), str(tmp_path / "Dockerfile"))
    assert (told.returncode, told.stdout) == (0, "")


def test_compose_follows_the_compose_specification(tmp_path):
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    told = lint(*check, str(DEPLOY / "compose.yaml"))
    assert told.returncode == 0, told.stdout
    broken = tmp_path / "compose.yaml"
    broken.write_text((DEPLOY / "compose.yaml").read_text().replace("restart:", "restarts:"))
    assert lint(*check, str(broken)).returncode == 1


@pytest.mark.slow
def test_systemd_understands_the_units(tmp_path):
    """On a copy in which the program and the user exist here."""
    assert shutil.which("systemd-analyze"), "expected systemd-analyze; apt-get install systemd"
    for unit in DEPLOY.glob("horoscope-*"):
        text = unit.read_text().replace("/opt/horoscope/.venv/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(text.replace("User=horoscope", "User=root"))
    told = lint("systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.glob("horoscope-*"))))
    ours = [line for line in told.stderr.splitlines() if "horoscope-" in line]
    assert ours == []
