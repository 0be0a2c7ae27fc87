"""What keeps dlcore from working here: the installation, the state directory, each endpoint.

``examine`` looks, and ``deployment_catalog`` at the catalog of the settings. ``installation``,
``state_directory`` and ``way_to_endpoint`` judge what was found, and do no I/O.
"""

from dlcore.doctor.deployment_catalog import deployment_catalog
from dlcore.doctor.examine import Diagnosis, examine

__all__ = ["Diagnosis", "deployment_catalog", "examine"]
