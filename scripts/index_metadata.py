"""Prepares a copy of this repository for a package index: ``python scripts/index_metadata.py COPY REPOSITORY``.

``REPOSITORY`` is the address of the repository on its code host, which nothing in the repository itself names. The
release workflow knows it. From it come ``[project.urls]`` in ``pyproject.toml``, and absolute links and pictures in
``README.md``, since an index shows that page without the files next to it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# [text](docs/page.md#part) and ![text](docs/images/picture.png); not what has a scheme, and not #part of the same page.
_LINK = re.compile(r"(?P<picture>!?)(?P<text>\[[^\]]*\])\((?![a-z]+:|#)(?P<target>[^)\s]+)\)")


def with_absolute_links(readme: str, repository: str, version: str) -> str:
    """Return the README with links into the files of a version's tag.

    Example: ``[components](docs/components.md)`` is ``[components](<repository>/blob/v0.1.0/docs/components.md)``.
    """

    def absolute(link: re.Match[str]) -> str:
        kind = "raw" if link["picture"] else "blob"
        return f"{link['picture']}{link['text']}({repository}/{kind}/v{version}/{link['target']})"

    return _LINK.sub(absolute, readme)


def with_urls(pyproject: str, repository: str, version: str) -> str:
    """Return ``pyproject.toml`` with the addresses that an index shows next to the project.

    :raises ValueError: it has such addresses already, or no table to put them in front of
    """
    before, table, after = pyproject.partition("[project.scripts]\n")
    if "[project.urls]" in pyproject or not table:
        raise ValueError("pyproject.toml has [project.urls] already, or no [project.scripts]")
    urls = {
        "Homepage": repository,
        "Documentation": f"{repository}/blob/v{version}/docs/README.md",
        "Changelog": f"{repository}/blob/v{version}/CHANGELOG.md",
        "Issues": f"{repository}/issues",
        "Source": f"{repository}/tree/v{version}",
    }
    lines = "".join(f'{name} = "{url}"\n' for name, url in urls.items())
    return f"{before}[project.urls]\n{lines}\n{table}{after}"


def main(copy: str, repository: str) -> None:
    """Rewrite the two files of a copy.

    :raises ValueError: the address is not one, or the package names no version
    """
    if not re.fullmatch(r"https://[\w.:-]+(/[\w.-]+)+", repository):
        raise ValueError(f"{repository!r} is not the address of a repository, such as https://host/owner/name")
    root = Path(copy)
    found = re.search(
        r'^__version__ = "(.+)"$', (root / "airflow_spark_pipeline/__init__.py").read_text(), re.MULTILINE
    )
    if found is None:
        raise ValueError("airflow_spark_pipeline/__init__.py names no version")
    for name, change in (("README.md", with_absolute_links), ("pyproject.toml", with_urls)):
        file = root / name
        file.write_text(change(file.read_text(encoding="utf-8"), repository, found[1]), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
