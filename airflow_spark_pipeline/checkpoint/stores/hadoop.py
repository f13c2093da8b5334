"""Run logs on HDFS and S3A, through the file system of the Spark driver's JVM.

The cluster's configuration (name nodes, Kerberos, keys) applies, and nothing needs to be installed.
The call that creates a file exclusively and completely was measured for each file system
(docs/hadoop-filesystem-guarantees.md): on HDFS ``rename`` of a temporary file, on S3A the conditional PUT, which needs
an option of the file builder. Neither file system supports the other's call, so any file system that is not known to
support one of them is rejected.
"""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectNotFoundError, StoredObject
from airflow_spark_pipeline.checkpoint.stores.errors import PERMISSIONS, StoreErrors, described, translated
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointLocationError, CheckpointStoreError

_TEMPORARY = ".tmp-"
_SCHEMES = {"s3": "s3a", "s3n": "s3a"}  # Hadoop's current name for the scheme
_CONDITIONAL = "fs.option.create.conditional.overwrite"

# Names of Java exceptions; RemoteFileChangedException is S3A's name for 412, precondition failed.
_NOT_FOUND = {"FileNotFoundException"}
_EXISTS = {"FileAlreadyExistsException", "RemoteFileChangedException"}
_NEEDS_THE_USER = {
    "AccessControlException",
    "AccessDeniedException",
    "NoAuthWithAWSException",
    "ParentNotDirectoryException",
    "UnknownStoreException",
}
_NO_JAR = {"ClassNotFoundException", "UnsupportedFileSystemException"}

# FileStatus.toString(): one Py4J call returns a whole listing, instead of one call for each field of each file.
_STATUS = re.compile(r"\{path=(?P<path>.*?); isDirectory=(?P<directory>true|false);.*?modification_time=(?P<time>\d+)")


@dataclass(frozen=True)
class HadoopClient:
    """A Hadoop file system that is open in a JVM.

    :param jvm: the driver's JVM, see :func:`airflow_spark_pipeline.checkpoint.stores.jvm.driver_jvm`
    :param fs: Hadoop's ``FileSystem``
    :param context: Hadoop's ``FileContext``, which renames; ``None`` if objects are created conditionally instead
    :param root: URI of the location, with its name node or bucket
    :param scheme: scheme of the file system
    :param version: version of Hadoop
    """

    jvm: Any
    fs: Any
    context: Any
    root: str
    scheme: str
    version: str

    @classmethod
    def open(cls, location: str, jvm: Any, hadoop_conf: Any) -> HadoopClient:
        """Return the client of a location. No server is contacted yet.

        :param hadoop_conf: Hadoop configuration of the job
        :raises CheckpointLocationError: the file system is not available, or does not create files exclusively
        """
        name = _as_hadoop_calls_it(location)
        with _opening(location, name.partition(":")[0], jvm):
            root = jvm.org.apache.hadoop.fs.Path(name)
            # Not the driver's shared file system object, which a component may close.
            fs = jvm.org.apache.hadoop.fs.FileSystem.newInstance(root.toUri(), hadoop_conf)
            scheme, conditional = str(fs.getScheme()), bool(fs.hasPathCapability(root, _CONDITIONAL))
            context = None
            if scheme == "hdfs":
                context = jvm.org.apache.hadoop.fs.FileContext.getFileContext(fs.getUri(), hadoop_conf)
            # hdfs:///… means the default name node, which rename needs explicitly.
            opened = cls(jvm, fs, context, str(fs.makeQualified(root).toString()), scheme, _version(jvm))
        if scheme == "s3a" and not conditional:
            raise CheckpointLocationError(
                f"The checkpoint location {location} cannot be used: this S3A (Hadoop {opened.version}) "
                "does not create objects conditionally, so two writers could not be kept apart. Use a "
                "hadoop-aws that supports it (such as 3.5.0) and do not set "
                "fs.s3a.create.conditional.enabled to false, or install s3fs in the driver."
            )
        if scheme not in ("s3a", "hdfs"):
            raise CheckpointLocationError(
                f"The checkpoint location {location} cannot be used: exclusive creation was not "
                f"verified on {scheme}:// through Hadoop. Supported: hdfs://, s3a://."
            )
        return opened


