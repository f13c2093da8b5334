"""Hooks of MkDocs: pages for the files outside ``docs`` that a page links to, and reST roles in the API reference."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
_LINK = re.compile(r"(\]\()(?!\w+:)([^)#\s]+)((?:#[^)]*)?\))")
_ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):<code>~?([\w.]+?)(\(\))?</code>")
_LANGUAGES = {".py": "python", ".conf": "hocon", ".xml": "xml", ".yaml": "yaml"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file of the repository that a page links to."""
    from mkdocs.structure.files import File

    for path in outside():
        files.append(File.generated(config, page_of(path), content=content_of(path)))
    script = os.environ.get("MERMAID")  # scripts/docs.sh; without it, the theme loads Mermaid from its usual host
    if script:
        files.append(File.generated(config, "assets/mermaid.min.js", abs_src_path=script))
    return files


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Use the Mermaid that was installed with the site's tools."""
    if os.environ.get("MERMAID"):
        config.extra_javascript.append("assets/mermaid.min.js")
    return config


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Point links to files of the repository to their pages."""
    here = Path(page.file.src_uri).parent
    origin = ROOT / here.relative_to("source") if here.parts[:1] == ("source",) else DOCS / here

    def point(match: re.Match[str]) -> str:
        path = in_repository(origin / match[2])
        return match[0] if path is None else f"{match[1]}{os.path.relpath(page_of(path), here)}{match[3]}"

    return _LINK.sub(point, markdown)


def on_page_content(text: str, page: Page, **_: Any) -> str:
    """Show the names in reST roles as code, and what introduces a literal block with one colon."""
    if not page.file.src_uri.startswith("reference/"):
        return text
    text = _ROLE.sub(lambda match: f"<code>{html.escape(match[1].rpartition('.')[2])}{match[2] or ''}</code>", text)
    text = re.sub(r"<p>\.\. code-block:: \w+</p>\n?", "", text)
    return text.replace("::</p>", ":</p>")


def outside() -> list[Path]:
    """Return the files that pages link to and that are not pages of ``docs`` themselves, from the root."""
    found = set[Path]()
    waiting = [page.relative_to(ROOT) for page in DOCS.rglob("*.md")]
    while waiting:
        page = waiting.pop()
        for match in _LINK.finditer((ROOT / page).read_text(encoding="utf-8")):
            path = in_repository((ROOT / page).parent / match[2])
            if path is not None and path not in found and page_of(path).startswith("source/"):
                found.add(path)
                waiting += [path] if path.suffix == ".md" else []
    return sorted(found)


def in_repository(path: Path) -> Path | None:
    """Return a file as a path from the root, if it has a page or is a picture of ``docs``."""
    path = path.resolve()
    if not path.is_file() or not path.is_relative_to(ROOT):
        return None
    path = path.relative_to(ROOT)
    return path if path.suffix != ".png" or path.parts[0] == "docs" else None


def page_of(path: Path) -> str:
    """Return the page that shows a file, or the picture itself, as a path in the site."""
    if path.parts[0] == "docs" and path.suffix in (".md", ".png"):
        return path.relative_to("docs").as_posix()
    return f"source/{path.as_posix()}{'' if path.suffix == '.md' else '.md'}"


def content_of(path: Path) -> str:
    """Return the page that shows a file."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    return f"# `{path.as_posix()}`\n\n````{_LANGUAGES.get(path.suffix, 'text')}\n{text}````\n"
