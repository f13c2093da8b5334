"""``python -m tests.hocon_reference --files 20000 --seed 7``: compare more files than the tests do.

With ``--golden``, ask the reference implementation for what ``tests/unit/pipeline/test_hocon_reference.py`` expects.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.hocon_reference.comparing import compare, write_golden


def main() -> int:
    """Compare, and print what came of it; the exit code is 1 where a value is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.hocon_reference", description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--golden", action="store_true", help="write golden.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hocon-reference-") as directory:
        if options.golden:
            write_golden(Path(directory))
            return 0
        comparison = compare(Path(directory), options.seed, range(options.files))
        sys.stdout.write(f"seed {options.seed}, {options.files} files: {comparison}\n")
        sys.stdout.writelines(f"  {line}\n" for line in comparison.broken[:20])
    return 1 if comparison.broken else 0


if __name__ == "__main__":
    sys.exit(main())
