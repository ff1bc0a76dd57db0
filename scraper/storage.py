"""The storage by its address: a folder (`data`, `file:…`), or what fsspec understands (`s3://…`). An address
comes in, its files and one kind of error go out.
"""

from __future__ import annotations

import contextlib
import glob
from collections.abc import Iterator
from pathlib import Path

import fsspec
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem


class StorageError(Exception):
    """The storage cannot be read or written; the message is for the user."""


class Unreachable(StorageError):
    """The store does not answer now; the same may succeed later."""


def is_remote(root: str) -> bool:
    return "://" in root and not root.startswith("file://")


def local_path(root: str) -> Path:
    return Path(root.removeprefix("file://").removeprefix("file:")).expanduser()


def file_system(root: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The store and the root's path in it; of a folder the very one that is written to.

    Raises:
        StorageError: the address is a pattern for fsspec, which would look elsewhere.
    """
    if glob.has_magic(root):
        raise StorageError(f"expected an address without *, ? and [, found {root}, in --storage; rename it")
    if not is_remote(root):
        return LocalFileSystem(), str(local_path(root).absolute())
    files, base = url_to_fs(root, use_listings_cache=False)  # what others publish meanwhile must be seen
    return files, str(base).rstrip("/")


@contextlib.contextmanager
def reading(root: str) -> Iterator[None]:
    """Raises StorageError for whatever the store or its client raises; Unreachable for what may pass."""
    try:
        yield
    except Exception as error:  # a bucket's client knows many, and not all of them are OSErrors
        stays = isinstance(error, (PermissionError, FileNotFoundError, ValueError))
        raise (StorageError if stays else Unreachable)(
            f"expected a readable storage, found {error}, in --storage {root}; run again or check the address"
        ) from error
