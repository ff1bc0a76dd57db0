"""The way into Yandex Cloud for programs started by hand: credentials from the environment in, an SDK
out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yandexcloud

from orchestration.settings import BadSetting

ON_MACHINE = "YC_ON_MACHINE"


def open_sdk() -> yandexcloud.SDK:
    """Raises BadSetting where the environment holds no credentials.

    YC_ENDPOINT (host:port) names another cloud; YC_ON_MACHINE=1 acts as the account of the machine itself.
    """
    settings: dict[str, Any] = {"endpoint": endpoint} if (endpoint := os.environ.get("YC_ENDPOINT")) else {}
    if key_file := os.environ.get("YC_SERVICE_ACCOUNT_KEY_FILE"):
        return yandexcloud.SDK(service_account_key=json.loads(Path(key_file).read_text()), **settings)
    if token := os.environ.get("YC_IAM_TOKEN"):
        return yandexcloud.SDK(iam_token=token, **settings)
    if token := os.environ.get("YC_TOKEN"):
        return yandexcloud.SDK(token=token, **settings)
    if os.environ.get(ON_MACHINE):
        return yandexcloud.SDK(**settings)
    raise BadSetting(
        "expected credentials, found none, in the environment; "
        f"set YC_IAM_TOKEN, YC_TOKEN, YC_SERVICE_ACCOUNT_KEY_FILE, or {ON_MACHINE}=1 on a cloud's own machine"
    )
