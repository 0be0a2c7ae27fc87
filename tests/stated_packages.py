"""A distribution point with a package that nobody published, and settings that state its hash."""

from __future__ import annotations

from pathlib import Path

from dlcore.deployment import Deployment, parse_deployment
from dlcore.long_path import long_path
from dlcore.manifest import content_hash
from dlcore.store import folder_digests
from tests.library_points import TREE
from tests.publish.helpers import write_tree
from tests.publish.library import PACKAGE_ID, write_library


def write_point(root: Path) -> tuple[Path, str]:
    """The content library of a distribution point, and the content hash of the package in it."""
    library = write_library(long_path(root / "SCCMContentLib"), TREE, versions=(3, 11))
    return library, content_hash(folder_digests(write_tree(root / "plain", TREE)))


def stating(url: str, told: str, more: str = "", *, version: int | None = None) -> Deployment:
    """Settings with the distribution point at a URL; without a hash if ``told`` is empty."""
    stated = f'[packages.{PACKAGE_ID}]\ncontent_hash = "{told}"\n' if told else ""
    stated += f"version = {version}\n" if version else ""
    text = (
        f"{stated}[client]\non_internet = false\n{more}\n"
        f'[[endpoint]]\nname = "dp1"\nkind = "dp"\nurl = "{url}"\n'
    )
    return parse_deployment(text.encode(), Path("deployment.toml").absolute())
