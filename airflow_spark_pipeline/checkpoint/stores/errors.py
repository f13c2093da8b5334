"""Translate the errors of a store's client into the errors of a store.

Each store has one function that reads the errors of its client; the messages, and which errors pass unchanged, are the
same for all stores. An error that a store cannot read becomes :class:`CheckpointStoreError`: nobody knows whether the
call took effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from airflow_spark_pipeline.checkpoint.stores.base import ObjectExistsError, ObjectNotFoundError
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointLocationError, CheckpointStoreError
from airflow_spark_pipeline.secrets import mask_text

PERMISSIONS = "the permissions to list, read, write and delete below it"


@dataclass(frozen=True, slots=True)
class StoreErrors:
    """The errors that a store raises about one object.

    :param location: checkpoint location as the user wrote it
    :param path: full name of the object
    """

    location: str
    path: str

    def absent(self) -> ObjectNotFoundError:
        """The object does not exist."""
        return ObjectNotFoundError(f"{self.path} does not exist", path=self.path)

    def exists(self) -> ObjectExistsError:
        """The object exists, so nothing was created."""
        return ObjectExistsError(f"{self.path} exists already", path=self.path)

    def unusable(self, problem: str) -> CheckpointLocationError:
        """The same call would fail again until somebody changes something.

        :param problem: what is wrong with the location, and the way out; follows the location's name
        """
        return CheckpointLocationError(f"The checkpoint location {mask_text(self.location)} {problem}", path=self.path)

    def refused(self, why: str) -> CheckpointLocationError:
        """The credentials are missing, wrong, or do not permit the call."""
        return self.unusable(f"refuses access ({why}). Check the credentials and {PERMISSIONS}.")

    def failed(self, why: str) -> CheckpointStoreError:
        """The call failed; another one may succeed, and this one may have taken effect."""
        return CheckpointStoreError(f"{self.path}: {why}", path=self.path)


@contextmanager
def translated(
    errors: StoreErrors,
    read: Callable[[Exception, StoreErrors], CheckpointError | None],
    absent: type[CheckpointError] = ObjectNotFoundError,
) -> Iterator[None]:
    """Raise the errors of a store instead of those of its client.

    :param read: returns the error to raise for one of the client's; ``None`` for one that is not the client's
    :param absent: class to raise if the object does not exist
    """
    try:
        yield
    except ObjectNotFoundError as error:
        raise absent(str(error), path=error.path) from error.__cause__
    except CheckpointError:
        raise
    except Exception as error:
        found = read(error, errors)
        if found is None:
            raise
        if isinstance(found, ObjectNotFoundError):
            raise absent(str(found), path=found.path) from error
        raise found from error


@contextmanager
def needing_a_bucket(errors: StoreErrors) -> Iterator[None]:
    """Say that the bucket is missing if an object cannot be created because something does not exist."""
    try:
        yield
    except ObjectNotFoundError as error:
        cause = error.__cause__
        raise errors.unusable(f"does not exist: {cause}. Create the bucket, or use another location.") from cause


def described(error: Exception) -> str:
    """Return the class and the message of a client's error."""
    return f"{type(error).__name__}: {error}"
