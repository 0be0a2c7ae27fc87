"""What a ConfigMgr site tells of where its content lies, as endpoints of a deployment file."""

from __future__ import annotations

from dlcore.locations.deployment_file import deployment_file
from dlcore.locations.endpoints import FoundEndpoint, endpoints_of
from dlcore.locations.reading import MAX_BYTES, read_site_document
from dlcore.locations.site_document import Access, Location, Package, SiteDocument

__all__ = [
    "MAX_BYTES",
    "Access",
    "FoundEndpoint",
    "Location",
    "Package",
    "SiteDocument",
    "deployment_file",
    "endpoints_of",
    "read_site_document",
]
