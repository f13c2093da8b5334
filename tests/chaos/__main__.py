"""``python -m tests.chaos --rounds 1000 --seed 1``: chaos on a local disk and on moto's S3."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.harness import report, run_rounds
from tests.chaos.locations import local_and_s3


def main() -> int:
    """Play the rounds and print what came of them; the exit code is 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first round; the next ones count on")
    parser.add_argument("--parallel", type=int, default=40, help="rounds at a time; they sleep most of the time")
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="chaos-"))
    start = time.monotonic()
    with local_and_s3(directory / "checkpoints") as places:
        outcomes = run_rounds(places, options.rounds, options.seed, directory, parallel=options.parallel)
    sys.stdout.write(f"{report(outcomes)}\n{time.monotonic() - start:.0f} s; ledgers and logs are in {directory}\n")
    return 1 if any(outcome.violations for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
