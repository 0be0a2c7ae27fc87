"""A published folder as a web server has it, with one object that is served wrongly."""

from __future__ import annotations

from pathlib import Path

from bench.web import Behaviour, Page, Web


class Site(Web):
    """A published folder whose one object is served by a behaviour; HEAD is answered rightly."""

    def __init__(self, root: Path, object_key: str, behaviour: Behaviour) -> None:
        super().__init__({})
        self.root = root
        self.object_path = f"/{object_key}"
        self.content = (root / object_key).read_bytes()
        self.behaviour = behaviour

    def page(self, path: str, method: str) -> Page:
        """The object by the behaviour, all else as it is."""
        if path == self.object_path:
            return Page(self.content, self.behaviour) if method == "GET" else Page(self.content)
        file = self.root / path.lstrip("/")
        return Page(file.read_bytes() if file.is_file() else b"")
