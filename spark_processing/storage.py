"""Where the data lies: a folder, read in plain Python, or any file system that Spark's Hadoop knows (`s3a:`,
`hdfs:`).

In comes a root; out come names, bytes and atomic writes under it. Paths are relative to the root, with `/`.
A folder needs no Spark, so what can be decided from manifests is decided before a session is paid for.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import os
import shutil
import tempfile
import urllib.parse
from pathlib import Path
from typing import Any, Iterator, List, NamedTuple


class StorageError(Exception):
    """The storage cannot do what the job needs; the message says what to do."""


class Digest(NamedTuple):
    """What a manifest promises of a part, and the part's first line."""

    bytes: int
    sha256: str
    header: str


class Found(NamedTuple):
    path: str
    """Relative to the storage root."""
    modified_ms: int


def is_folder(root: str) -> bool:
    return urllib.parse.urlsplit(root).scheme in ("", "file")


class Folder:
    """A directory of this machine."""

    is_folder = True

    def __init__(self, root: str) -> None:
        self.root = Path(urllib.parse.urlsplit(root).path if root.startswith("file:") else root).absolute()

    def path(self, name: str) -> str:
        """The address Spark reads or writes `name` at."""
        return f"file://{self.root / name}"

    def names(self, folder: str) -> List[str]:
        """Sorted names inside a folder; empty when there is no such folder."""
        try:
            return sorted(path.name for path in (self.root / folder).iterdir())
        except FileNotFoundError:
            return []

    def exists(self, name: str) -> bool:
        return (self.root / name).exists()

    def read(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def digest(self, name: str) -> Digest:
        sha256, size, header = hashlib.sha256(), 0, b""
        with (self.root / name).open("rb") as part:
            for block in iter(lambda: part.read(1 << 20), b""):
                header = header or block.partition(b"\n")[0]
                sha256.update(block)
                size += len(block)
        return Digest(size, sha256.hexdigest(), header.decode("utf-8", "replace"))

    def write(self, name: str, content: bytes) -> None:
        """Whole or not at all: written aside, then renamed."""
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.{os.getpid()}")
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)

    def find(self, pattern: str) -> List[Found]:
        """The files whose path matches, sorted; `*` stands for any name."""
        everything = os.path.join(glob.escape(str(self.root)), pattern)  # noqa: PTH118
        paths = sorted(glob.glob(everything))  # noqa: PTH207  half of pathlib's time over years of runs
        bare = len(str(self.root)) + 1
        return [Found(path[bare:], Path(path).stat().st_mtime_ns // 10**6) for path in paths]

    def local(self, name: str) -> str:
        """Where a file can be opened on this machine."""
        return str(self.root / name)

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[str]:
        """Where to write a file on this machine, so that it becomes `name`; not for files that have
        readers."""
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        yield str(self.root / name)

    def rename(self, old: str, new: str) -> None:
        (self.root / new).parent.mkdir(parents=True, exist_ok=True)
        (self.root / old).replace(self.root / new)

    def delete(self, name: str) -> None:
        """A file or a folder with all it holds; nothing to do when it is not there."""
        path = self.root / name
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Only one job at a time; the system lets go of the lock however the job ends."""
        path = self.root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = path.open("w")
        except OSError as error:
            raise StorageError(
                f"expected a folder that can be written, found {error.strerror}, in {path.parent}"
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StorageError(
                    f"expected no other cleaning job, found one at work, in {path.parent}; wait for its end"
                ) from error
            yield


class HadoopStorage:
    """Any root Hadoop has a connector for. Spark's Java does the work: no other client is needed."""

    is_folder = False

    def __init__(self, root: str, spark: Any) -> None:
        self.root = root.rstrip("/").replace("s3://", "s3a://", 1)
        self._spark = spark
        self._java = spark._jvm
        self._gateway = spark.sparkContext._gateway
        self._path = self._java.org.apache.hadoop.fs.Path
        self._temporary = tempfile.TemporaryDirectory(prefix="horoscopes-")
        self._scratch = Path(self._temporary.name)
        try:
            self._files = self._path(self.root).getFileSystem(spark._jsc.hadoopConfiguration())
        except Exception as error:
            raise StorageError(
                f"expected a Hadoop connector for {self.root}, found none; run on a cluster that has it, "
                f"or add --packages org.apache.spark:spark-hadoop-cloud_2.13:{spark.version} to spark-submit"
            ) from error

    def _at(self, name: str) -> Any:
        return self._path(f"{self.root}/{name}" if name else self.root)

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def names(self, folder: str) -> List[str]:
        if not self._files.exists(self._at(folder)):
            return []
        return sorted(status.getPath().getName() for status in self._files.listStatus(self._at(folder)))

    def exists(self, name: str) -> bool:
        return bool(self._files.exists(self._at(name)))

    def find(self, pattern: str) -> List[Found]:
        """As `Folder.find`; Spark lists in Java, folder by folder at once."""
        files = self._spark.read.format("binaryFile").load(self.path(pattern))
        milliseconds = "CAST(unix_millis(modificationTime) AS LONG)"
        found = files.selectExpr("path", f"{milliseconds} AS modified_ms").collect()
        bare = [(row["path"].partition(":")[2].lstrip("/"), row["modified_ms"]) for row in found]
        prefix = self.path("").partition(":")[2].lstrip("/")
        return sorted(Found(path[len(prefix) :], modified_ms) for path, modified_ms in bare)

    def read(self, name: str) -> bytes:
        stream = self._files.open(self._at(name))
        try:
            return bytes(self._java.org.apache.commons.io.IOUtils.toByteArray(stream))
        finally:
            stream.close()

    def digest(self, name: str) -> Digest:
        stream = self._files.open(self._at(name))
        try:
            header = stream.readLine()
            stream.seek(0)
            sha256 = self._java.org.apache.commons.codec.digest.DigestUtils.sha256Hex(stream)
            return Digest(self._files.getFileStatus(self._at(name)).getLen(), sha256, header or "")
        finally:
            stream.close()

    def write(self, name: str, content: bytes) -> None:
        """Whole or not at all: an object store publishes on close, elsewhere a file is renamed over."""
        published = self.root.startswith("s3a:")
        aside = name if published else f"{name}.writing"
        stream = self._files.create(self._at(aside), True)
        stream.write(bytearray(content))
        stream.close()
        if not published:
            self._rename_over(aside, name)

    def _rename_over(self, old: str, new: str) -> None:
        source, rename = self._at(old), self._java.org.apache.hadoop.fs.Options.Rename
        options = self._gateway.new_array(rename, 1)
        options[0] = rename.OVERWRITE
        context = self._java.org.apache.hadoop.fs.FileContext.getFileContext(
            source.toUri(), self._files.getConf()
        )
        context.rename(source, self._at(new), options)

    def rename(self, old: str, new: str) -> None:
        self._files.mkdirs(self._at(new).getParent())
        if not self._files.rename(self._at(old), self._at(new)):
            raise StorageError(
                f"expected to rename {self.path(old)} to {self.path(new)}, the storage refused"
            )

    def delete(self, name: str) -> None:
        self._files.delete(self._at(name), True)

    def local(self, name: str) -> str:
        """A copy on this machine, which is removed when the program ends."""
        target = self._scratch / name
        target.parent.mkdir(parents=True, exist_ok=True)
        self._files.copyToLocalFile(False, self._at(name), self._path(target.as_uri()), True)
        return str(target)

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[str]:
        target = self._scratch / "writing"
        yield str(target)
        self._files.copyFromLocalFile(True, True, self._path(target.as_uri()), self._at(name))

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """No lock exists in an object store: `publish` looks whether the dataset is still the one the job
        read."""
        yield
