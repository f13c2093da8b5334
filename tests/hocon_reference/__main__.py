"""``python -m tests.hocon_reference --files 20000 --seed 7``: compare more files than the tests do."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.hocon_reference.comparing import Comparison, ask_reference, generate


def main() -> int:
    """Compare, and print what came of it."""
    parser = argparse.ArgumentParser(prog="tests.hocon_reference", allow_abbrev=False)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="directory for the generated files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        comparison = Comparison()
        files = generate(options.keep or Path(directory), options.seed, range(options.files))
        for file, reference in zip(files, ask_reference(files), strict=True):
            comparison.add(file, reference)
    wrong = "".join(f"\n  {line}" for line in [*comparison.wrong, *comparison.too_lenient][:20])
    sys.stdout.write(f"seed {options.seed}, {options.files} files: {comparison}{wrong}\n")
    return 1 if comparison.wrong or comparison.too_lenient else 0


if __name__ == "__main__":
    sys.exit(main())
