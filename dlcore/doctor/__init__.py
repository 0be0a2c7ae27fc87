"""What keeps dlcore from working here: this installation, the state directory, each endpoint.

``examine`` looks; ``installation``, ``state_directory`` and ``way_to_endpoint`` judge what it
found, and do no I/O.
"""

from dlcore.doctor.examine import Diagnosis, examine

__all__ = ["Diagnosis", "examine"]
