"""HTTP clients with another policy than the default."""

from __future__ import annotations

from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.pool import ConnectionPool
from dlcore.transfer.policy import TransferPolicy


def client_for(stall_s: float, ca_file: str = "") -> HttpClient:
    """A client that gives a silent server up after ``stall_s`` seconds."""
    return HttpClient("edge", ConnectionPool(TransferPolicy(stall_s=stall_s)), ca_file=ca_file)
