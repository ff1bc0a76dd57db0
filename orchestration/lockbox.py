"""A command with the entries of Lockbox secrets in its environment: secret ids and a command in, its exit
code out.

    YC_ON_MACHINE=1 python -m orchestration.lockbox e6q… -- python -m orchestration.local_airflow

The values go from Lockbox into the command's environment and nowhere else: no file, no argument, no log.
What the environment already has goes before.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import grpc
from yandex.cloud.lockbox.v1.payload_service_pb2 import GetPayloadRequest
from yandex.cloud.lockbox.v1.payload_service_pb2_grpc import PayloadServiceStub

from orchestration.cloud_sdk import open_sdk
from orchestration.patience import Patience
from orchestration.settings import BadSetting

WRONG = 2


def read_entries(secret_ids: list[str], patience: Patience) -> dict[str, str]:
    """Entries of the current versions; of two of one name the later secret's."""
    payloads = open_sdk().client(PayloadServiceStub)
    entries: dict[str, str] = {}
    for secret_id in secret_ids:
        answer = patience.call(payloads.Get, GetPayloadRequest(secret_id=secret_id))
        entries |= {entry.key: entry.text_value for entry in answer.entries if entry.text_value}
    return entries


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m orchestration.lockbox",
        description=__doc__,
        epilog="exit codes: the command's own; 2 wrong arguments, no credentials, or Lockbox refused",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("secrets", nargs="+", help="ids of secrets, then -- and the command")
    given = sys.argv[1:] if argv is None else argv
    split = given.index("--") if "--" in given else len(given)
    options, command = parser.parse_args(given[:split]), given[split + 1 :]
    if not command:
        parser.error("expected a command after --, found none")
    try:
        entries = read_entries(options.secrets, Patience())
    except BadSetting as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG
    except grpc.RpcError as error:
        told = f"{error.code().name}: {error.details()}"  # type: ignore[attr-defined]
        print(f"error: expected the secrets of Lockbox, found {told}", file=sys.stderr)
        return WRONG
    program = Path(command[0]).name
    print(f"lockbox: {', '.join(sorted(entries))} for {program}", file=sys.stderr, flush=True)
    try:
        os.execvpe(command[0], command, {**entries, **os.environ})
    except OSError as error:
        print(f"error: expected a program that can be started, found {error}", file=sys.stderr)
        return WRONG


if __name__ == "__main__":
    raise SystemExit(main())
