"""The settings of an emulator."""

from __future__ import annotations

import msgspec

from dlcore.model import EndpointKind


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one emulator.

    Attributes:
        kind: ``cmg`` or ``cloud-dp``: the same service under two names.
        host: Address or name to listen on; also part of the certificate.
        port: Port of the HTTPS service; 0 for any free port.
        serve_content: The gateway's setting "serve content from Azure storage".
        dp: Whether to serve the folder as an on-premises distribution point too, over plain HTTP.
        dp_port: Port of the distribution point; 0 for any free port.
        windows_dp: Whether to serve it as one with Windows authentication too, over HTTPS.
        certificate_dp: Whether to serve it as one that demands a client certificate too.
        bandwidth_bytes_per_s: Bandwidth that all responses share; None if it is not limited.
        latency_s: Delay before the first byte of each response.
        token_life_s: Time for which an access token is valid.
        location_life_s: Time for which a signed location is valid.
    """

    kind: EndpointKind = EndpointKind.CMG
    host: str = "127.0.0.1"
    port: int = 0
    serve_content: bool = True
    dp: bool = False
    dp_port: int = 0
    windows_dp: bool = False
    certificate_dp: bool = False
    bandwidth_bytes_per_s: float | None = None
    latency_s: float = 0.0
    token_life_s: float = 8 * 3600.0
    location_life_s: float = 3600.0
