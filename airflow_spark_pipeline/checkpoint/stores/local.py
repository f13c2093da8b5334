"""Run logs on a local or shared disk.

An object is written under a hidden name, synced, and then named by ``link(2)``: the only POSIX call that is exclusive
*and* shows the whole content at once. ``rename`` would replace another writer's object; ``open(…, "x")`` first shows an
empty object to readers, and leaves it empty if the writer dies there. fsspec's ``file`` offers neither. A file system
without hard links is rejected.

A location that is writable by its group, with the setgid bit (``chmod 2770``), is shared on purpose, by Airflow and by
drivers that run as other users. Everything below it gets the same group permissions, regardless of the umask.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import shutil
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, StoredObject
from airflow_spark_pipeline.checkpoint.stores.errors import StoreErrors, translated
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointLocationError, CorruptCheckpointError

_TEMPORARY = ".tmp-"
_TIMES = 10  # that a directory is made again for a file
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_SHARED = stat.S_ISGID | stat.S_IWGRP
_NEEDS_THE_USER = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EISDIR}


class LocalStore(CheckpointStore):
    """A store in a directory.

    :param location: checkpoint location as the user wrote it, for messages
    :param root: path of the directory; it is created with the first object
    """

    def __init__(self, location: str, root: Path) -> None:
        super().__init__(location)
        self.root = root

    def exists(self) -> bool:
        with self._errors(""):
            try:
                if stat.S_ISDIR(os.stat(self.root).st_mode):
                    return True
            except FileNotFoundError:
                return False
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(self.root))

    def list_objects(self, directory: str) -> list[StoredObject]:
        with self._errors(directory):
            try:
                with os.scandir(self._full(directory)) as entries:
                    return [found for entry in entries if (found := _stored(entry)) is not None]
            except FileNotFoundError:
                return []

    def list_names(self, directory: str) -> list[str]:
        with self._errors(directory):
            try:
                with os.scandir(self._full(directory)) as entries:
                    return [entry.name for entry in entries if _is_object(entry)]
            except FileNotFoundError:
                return []

    def list_directories(self, directory: str) -> list[str]:
        with self._errors(directory):
            try:
                with os.scandir(self._full(directory)) as entries:
                    return [entry.name for entry in entries if entry.is_dir()]
            except FileNotFoundError:
                return []

    def read(self, path: str) -> bytes:
        full = self._full(path)
        try:
            with self._errors(path), open(full, "rb") as file:
                return file.read()
        except CheckpointLocationError as error:
            if isinstance(error.__cause__, IsADirectoryError):
                raise CorruptCheckpointError(f"{full} is a directory, but should be a file.", path=full) from None
            raise

    def create(self, path: str, data: bytes) -> None:
        target = self._full(path)
        with self._errors(path), self._synced(target, data) as temporary:
            try:
                os.link(temporary, target)
            except FileExistsError:
                raise self._errors_at(path).exists() from None
            except OSError as error:
                if error.errno in _NO_LINKS:
                    raise self._errors_at(path).unusable(
                        f"is on a file system without hard links ({error.strerror}), so two writers could not be kept "
                        "apart. Use another location."
                    ) from error
                raise

    def write(self, path: str, data: bytes) -> None:
        target = self._full(path)
        with self._errors(path), self._synced(target, data) as temporary:
            os.replace(temporary, target)

    def delete(self, path: str) -> None:
        with self._errors(path):
            try:
                os.unlink(self._full(path))
            except FileNotFoundError:
                pass
            except IsADirectoryError:
                shutil.rmtree(self._full(path))

    def delete_tree(self, directory: str) -> None:
        with self._errors(directory), contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._full(directory))

    def remove_if_empty(self, directory: str) -> None:
        with contextlib.suppress(OSError):  # it is not empty, or gone
            os.rmdir(self._full(directory))

    def _full(self, path: str) -> str:
        return f"{self.root}/{path}"

    @contextlib.contextmanager
    def _synced(self, target: str, data: bytes) -> Iterator[str]:
        """Yield a synced temporary file next to the target; then sync the directory, which holds the name."""
        directory, _, name = target.rpartition("/")
        temporary = f"{directory}/{_TEMPORARY}{name}-{uuid.uuid4().hex}"
        descriptor = self._opened(temporary)
        try:
            with open(descriptor, "wb") as file:
                if _is_shared(directory):
                    os.fchmod(descriptor, os.fstat(descriptor).st_mode | stat.S_IRGRP)
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            yield temporary
        finally:
            with contextlib.suppress(FileNotFoundError):  # renamed
                os.unlink(temporary)
        _sync_directory(directory)

    def _opened(self, path: str) -> int:
        """Create a file and the directories above it, of which a clean-up may remove an empty one again."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        for _ in range(_TIMES):
            try:
                return os.open(path, flags, 0o666)
            except FileNotFoundError:
                _make_directories(Path(path).parent, self.root)
        return os.open(path, flags, 0o666)

    def _errors_at(self, path: str) -> StoreErrors:
        return StoreErrors(self.location, self._full(path))

    def _errors(self, path: str) -> contextlib.AbstractContextManager[None]:
        return translated(self._errors_at(path), _read)


