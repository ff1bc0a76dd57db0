"""The local runner over fake programs: what is run, what is repeated, how it fails, what it prints."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from orchestration.command import Command
from orchestration.settings import load_profile, profile_names

REPOSITORY = Path(__file__).resolve().parents[2]
ALL = ["collect", "process", "train", "evaluate", "promote", "publish", "show"]


def outcomes(line: dict) -> dict[str, str]:
    return {row["step"]: row["outcome"] for row in line["steps"]}


def test_the_whole_day_runs_in_order_and_ends_with_one_json_line(project):
    code, line, err = project.run()
    assert code == 0, err
    assert project.steps_called() == ALL
    assert line | {"seconds": 0, "steps": []} == {
        "step": "run",
        "outcome": "done",
        "rows_in": 24,
        "rows_out": 12,
        "seconds": 0,
        "reason": "",
        "date": "2026-11-23",
        "profile": "local",
        "storage": str(project.storage),
        "steps": [],
    }
    assert set(outcomes(line).values()) == {"done"}
    assert "Овен: доброе утро" in project.output


def test_the_programs_get_exactly_the_agreed_arguments(project):
    project.run()
    root = str(project.storage)
    model, registry = f"{root}/models/2026-11-23", f"{root}/registry"
    assert {call[0]: call[2:] for call in project.calls()} == {
        "collect": ["--date", "2026-11-23", "--history-days", "20", "--storage", root],
        "process": ["--storage", root],
        "train": [
            *["--config", "model_training/configs/tiny.toml", "--data", f"{root}/processed"],
            *["--output", model, "--registry", registry],
        ],
        "evaluate": [
            *["--model", model, "--data", f"{root}/processed", "--registry", registry],
            *["--published", f"{root}/published"],
        ],
        "promote": ["promote", "--registry", registry],
        "publish": ["--date", "2026-11-23", "--storage", root],
        "show": ["--date", "2026-11-23", "--storage", root],
    }


def test_a_second_run_repeats_only_what_shows(project):
    project.run()
    project.forget_calls()
    code, line, _ = project.run()
    assert (code, project.steps_called()) == (0, ["show"])
    assert outcomes(line) == dict.fromkeys(ALL[:-1], "skipped") | {"show": "done"}


def test_force_repeats_everything(project):
    project.run()
    project.run("--force")
    assert project.steps_called() == ALL + ALL


def test_from_repeats_that_step_and_what_follows(project):
    project.run()
    for first in ("process", "publish"):
        project.forget_calls()
        project.run("--from", first)
        assert project.steps_called() == ALL[ALL.index(first) :]


def test_only_repeats_that_step_and_the_next_run_what_depends_on_it(project):
    project.run()
    project.forget_calls()
    project.run("--only", "train")
    assert project.steps_called() == ["train"]
    project.run()
    assert project.steps_called() == ["train", "evaluate", "promote", "publish", "show"]


def test_a_changed_setting_runs_again_from_the_step_it_concerns(project):
    project.run()
    project.forget_calls()
    project.run("--sites", "live")
    assert project.steps_called() == ALL


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_names_files_that_are_there(name):
    profile = load_profile(name)
    named = [profile.training_config, *(word for word in profile.clean_job if word.endswith(".py"))]
    assert [path for path in named if not (REPOSITORY / path).is_file()] == []


def test_a_step_whose_product_has_gone_runs_again(project):
    project.run()
    project.forget_calls()
    (project.storage / "processed" / "dataset.json").unlink()
    project.run()
    assert project.steps_called() == ALL[1:]


def test_a_candidate_that_has_gone_is_trained_again(project):
    project.wish("evaluate", exit=1, error="expected a model, found none")
    project.run()
    shutil.rmtree(project.storage / "models")
    project.wish("evaluate")
    project.forget_calls()
    project.run()
    assert project.steps_called() == ALL[2:]


def test_another_day_is_another_run(project):
    project.run()
    project.forget_calls()
    project.run("--date", "2026-11-24")
    assert project.steps_called() == ALL


def test_live_sites_go_without_the_demo_server(project):
    _, _, with_demo = project.run()
    assert "demo server up" in with_demo
    _, _, without = project.run("--date", "2026-11-24", "--sites", "live")
    assert "demo server up" not in without
    assert project.calls()[-7][2:6] == ["--date", "2026-11-24", "--history-days", "0"]


def test_the_first_failing_step_ends_the_run_with_its_own_error_and_code(project):
    project.wish("train", exit=7, error="expected 500 texts, found 3, in processed; collect more")
    code, line, err = project.run()
    assert code == 7
    assert project.steps_called() == ALL[:3]
    assert line["outcome"] == "failed"
    assert line["reason"] == "train: expected 500 texts, found 3, in processed; collect more"
    assert err.splitlines()[-1].startswith(
        "error: train: expected 500 texts, found 3, in processed; collect more"
    )
    assert "Traceback" not in err


def test_after_a_repair_the_run_goes_on_where_it_failed(project):
    project.wish("train", exit=1, error="no memory")
    project.run()
    project.wish("train")
    project.forget_calls()
    code, _, _ = project.run()
    assert (code, project.steps_called()) == (0, ALL[2:])


@pytest.mark.parametrize("wishes", [{"silent": True}, {"outcome": "failed", "reason": "texts missing"}])
def test_a_step_that_ends_well_without_saying_so_is_a_failure(project, wishes):
    project.wish("process", **wishes)
    code, line, _ = project.run()
    assert code == 1
    assert outcomes(line)["process"] == "failed"
    assert wishes.get("reason", "expected a JSON line") in line["reason"]


def test_without_a_new_candidate_there_is_nothing_to_judge_and_the_old_champion_publishes(project):
    project.wish("train", outcome="skipped", reason="12 new texts, 500 wanted")
    code, line, _ = project.run()
    assert code == 0
    assert project.steps_called() == ["collect", "process", "train", "publish", "show"]
    assert outcomes(line) == dict.fromkeys(ALL, "done") | dict.fromkeys(
        ["train", "evaluate", "promote"], "skipped"
    )
    project.forget_calls()
    project.run()
    assert project.steps_called() == ["show"]


def test_a_candidate_trained_before_a_crash_is_still_judged(project):
    project.run("--only", "train")
    project.wish("train", outcome="skipped", reason="already trained")
    project.forget_calls()
    project.run()
    assert project.steps_called() == ALL


def test_a_line_seen_while_it_is_written_is_told_whole(tmp_path):
    """What a program writes may end within a line, and within a letter."""
    program = r"printf 'эпо\321' >&2; sleep 0.3; printf '\205а 2\nконец' >&2; echo '{}'"
    lines = []
    Command(["sh", "-c", program], tmp_path, "train", os.environ).wait(lines.append)
    assert lines == ["эпоха 2", "конец"]


def test_memory_of_a_step_is_told(project):
    project.wish("train", spend_mib=200, sleep_s=0.3)
    _, line, err = project.run()
    peaks = {row["step"]: row["peak_mib"] for row in line["steps"]}
    assert 200 < peaks["train"] < 400
    assert 0 < peaks["publish"] < 100
    assert "peak MiB" in err


def test_records_say_what_was_done(project):
    project.run()
    record = json.loads((project.storage / "runs" / "date=2026-11-23" / "publish.json").read_text())
    assert record["schema"] == 1
    assert (record["step"], record["outcome"], record["rows_out"]) == ("publish", "done", 12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "bake"], ["collect", "publish", "'bake'"]),
        (["--only", "bake"], ["collect", "publish", "'bake'"]),
        (["--date", "23.11.2026"], ["23.11.2026", "2026-11-23"]),
        (["--date", "2026-02-30"], ["2026-02-30"]),
        (["--profile", "moon"], ["local", "cloud", "'moon'"]),
        (["--storage", "/dev/null/root"], ["/dev/null/root", "--storage"]),
        (["--storage", "nosuch://root"], ["nosuch://root", "--storage"]),
    ],
)
def test_bad_input_gives_one_clear_line_and_exit_code_2(project, arguments, words):
    code, line, err = project.run(*arguments)
    assert (code, line) == (2, {})
    assert len(err.splitlines()) == 1
    assert err.startswith("error: expected ")
    assert all(word in err for word in words), err
    assert project.calls() == []


def test_a_bucket_that_does_not_answer_is_one_clear_line(project):
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "c"}
    project.environment |= keys | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    code, line, err = project.run("--storage", "s3://horoscopes/root")
    assert (code, line, err.count("\n")) == (2, {}, 1)
    assert err.startswith("error: expected a storage root that can be written, found EndpointConn")


def test_a_program_that_is_not_installed_is_named(project):
    project.wish("collect")
    project.environment["PATH"] = str(project.folder)
    code, line, err = project.run("--profile", "cloud", "--only", "process")
    assert code == 2, err
    assert "spark-submit" in line["reason"]


def test_help_names_every_step_and_exit_code(project):
    process = project.start("--help")
    out, _ = process.communicate(timeout=20)
    assert all(step in out for step in ALL)
    assert "exit codes" in out
