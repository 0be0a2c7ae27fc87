"""The cache: what the packages of a state directory, and other folders, have in common.

The files of the packages are themselves what is cached; there is no second copy. The *index* says
where a digest lies. It is a hint and never proof: what it names is hashed before it counts, and it
is made again from what is on disk whenever it is lost, damaged or of another version.

Guarantees: nothing here makes a fetch fail. Without an index, a seed or a link, content is fetched
and stored as if there were no cache.
"""

from __future__ import annotations

from dlcore.store.cache.cache import Cache as Cache
from dlcore.store.cache.eviction import CacheLimit as CacheLimit
from dlcore.store.cache.eviction import Holding as Holding
from dlcore.store.cache.eviction import Stay as Stay
from dlcore.store.cache.seeds import Seeds as Seeds

__all__ = ["Cache", "CacheLimit", "Holding", "Seeds", "Stay"]