def _read(error: Exception, errors: StoreErrors) -> CheckpointError | None:
    if isinstance(error, FileNotFoundError):
        return errors.absent()
    if not isinstance(error, OSError):
        return None
    if error.errno == errno.EISDIR:
        full = errors.path
        return CheckpointLocationError(f"{full} is a directory, but should be a file: move it away.", path=full)
    if error.errno == errno.ENOTDIR and (file := _file_above(errors.path)) is not None:
        return errors.unusable(f"cannot be used: {file} is not a directory. Move it away, or use another location.")
    if error.errno in _NEEDS_THE_USER:
        return errors.unusable(
            f"cannot be used: {error.strerror}: {error.filename or errors.path}. Give the users that Airflow and Spark "
            f"run as (here {_user()}) permission to read and write there, or use another location."
        )
    return errors.failed(error.strerror or str(error))


def _file_above(path: str) -> Path | None:
    """Return what is in the place of a directory on the way to a path."""
    above = (Path(path), *Path(path).parents)
    return next((each for each in above if os.path.exists(each) and not os.path.isdir(each)), None)


def _stored(entry: os.DirEntry[str]) -> StoredObject | None:
    if not _is_object(entry):
        return None
    try:
        return StoredObject(entry.name, entry.stat(follow_symlinks=entry.is_file()).st_mtime)
    except FileNotFoundError:
        return None  # deleted in the meantime


def _is_object(entry: os.DirEntry[str]) -> bool:
    # A directory or a broken link in place of a commit is not the same as no commit: reading it must fail.
    return not entry.name.startswith(_TEMPORARY) and (entry.name.endswith(".json") or entry.is_file())


def _make_directories(directory: Path, root: Path) -> None:
    """Create a directory and its parents and sync each parent, so that a crash cannot lose the path of a commit."""
    missing = []
    while not directory.exists():
        missing.append(directory)
        directory = directory.parent
    for each in reversed(missing):
        try:
            each.mkdir(exist_ok=True)
            if each != root and root in each.parents and _is_shared(each.parent):
                each.chmod(each.stat().st_mode | stat.S_IRWXG)
        except PermissionError:
            if not _is_shared(each):  # otherwise another process of the group has already done both
                raise
        except (FileNotFoundError, FileExistsError) as error:  # below /proc, or a broken link
            raise NotADirectoryError(errno.ENOTDIR, "no directory can be created", str(each)) from error
        _sync_directory(each.parent)


def _is_shared(directory: str | Path) -> bool:
    try:
        return os.stat(directory).st_mode & _SHARED == _SHARED
    except FileNotFoundError:
        return False


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's user without a name
        return f"uid {os.geteuid()}"


def _sync_directory(directory: str | Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
