"""Components that close, replace or redirect the standard output of their process."""

from __future__ import annotations

import io
import os
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_spark_pipeline.runtime.component.base import Component

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Full:
    """A disk that is full."""

    closed = False

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

    flush = write


@dataclass
class Breaks(Component):
    """Does something to the output, and leaves it so."""

    code: str

    def run(self, spark: SparkSession) -> None:
        names = {"self": self, "sys": sys, "os": os, "io": io, "socket": socket, "Full": Full}
        exec(self.code, names)  # noqa: S102
        self.context.progress("progress é")


@dataclass
class Prints(Component):
    def run(self, spark: SparkSession) -> None:
        print("printed é")  # noqa: T201


@dataclass
class Quiet(Component):
    def run(self, spark: SparkSession) -> None:
        pass