class HadoopStore(CheckpointStore):
    """A store in a directory of HDFS, or in an S3 prefix as ``s3a://``.

    :param location: URI, such as ``hdfs://cluster/checkpoints``; ``hdfs:///checkpoints`` uses the default file system
    :param client: client of the location
    """

    def __init__(self, location: str, client: HadoopClient) -> None:
        super().__init__(location)
        self._jvm, self._fs, self._context, self._root = client.jvm, client.fs, client.context, client.root
        self._conditional = client.scheme == "s3a"
        self.way = f"the driver's own Hadoop client ({client.scheme}, Hadoop {client.version})"
        if self._conditional:
            self.clock_slack = 2.0  # S3 has times in whole seconds

    @classmethod
    def open(cls, location: str, jvm: Any, hadoop_conf: Any) -> HadoopStore:
        """Return the store of a location. The parameters and errors are those of :meth:`HadoopClient.open`."""
        return cls(location, HadoopClient.open(location, jvm, hadoop_conf))

    def exists(self) -> bool:
        with self._errors(""):
            return bool(self._fs.exists(self._path("")))

    def list_objects(self, directory: str) -> list[StoredObject]:
        return [
            StoredObject(name, int(status["time"]) / 1_000)
            for name, status in self._entries(directory)
            if status["directory"] == "false" and not name.startswith(_TEMPORARY)
        ]

    def list_directories(self, directory: str) -> list[str]:
        return [name for name, status in self._entries(directory) if status["directory"] == "true"]

    def read(self, path: str) -> bytes:
        with self._errors(path):
            stream = self._fs.open(self._path(path))
            try:
                return bytes(stream.readAllBytes())
            finally:
                stream.close()

    def create(self, path: str, data: bytes) -> None:
        with self._errors(path, absent=CheckpointStoreError):  # the directory was removed between two calls
            if self._conditional:
                builder = self._fs.createFile(self._path(path)).overwrite(False).recursive()
                self._put(builder.must(_CONDITIONAL, True).build(), data)
            else:
                self._rename(path, data, "NONE")

    def write(self, path: str, data: bytes) -> None:
        with self._errors(path, absent=CheckpointStoreError):
            if self._conditional:
                self._put(self._fs.create(self._path(path), True), data)
            else:
                self._rename(path, data, "OVERWRITE")

    def delete(self, path: str) -> None:
        with contextlib.suppress(ObjectNotFoundError), self._errors(path):
            self._fs.delete(self._path(path), False)

    def delete_tree(self, directory: str) -> None:
        with contextlib.suppress(ObjectNotFoundError), self._errors(directory):
            self._fs.delete(self._path(directory), True)

    def _entries(self, directory: str) -> Iterable[tuple[str, re.Match[str]]]:
        try:
            with self._errors(directory):
                found = self._fs.listStatus(self._path(directory))
                # A class that Spark ships, since Py4J does not find Arrays.toString for an array of FileStatus.
                text = str(self._jvm.org.apache.commons.lang3.ArrayUtils.toString(found))
        except ObjectNotFoundError:
            return []
        return [(status["path"].rpartition("/")[2], status) for status in _STATUS.finditer(text)]

    def _rename(self, path: str, data: bytes, option: str) -> None:
        """Write a temporary file next to the target and rename it, which is atomic on HDFS."""
        directory, _, name = path.rpartition("/")
        temporary = self._path(f"{directory}/{_TEMPORARY}{name}-{uuid.uuid4().hex}")
        try:
            self._put(self._fs.create(temporary, False), data, sync=True)
            self._context.rename(temporary, self._path(path), self._rename_options(option))
        except BaseException:
            with contextlib.suppress(Exception):
                self._fs.delete(temporary, False)
            raise

    def _put(self, stream: Any, data: bytes, *, sync: bool = False) -> None:
        # Not closed after an error: on S3A closing the stream publishes the object.
        stream.write(data)
        if sync:
            stream.hsync()
        stream.close()

    def _rename_options(self, name: str) -> Any:
        kind = self._jvm.java.lang.Class.forName("org.apache.hadoop.fs.Options$Rename")
        options = self._jvm.java.lang.reflect.Array.newInstance(kind, 1)
        options[0] = self._jvm.java.lang.Enum.valueOf(kind, name)
        return options

    def _path(self, path: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(f"{self._root}/{path}".rstrip("/"))

    def _errors(
        self, path: str, absent: type[CheckpointError] = ObjectNotFoundError
    ) -> contextlib.AbstractContextManager[None]:
        return translated(StoreErrors(self.location, self.describe(path)), _read, absent)


def _version(jvm: Any) -> str:
    return str(jvm.org.apache.hadoop.util.VersionInfo.getVersion())


@contextlib.contextmanager
def _opening(location: str, scheme: str, jvm: Any) -> Iterator[None]:
    """Raise an error that says what is missing if the file system cannot be opened."""
    try:
        yield
    except Exception as error:
        kinds, why = _java(error)
        errors = StoreErrors(location, location)
        if not kinds:
            raise errors.failed(why) from error
        advice = "Check the address, and the job's Hadoop configuration (HADOOP_CONF_DIR, spark.hadoop.*)."
        if kinds & _NO_JAR:
            advice = (
                f"The driver has no Hadoop file system for {scheme}://. Add it to the job, such as "
                f'packages="org.apache.hadoop:hadoop-aws:{_version(jvm)}" for s3a://, or install '
                "the Python client of the location in the driver (s3fs for s3a://)."
            )
        raise errors.unusable(f"cannot be opened ({why}). {advice}") from error


def _read(error: Exception, errors: StoreErrors) -> CheckpointError:
    kinds, why = _java(error)
    if kinds & _NOT_FOUND:
        return errors.absent()
    if kinds & _EXISTS:
        return errors.exists()
    if kinds & _NEEDS_THE_USER:
        return errors.unusable(
            f"cannot be used ({why}). Check the address, the job's credentials for it (spark.hadoop.*, the driver's "
            f"user) and {PERMISSIONS}."
        )
    return errors.failed(why)


def _as_hadoop_calls_it(location: str) -> str:
    scheme, rest = location.rstrip("/").split(":", 1)
    return f"{_SCHEMES.get(scheme.lower(), scheme.lower())}:{rest}"


def _java(error: Exception) -> tuple[set[str], str]:
    """Return the class names of a Java exception and its causes, and its message; or those of a Python error."""
    java = getattr(error, "java_exception", None)
    if java is None:
        return set(), described(error)
    why = str(java.toString()).partition("\n")[0]
    kinds: set[str] = set()
    while java is not None:
        kind = str(java.getClass().getSimpleName())
        # An exception of the name node that the client did not unwrap arrives as text.
        kinds.add(str(java.getClassName()).rpartition(".")[2] if kind == "RemoteException" else kind)
        java = java.getCause()
    return kinds, why
