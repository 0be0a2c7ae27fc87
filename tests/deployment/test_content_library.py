"""An endpoint of the kind ``content-library`` in a deployment file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.deployment import parse_deployment
from dlcore.errors import ConfigError
from dlcore.model import EndpointKind

PATH = Path("/etc/dlcore/deployment.toml").absolute()
TABLE = '[[endpoint]]\nname = "D"\nkind = "content-library"\npath = "lib"\n'


def test_it_has_a_path_from_the_folder_of_the_file() -> None:
    text = f'[catalog]\npath = "catalog.json"\n{TABLE}'
    (library,) = parse_deployment(text.encode(), PATH).endpoints
    assert (library.kind, library.url) == (EndpointKind.CONTENT_LIBRARY, str(PATH.parent / "lib"))


def test_it_has_no_catalog() -> None:
    with pytest.raises(ConfigError, match="content library, which has no catalog"):
        parse_deployment(f'[catalog]\nendpoint = "D"\n{TABLE}'.encode(), PATH)
