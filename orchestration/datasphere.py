"""DataSphere jobs by hand: a job file or a job's id in, what became of it out.

    python -m orchestration.datasphere submit orchestration/jobs/train.toml --set day=2026-11-23 …
    python -m orchestration.datasphere list --project b1…
    python -m orchestration.datasphere attach|logs|cancel JOB

Credentials come from the environment: YC_IAM_TOKEN, YC_TOKEN or YC_SERVICE_ACCOUNT_KEY_FILE. Submitting
twice what has the same name follows the job that is there. The money is booked in the storage's ledger,
and its monthly limit holds for jobs by hand too. YC_DATASPHERE_ENDPOINT (host:port) names another server.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import grpc

from orchestration.cloud_sdk import open_sdk
from orchestration.datasphere_jobs import Contended, JobFailed, JobService, Status, read_spec
from orchestration.ledger import Ledger, LimitReached, read_prices
from orchestration.paid_jobs import PaidJobs
from orchestration.patience import Patience
from orchestration.plan import chosen_profile
from orchestration.record import Storage
from orchestration.settings import BadSetting

LOOPBACK = ("localhost:", "127.0.0.1:")


def open_service(patience: Patience) -> JobService:
    endpoint = os.environ.get("YC_DATASPHERE_ENDPOINT", "")
    if endpoint.startswith(LOOPBACK):
        channel = grpc.insecure_channel(endpoint)
        return JobService(lambda stub: stub(channel), patience)
    return JobService(open_sdk().client, patience)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def act(options: argparse.Namespace, service: JobService) -> dict[str, object]:
    """Does what was asked; what the closing JSON line tells of it."""
    if options.action == "list":
        found = [(job.id, job.name, Status.Name(job.status)) for job in service.all(options.project)]
        for line in found:
            print(*line, sep="\t")
        return {"rows_out": len(found)}
    if options.action == "cancel":
        with booked(options, service):
            service.cancel(options.job, "cancelled by hand")
        return {"job_id": options.job}
    if options.action == "logs":
        for _, text in service.logs(options.job):
            print(text, end="")
        return {"job_id": options.job}
    if options.action == "attach":
        with booked(options, service):
            service.wait(options.job, say)
        return {"job_id": options.job}
    return {"job_id": submit(options, service)}


def paid_jobs(options: argparse.Namespace, service: JobService) -> PaidJobs:
    ledger, prices = Ledger(Storage(options.storage)), read_prices(Path(options.prices))
    return PaidJobs(service, ledger, prices, clock=time.time)


@contextmanager
def booked(options: argparse.Namespace, service: JobService) -> Iterator[None]:
    """Closes the job's entry in the book when it is over, whatever became of it."""
    jobs, job = paid_jobs(options, service), service.get(options.job)
    try:
        yield
    finally:
        jobs.settle(job.project_id, job.name)


def filled_in(pair: str) -> tuple[str, str]:
    name, found, value = pair.partition("=")
    if not found:
        raise BadSetting(f"expected NAME=VALUE after --set, found {pair!r}; write {pair}=…")
    return name, value


def submit(options: argparse.Namespace, service: JobService) -> str:
    values = {"storage": options.storage, "config": chosen_profile(options.profile).training_config}
    spec = read_spec(Path(options.file), **values | dict(map(filled_in, options.set)))
    jobs = paid_jobs(options, service)
    job_id = jobs.submit(replace(spec, submitter=f"{getpass.getuser()}@{socket.gethostname()}"))
    say(f"job {spec.name} is {job_id}")
    if not options.detach:
        try:
            service.wait(job_id, say)
        finally:
            jobs.settle(spec.project_id, spec.name)
    return job_id


def read_options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m orchestration.datasphere",
        description=__doc__,
        epilog="exit codes: 0 done, 1 the job or the service failed, 2 wrong arguments or credentials",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True)
    start = actions.add_parser("submit", help="start a job, or follow the one of that name")
    start.add_argument("file", help="job file, TOML")
    start.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="fills {NAME} in the file"
    )
    start.add_argument(
        "--profile", default="cloud", help="its training_config fills {config} (default: %(default)s)"
    )
    start.add_argument("--detach", action="store_true", help="do not wait for its end")
    spending = [start]
    for name, text in (("attach", "follow to the end"), ("logs", "print its output"), ("cancel", "stop it")):
        action = actions.add_parser(name, help=text)
        action.add_argument("job", help="job id")
        spending += [action] if name != "logs" else []
    for action in spending:
        action.add_argument(
            "--storage",
            default=os.environ.get("HOROSCOPE_STORAGE", "data"),
            help="its ledger books the job; fills {storage} (default: $HOROSCOPE_STORAGE, else data)",
        )
        action.add_argument("--prices", default="orchestration/prices.toml", help="default: %(default)s")
    actions.add_parser("list", help="jobs of a project").add_argument("--project", required=True)
    parser.add_argument("--poll-s", type=float, default=10.0, help="seconds between two looks (default: 10)")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    options, started = read_options(argv), time.monotonic()
    try:
        told = act(options, open_service(Patience(poll_s=options.poll_s)))
    except (BadSetting, ValueError) as error:
        say(f"error: {error}")
        return 2
    except (Contended, JobFailed, LimitReached) as failure:
        say(f"error: {failure}")
        return 1
    except grpc.RpcError as error:
        say(f"error: expected the service to answer, found {error.code().name}: {error.details()}")  # type: ignore[attr-defined]
        return 1
    except KeyboardInterrupt:
        say("left; the job goes on: attach to it, or cancel it")
        return 130
    seconds = round(time.monotonic() - started, 2)
    print(json.dumps({"step": options.action, "outcome": "done", "seconds": seconds, **told}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
