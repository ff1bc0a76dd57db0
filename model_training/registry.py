"""Which model lives. In: evaluated model directories. Out: numbered versions in MLflow, one of them champion.

    python -m model_training.registry list --registry data/registry
    python -m model_training.registry promote --registry data/registry    the challenger, if proved better
    python -m model_training.registry rollback --registry data/registry   to the former champion
    python -m model_training.registry why --registry data/registry        the reasons of every decision

`--registry` is a folder (SQLite and artifacts inside), a Postgres database (`postgresql://…`; the password
best in PGPASSWORD or ~/.pgpass) or the address of an MLflow server. Where artifacts go is settled by the
first `evaluate --artifacts`: a folder or `s3://…`. MLflow takes seconds to import, so it is loaded by the
first call, never by the import of this module.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from model_training.decision import Decision, decide
from model_training.registry_lock import (
    DATABASE,
    RegistryProblem,
    answering,
    database_in,
    is_database,
    lock,
    shown,
    with_driver,
)

NAME = "horoscope"
CHAMPION, CHALLENGER = "champion", "challenger"
LIVE_SINCE, LIVE_UNTIL, DECISION = "live_since", "live_until", "decision"
CACHE = "HOROSCOPE_MODEL_CACHE"
"""Environment: where models fetched from a bucket are kept (default: below the system's temporary folder)."""
REIGNS = "reigns"
"""Tag: every span a version was live, as JSON [[since, until or null], …]."""


@dataclass(frozen=True)
class Version:
    """A registered model."""

    name: str
    version: int
    location: str
    """Address of the model's files."""
    run_id: str
    dataset_version: str
    sources: tuple[str, ...]
    recipe: str
    rows: int
    """Rows of the dataset it was trained on."""
    digest: str
    """Over every file of the directory."""
    aliases: tuple[str, ...]
    tags: dict[str, str]

    @property
    def path(self) -> Path:
        """Local directory of the model; fetched, once for each digest, where the files lie in a bucket."""
        return _local(self.location, self.digest)

    @property
    def was_live(self) -> bool:
        return bool(self.reigns)

    @property
    def reigns(self) -> list[list[str | None]]:
        """[since, until] of every span it was live, the earliest first; until is null while it is.

        The alias decides: a promotion killed before it moved has begun one span and ended another in vain.
        """
        known: list[list[str | None]] = json.loads(self.tags.get(REIGNS, "[]"))
        if not known and LIVE_SINCE in self.tags:
            known = [[self.tags[LIVE_SINCE], self.tags.get(LIVE_UNTIL)]]
        if CHAMPION in self.aliases:
            return [*known[:-1], *([since, None] for since, _ in known[-1:])]
        return [[since, until] for since, until in known if until]


def champion(address: str) -> Version:
    """Raises RegistryProblem when there is none."""
    found = champion_or_none(address)
    if found is None:
        raise RegistryProblem(
            f"expected a champion, found none, in {shown(address)}; evaluate and promote a model first"
        )
    return found


def champion_or_none(address: str) -> Version | None:
    return _by_alias(address, CHAMPION) if exists(address) else None


def previous_champion(address: str) -> Version | None:
    """The version that was live before the champion, if there was one."""
    if not exists(address):
        return None
    former = [v for v in versions(address) if v.was_live and CHAMPION not in v.aliases]
    return max(former, key=lambda v: v.reigns[-1], default=None)


def exists(address: str) -> bool:
    return "://" in address or (Path(address) / DATABASE).is_file()


def versions(address: str) -> list[Version]:
    """All versions, the oldest first."""
    with answering(address):
        client = _client(address)
        numbers = [found.version for found in client.search_model_versions(f"name='{NAME}'")]
        found = [_version(client, client.get_model_version(NAME, number)) for number in numbers]
        return sorted(found, key=lambda v: v.version)


def history(address: str) -> list[tuple[str, str | None, int]]:
    """(since, until, version) of every span a version was live, the earliest first."""
    reigns = [(since, until, v.version) for v in versions(address) for since, until in v.reigns if since]
    return sorted(reigns, key=lambda reign: reign[0])


def register(address: str, model_dir: Path, day: str, artifacts: str | None = None) -> Version:
    """Copy `model_dir` into the registry as the next version, alias `challenger`. `day`: ISO, for the run's
    name; `artifacts`: where a new registry keeps its files (default: beside SQLite, or the server's choice).

    A directory whose digest is registered already is not copied again.
    """
    with lock(address):
        client = _client(address)
        digest = digest_of(model_dir)
        for known in versions(address):
            if known.digest == digest:
                client.set_registered_model_alias(NAME, CHALLENGER, str(known.version))
                return _version(client, client.get_model_version(NAME, str(known.version)))
        training = _read_json(model_dir / "training.json")
        evaluation = _read_json(model_dir / "evaluation.json")
        experiment = _experiment(client, address, artifacts)
        run = client.create_run(experiment, run_name=f"{NAME}-{day}")
        for name, figure in sorted(evaluation["metrics"].items()):
            client.log_metric(run.info.run_id, name, figure["value"])
        import mlflow

        model = mlflow.initialize_logged_model(
            name=NAME, source_run_id=run.info.run_id, experiment_id=experiment, tags={"digest": digest}
        )
        client.log_model_artifacts(model.model_id, str(model_dir))
        client.finalize_logged_model(model.model_id, "READY")
        tags = {
            "digest": digest,
            "model_id": model.model_id,
            "dataset_version": training["dataset_version"],
            "sources": ",".join(training["sources"]),
            "recipe": training["recipe"],
            "rows": str(training["rows"]),
        }
        made = client.create_model_version(
            NAME,
            source=f"models:/{model.model_id}",
            run_id=run.info.run_id,
            model_id=model.model_id,
            tags=tags,
        )
        client.set_terminated(run.info.run_id)
        client.set_registered_model_alias(NAME, CHALLENGER, made.version)
        return _version(client, client.get_model_version(NAME, made.version))


def promote(address: str, now: str) -> tuple[Version | None, Decision]:
    """Make the challenger champion if its evaluation proves it better. `now`: ISO instant, for the
    history."""
    with lock(address):
        challenger, current = _by_alias(address, CHALLENGER), champion_or_none(address)
        if challenger is None:
            raise RegistryProblem(
                f"expected a challenger, found none, in {shown(address)}; run model_training.evaluate"
            )
        if current and current.version == challenger.version:
            return None, Decision(False, (f"version {challenger.version} is champion already",))
        verify(challenger)
        evaluation = _read_json(challenger.path / "evaluation.json")
        decision = decide(evaluation, str(current.version) if current else None)
        client = _client(address)
        text = json.dumps({"at": now, **decision.as_json()}, ensure_ascii=False)
        client.set_model_version_tag(NAME, str(challenger.version), DECISION, text)
        if not decision.promote:
            return None, decision
        _enthrone(address, challenger, current, now)
        return _by_alias(address, CHAMPION), decision


def rollback(address: str, now: str, to: int | None = None) -> Version:
    """Make a former champion live again, once it has loaded and written twelve texts."""
    with lock(address):
        current = champion(address)
        target = previous_champion(address) if to is None else _by_number(address, to)
        if target is None or not target.was_live:
            live = ", ".join(str(v.version) for v in versions(address) if v.was_live)
            asked = "none" if to is None else str(to)
            raise RegistryProblem(
                f"expected a version that was live ({live}), found {asked}, in {shown(address)}; "
                "choose another"
            )
        verify(target)
        _prove_it_writes(target, now)
        _enthrone(address, target, current, now)
        return champion(address)


def verify(version: Version) -> None:
    """Raises RegistryProblem unless the files are those that were registered."""
    found = digest_of(version.path)
    if found != version.digest and version.path.name == version.digest:
        # A copy of ours: what cleans a temporary folder takes old files one by one. Fetch it once more.
        shutil.rmtree(version.path, ignore_errors=True)
        found = digest_of(version.path)
    if found != version.digest:
        raise RegistryProblem(
            f"expected digest {version.digest[:12]}, found {found[:12]}, in {version.path}; "
            "the files were changed after registration: register the model again"
        )


def digest_of(folder: Path) -> str:
    """SHA-256 over the names and contents of all files below `folder`."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(folder)}\0{content}\n".encode())
    return total.hexdigest()


def _enthrone(address: str, new: Version, old: Version | None, now: str) -> None:
    """The alias moves last: until then the old champion is whole, and a second run of the command repairs
    the tags.
    """
    client = _client(address)
    reigns = new.reigns if new.reigns and new.reigns[-1][1] is None else [*new.reigns, [now, None]]
    client.set_model_version_tag(NAME, str(new.version), REIGNS, json.dumps(reigns))
    client.set_model_version_tag(NAME, str(new.version), LIVE_SINCE, now)
    if old and old.version != new.version:
        ended = [[since, until or now] for since, until in old.reigns]
        client.set_model_version_tag(NAME, str(old.version), REIGNS, json.dumps(ended))
        client.set_model_version_tag(NAME, str(old.version), LIVE_UNTIL, now)
    client.set_registered_model_alias(NAME, CHAMPION, str(new.version))


def _prove_it_writes(version: Version, now: str) -> None:
    from datetime import date

    from model_training import inference

    writer = inference.load(version.path, str(version.version))
    texts = writer.write(date.fromisoformat(now[:10]), topics=["general"], candidates=8)
    written = sum(text.text is not None for text in texts)
    if written < len(texts):
        raise RegistryProblem(
            f"expected {len(texts)} texts, found {written}, from version {version.version}; choose another"
        )


def _client(address: str) -> Any:
    import logging

    logging.getLogger("alembic").setLevel(logging.WARNING)
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    uri = with_driver(address) if "://" in address else database_in(Path(address))
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient(tracking_uri=uri)
    with contextlib.suppress(mlflow.exceptions.MlflowException):
        client.get_registered_model(NAME)
        return client
    with contextlib.suppress(mlflow.exceptions.MlflowException):
        client.create_registered_model(NAME)
    return client


def _experiment(client: Any, address: str, artifacts: str | None) -> str:
    """The experiment's id; a new one is told where its artifacts go. Raises RegistryProblem when artifacts
    are asked for elsewhere than they are."""
    where = artifacts if artifacts is None or "://" in artifacts else Path(artifacts).resolve().as_uri()
    found = client.get_experiment_by_name(NAME)
    if found:
        if where and found.artifact_location.rstrip("/") != where.rstrip("/"):
            raise RegistryProblem(
                f"expected artifacts in {found.artifact_location}, found {artifacts} asked for, in "
                f"{shown(address)}; leave --artifacts out, or begin a new registry: each keeps its place"
            )
        return str(found.experiment_id)
    if where is None and "://" not in address:
        where = (Path(address) / "artifacts").resolve().as_uri()
    if where is None and is_database(address):
        raise RegistryProblem(
            f"expected a place for artifacts, found none, in {shown(address)}; "
            "give --artifacts a folder or s3://… once"
        )
    return str(client.create_experiment(NAME, artifact_location=where))


def _by_alias(address: str, alias: str) -> Version | None:
    """None only where the registry says so: no answer must not pass for a registry without a champion."""
    with answering(address):
        client = _client(address)
        number = client.get_registered_model(NAME).aliases.get(alias)
        return _version(client, client.get_model_version(NAME, number)) if number else None


def _by_number(address: str, number: int) -> Version | None:
    return next((v for v in versions(address) if v.version == number), None)


def _version(client: Any, found: Any) -> Version:
    tags = dict(found.tags)
    location = client.get_logged_model(tags["model_id"]).artifact_location
    return Version(
        name=NAME,
        version=int(found.version),
        location=location,
        run_id=found.run_id,
        dataset_version=tags["dataset_version"],
        sources=tuple(tags["sources"].split(",")),
        recipe=tags["recipe"],
        rows=int(tags["rows"]),
        digest=tags["digest"],
        aliases=tuple(found.aliases),
        tags=tags,
    )


def _local(location: str, digest: str) -> Path:
    if location.startswith("file:"):
        return Path(url2pathname(urlparse(location).path))
    if not urlparse(location).scheme:
        return Path(location)
    import mlflow  # knows by the address given before where `mlflow-artifacts:/…` is

    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    kept = Path(os.environ.get(CACHE) or Path(tempfile.gettempdir()) / f"horoscope-models-{os.getuid()}")
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (kept / digest).is_dir():
        with tempfile.TemporaryDirectory(dir=kept) as aside:
            fetched = mlflow.artifacts.download_artifacts(artifact_uri=location, dst_path=aside)
            with contextlib.suppress(OSError):  # another process was quicker
                Path(fetched).rename(kept / digest)
    return kept / digest


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RegistryProblem(
            f"expected {path.name}, found none readable, in {path.parent}; evaluate first"
        ) from error
    return document


def show(version: Version) -> str:
    """One line of `list`."""
    live = ""
    if version.was_live:
        since, until = version.reigns[-1]
        live = f"  live {since} … {until or 'now'}"
    names = ", ".join(version.aliases) or ("former champion" if version.was_live else "")
    return f"{version.version:>4}  {names:<24} dataset {version.dataset_version}{live}"


def reasons(version: Version) -> str:
    """The decision on a version, for `why`."""
    if DECISION not in version.tags:
        return f"version {version.version}: no decision yet"
    decision = json.loads(version.tags[DECISION])
    verdict = "promoted" if decision["promote"] else "not promoted"
    return f"version {version.version} {verdict} {decision['at']}: " + "; ".join(decision["reasons"])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Which model lives: list versions, promote the challenger, roll back.",
        epilog="Exit codes: 0 done or skipped, 1 refused for a named reason, 2 wrong arguments.",
    )
    parser.add_argument("action", choices=("list", "show", "promote", "rollback", "why", "history"))
    parser.add_argument("--registry", required=True, help="folder, postgresql://…, or an MLflow server")
    parser.add_argument(
        "--version", type=int, help="for show, why and rollback; default: newest, former champion"
    )
    args = parser.parse_args(argv)
    started = time.monotonic()
    now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    summary: dict[str, Any] = {"step": args.action, "outcome": "done", "rows_in": 0, "rows_out": 0}
    code = 0
    try:
        summary |= act(args.action, args.registry, args.version, now)
    except RegistryProblem as error:
        print(f"error: {error}", file=sys.stderr)
        summary |= {"outcome": "failed", "reason": str(error)}
        code = 1
    summary["seconds"] = round(time.monotonic() - started, 2)
    print(json.dumps(summary, ensure_ascii=False))
    return code


def act(action: str, address: str, number: int | None, now: str) -> dict[str, Any]:
    """Do one action; returns what its JSON line adds."""
    if not exists(address):
        raise RegistryProblem(
            f"expected a registry, found none, in {shown(address)}; run model_training.evaluate first"
        )
    if action == "promote":
        promoted, decision = promote(address, now)
        print("; ".join(decision.reasons), file=sys.stderr)
        said = {"rows_in": 1, "reason": "; ".join(decision.reasons)}
        if promoted is None:
            return said | {"outcome": "skipped"}
        return said | {"rows_out": 1, "version": promoted.version}
    if action == "rollback":
        live = rollback(address, now, number)
        print(f"version {live.version} is live again", file=sys.stderr)
        return {"rows_in": 1, "rows_out": 1, "version": live.version}
    if action == "history":
        reigns = history(address)
        for since, until, reigned in reigns:
            print(f"{since} … {until or 'now':<25}  version {reigned}")
        return {"rows_in": len(reigns), "rows_out": len(reigns)}
    found = versions(address)
    chosen = [v for v in found if number in (None, v.version)]
    if not chosen:
        known = ", ".join(str(v.version) for v in found) or "none"
        raise RegistryProblem(
            f"expected a version of {known}, found {number}, in {shown(address)}; choose one of them"
        )
    for version in chosen if action != "show" else chosen[-1:]:
        print(_describe(action, version))
    return {"rows_in": len(found), "rows_out": len(chosen)}


def _describe(action: str, version: Version) -> str:
    if action == "show":
        evaluation = _read_json(version.path / "evaluation.json")
        figures = [
            f"    {name}: {figure['value']:.4g} [{figure['low']:.4g}, {figure['high']:.4g}], n {figure['n']}"
            for name, figure in sorted(evaluation["metrics"].items())
        ]
        return "\n".join([show(version), f"      {version.path}", *figures, reasons(version)])
    return show(version) if action == "list" else reasons(version)


if __name__ == "__main__":
    raise SystemExit(main())
