"""Documents of a site, in the forms that were observed."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

HASH = "3E" * 32
TOKEN_METHOD = '<Property Name="AuthMethod" Value="1024"/>'


def record(url: str, locality: str = "LOCAL", *, properties: str = "", kind: str = "SERVER") -> str:
    """One location of a reply."""
    return (
        f'<LocationRecord><URL Name={quoteattr(url)} Signature="" Capability="0"/>'
        f'<Version>8239</Version><Capabilities SchemaVersion="1.0">{properties}</Capabilities>'
        f"<DPType>{kind}</DPType><Locality>{locality}</Locality></LocationRecord>"
    )


def reply(*records: str, hash_: str = HASH, algorithm: str = "32780") -> bytes:
    """The reply of a management point, in UTF-16 as on the wire."""
    document = (
        f'<ContentLocationReply SchemaVersion="1.00" HashAlgorithm="{algorithm}" Hash="{hash_}">'
        '<ContentInfo PackageFlags="32"/><Sites><Site><MPSite SiteCode="ABC" SiteLocality="LOCAL"/>'
        f"<LocationRecords>{''.join(records)}</LocationRecords></Site></Sites>"
        "</ContentLocationReply>"
    )
    return document.encode("utf-16")
