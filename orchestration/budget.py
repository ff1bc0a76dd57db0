"""The cloud's own alarm: a billing account and an amount in, a monthly budget that writes to people out.

    python -m orchestration.budget --billing-account dn2… --cloud b1g… --folder b1g… --amount 5000 \\
        --notify aje…

Terraform's provider has no resource for budgets, so this is the command beside it. A budget of that name
is adopted, so it may be run again. The project's own limit stops clusters and GPU jobs before they spend;
this one sees everything else, and only tells.
"""

from __future__ import annotations

import argparse
import json
import sys

import grpc
from yandex.cloud.billing.v1 import budget_pb2, budget_service_pb2
from yandex.cloud.billing.v1.budget_service_pb2_grpc import BudgetServiceStub

from orchestration.cloud_sdk import open_sdk
from orchestration.patience import Patience
from orchestration.settings import BadSetting

THRESHOLDS_PERCENT = (50, 90, 100)


def budget_request(options: argparse.Namespace) -> budget_service_pb2.CreateBudgetRequest:
    rules = [
        budget_pb2.ThresholdRule(
            type=budget_pb2.PERCENT, amount=str(share), notification_user_account_ids=options.notify
        )
        for share in THRESHOLDS_PERCENT
    ]
    folder = budget_pb2.CloudFoldersConsumptionFilter(cloud_id=options.cloud, folder_ids=[options.folder])
    spec = budget_pb2.CostBudgetSpec(
        amount=str(options.amount),
        notification_user_account_ids=options.notify,
        threshold_rules=rules,
        filter=budget_pb2.ConsumptionFilter(cloud_folders_filters=[folder]),
        reset_period=budget_pb2.MONTHLY,
        end_date=options.until,
    )
    return budget_service_pb2.CreateBudgetRequest(
        billing_account_id=options.billing_account, name=options.name, cost_budget_spec=spec
    )


def ensure_budget(budgets: BudgetServiceStub, options: argparse.Namespace, patience: Patience) -> str:
    """`found` or `created`."""
    token = ""
    while True:
        request = budget_service_pb2.ListBudgetsRequest(
            billing_account_id=options.billing_account, page_size=100, page_token=token
        )
        page = patience.call(budgets.List, request)
        if any(budget.name == options.name for budget in page.budgets):
            return "found"
        token = page.next_page_token
        if not token:
            break
    budgets.Create(budget_request(options), timeout=patience.call_s)
    return "created"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m orchestration.budget",
        description=__doc__,
        epilog="exit codes: 0 done, 1 the service refused, 2 wrong arguments or credentials",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--billing-account", required=True)
    parser.add_argument("--cloud", required=True, help="id of the cloud whose folder is watched")
    parser.add_argument("--folder", required=True, help="id of that folder")
    parser.add_argument("--amount", type=int, required=True, help="roubles a month")
    parser.add_argument("--notify", action="append", required=True, help="id of a user; may be repeated")
    parser.add_argument("--name", default="horoscope", help="default: %(default)s")
    parser.add_argument("--until", default="2036-01-01", help="last day, YYYY-MM-DD (default: %(default)s)")
    options = parser.parse_args(argv)
    try:
        became = ensure_budget(open_sdk().client(BudgetServiceStub), options, Patience())
    except BadSetting as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except grpc.RpcError as error:
        told = f"{error.code().name}: {error.details()}"  # type: ignore[attr-defined]
        print(f"error: expected a budget to be made, found {told}", file=sys.stderr)
        return 1
    print(json.dumps({"step": "budget", "outcome": "done", "name": options.name, "budget": became}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
