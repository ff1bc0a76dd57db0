"""A run's folder goes to S3: parts first, each confirmed, the manifest last. Over scrapy-s3pipeline's S3
strategy.

The endpoint and keys are taken by boto3 from AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from s3pipeline.strategies.error import UploadError
from s3pipeline.strategies.s3 import S3Strategy

PAUSES_S = (1.0, 2.0, 4.0, 8.0)


class ConfirmedS3(S3Strategy):  # type: ignore[misc]  # untyped library
    """Uploads by one PUT whose checksum the store verifies; the parent only knows ClientError and asks for
    no proof.
    """

    def __init__(self) -> None:
        timeouts = Config(connect_timeout=5, read_timeout=30, retries={"max_attempts": 1})
        self.client = boto3.client(
            "s3", region_name=os.environ.get("AWS_REGION", "us-east-1"), config=timeouts
        )

    def upload_fileobj(self, f: bytes, bucket_name: str, object_key: str) -> None:
        """Raises UploadError for anything but a confirmed object."""
        try:
            self.client.put_object(Bucket=bucket_name, Key=object_key, Body=f, ChecksumAlgorithm="SHA256")
            kept = self.client.head_object(Bucket=bucket_name, Key=object_key)
        except (ClientError, BotoCoreError, OSError) as error:
            raise UploadError(str(error)) from error
        if kept["ContentLength"] != len(f):
            raise UploadError(f"expected {len(f)} bytes, found {kept['ContentLength']}, in {object_key}")


def upload_run(
    folder: Path,
    root: str,
    target: str,
    sleep: Callable[[float], None] = time.sleep,
    pauses_s: tuple[float, ...] = PAUSES_S,
) -> None:
    """Everything in `folder` to `target` under the root, then the folder is removed.

    Raises:
        UploadError: the store stayed away through all pauses; the folder is kept, `scraper.resume_upload`
        finishes it.
    """
    address = urlsplit(root)
    prefix = address.path.strip("/")
    store = ConfirmedS3()
    names = sorted(path.name for path in folder.glob("part-*.csv"))
    for name in [*names, "manifest.json"]:
        key = "/".join(filter(None, (prefix, target, name)))
        body = (folder / name).read_bytes()
        for pause_s in (*pauses_s, None):
            try:
                store.upload_fileobj(body, address.netloc, key)
                break
            except UploadError:
                if pause_s is None:
                    raise
                sleep(pause_s)
    shutil.rmtree(folder)
