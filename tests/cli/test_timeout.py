"""``dlcore fetch --timeout``: how long a server may bring nothing."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from tests.cli.files import mirror
from tests.cli.helpers import Here

CONTENT = random.Random(9).randbytes(300_003)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def test_a_server_that_stalls_is_given_up_after_a_time(here: Here, tmp_path: Path) -> None:
    """Fault: a server answers and sends nothing. dlcore waits as long as --timeout says."""
    with mirror(CONTENT) as server:
        command = ("fetch", server.url(), "--sha256", SHA256, "-o", tmp_path / "to", "--timeout")
        server.gate.clear()
        try:
            ended = here(*command, "0.2", "--retries", "0", "--json")
        finally:
            server.gate.set()
        assert (ended.status, ended.error["code"]) == (6, "exhausted")
        assert "0.2 s" in ended.error["message"]
        asked = len(server.asked)
        for wrong in ("0", "-1", "nan", "soon"):
            assert here(*command, wrong).status == 2
        assert here(*command, "1", "--retry-time", "nan").status == 2  # it would be without end
        assert len(server.asked) == asked
        assert here(*command, "30", "--json").document["verified"]
