"""A run's folder goes to S3: parts first, each confirmed, the manifest last. Over scrapy-s3pipeline's S3
strategy.

The endpoint and keys are taken by boto3 from AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from s3pipeline.strategies.error import UploadError
from s3pipeline.strategies.s3 import S3Strategy

SHARES = (1, 2, 4, 8)
"""Of the patience with one object, before each further attempt."""
TIMEOUT_S = 10


class ConfirmedS3(S3Strategy):  # type: ignore[misc]  # untyped library
    """One PUT whose checksum the store verifies, then a look at what it kept.

    The parent only knows ClientError (a connection that breaks escapes it) and asks for no proof.
    """

    def __init__(self) -> None:
        once = Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"max_attempts": 0})
        self.client = boto3.client("s3", region_name=os.environ.get("AWS_REGION", "us-east-1"), config=once)

    def upload_fileobj(self, f: bytes, bucket_name: str, object_key: str) -> None:
        """Raises UploadError for anything but a confirmed object."""
        try:
            self.client.put_object(Bucket=bucket_name, Key=object_key, Body=f, ChecksumAlgorithm="SHA256")
            kept = self.client.head_object(Bucket=bucket_name, Key=object_key)
        except (ClientError, BotoCoreError, OSError) as error:
            raise UploadError(str(error)) from error
        if kept["ContentLength"] != len(f):
            raise UploadError(f"expected {len(f)} bytes, found {kept['ContentLength']}, in {object_key}")


def pauses() -> tuple[float, ...]:
    """In seconds; HOROSCOPE_UPLOAD_PATIENCE_S (default 15) is their sum."""
    patience_s = float(os.environ.get("HOROSCOPE_UPLOAD_PATIENCE_S", "15"))
    return tuple(patience_s * share / sum(SHARES) for share in SHARES)


def upload_run(folder: Path, root: str, target: str, pauses_s: Sequence[float]) -> None:
    """Everything in `folder` to `target` under the root, then the folder is removed.

    Raises:
        UploadError: the store stayed away through all pauses; the folder is kept for scraper.resume_upload.
    """
    address = urlsplit(root)
    store = ConfirmedS3()
    for name in [*sorted(path.name for path in folder.glob("part-*.csv")), "manifest.json"]:
        key = "/".join(filter(None, (address.path.strip("/"), target, name)))
        _persist(store, (folder / name).read_bytes(), address.netloc, key, pauses_s)
    (folder / "manifest.json").unlink()  # first: half a run must not wait for another upload
    shutil.rmtree(folder)


def _persist(store: ConfirmedS3, body: bytes, bucket: str, key: str, pauses_s: Sequence[float]) -> None:
    for pause_s in (*pauses_s, None):
        try:
            return store.upload_fileobj(body, bucket, key)
        except UploadError:
            if pause_s is None:
                raise
            time.sleep(pause_s)
    return None
