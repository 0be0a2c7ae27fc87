"""Machines for tests: they answer what the test says, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dlcore.machine import Adapter, Identity, OperatingSystem, SilentMachine

GIB = 1 << 30


class ToldMachine(SilentMachine):
    """Answers what it was told. Implements `Machine`.

    Args:
        answers: By the name of the question; None for a question that has no answer.
    """

    def __init__(self, **answers: Any) -> None:
        super().__init__("nobody told it")
        self.tell(**answers)

    def tell(self, **answers: Any) -> None:
        """Answer otherwise from now on."""
        for question, answer in answers.items():
            assert hasattr(SilentMachine, question)
            setattr(self, question, self._answering(answer))

    def _answering(self, answer: Any) -> Callable[[], Any]:
        def answering() -> Any:
            return self._refuse() if answer is None else answer

        return answering


WINDOWS_11 = OperatingSystem("CLIENT", "10.0.22631", 64, 1033)
LAPTOP: dict[str, Any] = {
    "computer_name": "PC0042",
    "memory_bytes": 8 * GIB,
    "processor_hz": 2_400_000_000,
    "free_disk_bytes": 100 * GIB,
    "is_uefi": True,
    "secure_boot": "Enabled",
    "time_zone": "0,0,0",
    "boot_id": "first",
    "is_on_mains": True,
    "adapters": (
        Adapter("00:15:5D:01:02:03", ("192.0.2.7",), ("192.0.2.1",), is_connected=True),
        Adapter("00:15:5D:01:02:04", ("192.0.2.8",), is_connected=False, is_wired=False),
    ),
    "identity": Identity("Contoso", "Model 1", "SN-1", "TAG-9", "UUID-1"),
    "operating_system": WINDOWS_11,
    "client_version": "5.00.9128.1007",
    "has_tpm": True,
    "is_tpm_enabled": True,
    "is_tpm_activated": True,
}
"""What `ToldMachine` is told about a laptop with Windows 11."""
