"""The only writer of content: the state directory, and what survives in it.

Guarantees: no byte that does not match its manifest is ever visible under a package's final
name; no verified byte that was synced is lost, whenever a process or the power fails.
"""

from dlcore.store.cache import CacheLimit as CacheLimit
from dlcore.store.cache import Holding as Holding
from dlcore.store.cache import Seeds as Seeds
from dlcore.store.cache import Stay as Stay
from dlcore.store.folder_digests import folder_digests as folder_digests
from dlcore.store.free_space import Reserve as Reserve
from dlcore.store.free_space import Space as Space
from dlcore.store.free_space import space_at as space_at
from dlcore.store.package import Package as Package
from dlcore.store.partial import Partial as Partial
from dlcore.store.store import Store as Store
from dlcore.store.unproven import Unproven as Unproven
from dlcore.store.verify import Bad as Bad
from dlcore.store.verify import Reason as Reason
from dlcore.store.verify import verify_tree as verify_tree

__all__ = [
    "Bad",
    "CacheLimit",
    "Holding",
    "Package",
    "Partial",
    "Reason",
    "Reserve",
    "Seeds",
    "Space",
    "Stay",
    "Store",
    "Unproven",
    "folder_digests",
    "space_at",
    "verify_tree",
]
