"""What MkDocs does not know of these documents: they are also read on a code host.

The documents at the top of the project become pages, links between them and ``docs/`` lead to those
pages, and a link to another file of the project, which the site does not have, becomes text. The
finished site must load nothing from another host.
"""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
TOP = {
    "README.md": "index.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
_SOURCES = {page: name for name, page in TOP.items()}
_LINK = re.compile(r"\[((?:[^][]|\[[^][]*\])*)\]\(([^)\s]+)\)")
_FENCED = re.compile(r"(^```.*?^```[^\n]*\n?)", re.DOTALL | re.MULTILINE)
_LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^\"'> ]+"
    r"|<link\b(?![^>]*\brel=[\"']?canonical)[^>]*\bhref=[\"']?(?:https?:)?//[^\"'> ]+"
)
_log = logging.getLogger("mkdocs.hooks.site")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the documents at the top of the project."""
    for name, page in TOP.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to pages of the site."""
    return with_links_of_the_site(markdown, page.file.src_uri)


def with_links_of_the_site(markdown: str, page: str) -> str:
    """The text of a page with its links as the site needs them; code stays as it is.

    Args:
        markdown: The text as the project has it.
        page: Where the page is in the site, such as ``decisions/001-x.md``.
    """
    parts = _FENCED.split(markdown)
    for number in range(0, len(parts), 2):
        parts[number] = _LINK.sub(lambda found: _link(found, page), parts[number])
    return "".join(parts)


def _link(found: re.Match[str], page: str) -> str:
    text, target = found.groups()
    name, _, anchor = target.partition("#")
    if not name or re.match(r"[a-z]+:", name):
        return found[0]
    source = _SOURCES.get(page, f"docs/{page}")
    wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), name))
    if wanted in TOP:
        wanted = TOP[wanted]
    elif wanted.startswith("docs/") and (wanted.endswith(".md") or not (ROOT / wanted).exists()):
        wanted = wanted.removeprefix("docs/")
    elif (ROOT / wanted).exists():
        return text
    place = posixpath.relpath(wanted, posixpath.dirname(page) or ".")
    return f"[{text}]({place}{'#' if anchor else ''}{anchor})"


def on_post_build(*, config: MkDocsConfig) -> None:
    """Warn of everything that a page would load from another host."""
    for path in sorted(Path(config.site_dir).rglob("*.html")):
        for loaded in _LOADED.findall(path.read_text("utf-8")):
            _log.warning("%s loads from another host: %s", path.name, loaded)
