"""Makes a `Destination` from the folder or URL that the user names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from dlcore.errors import ConfigError
from dlcore.extras import require
from dlcore.publish.bucket import SCHEMES, BucketDestination
from dlcore.publish.destination import Destination
from dlcore.publish.folder import FolderDestination
from dlcore.publish.policy import DEFAULT_POLICY, PublishPolicy


def open_destination(where: str, policy: PublishPolicy = DEFAULT_POLICY) -> Destination:
    """Open a folder, or an object store by its URL.

    Raises:
        ConfigError: The URL cannot be used, or the extra ``publish`` is not installed; the user's
            fault. No message repeats the URL's query or credentials.
    """
    if "://" not in where:
        return FolderDestination(Path(where), policy)
    parts = urlsplit(where)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigError(
            f"the {parts.scheme} URL to publish to contains a query or credentials",
            remedy="Pass credentials in the environment, for example AZURE_STORAGE_ACCOUNT_KEY.",
        )
    if parts.scheme not in SCHEMES or not parts.netloc:
        raise ConfigError(
            f"cannot publish to '{where}'",
            remedy="Name a folder, or a URL such as az://container/prefix, s3://... or gs://...",
        )
    require("publish")
    return BucketDestination(where, policy)
