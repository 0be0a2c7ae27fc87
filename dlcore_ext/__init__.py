"""The native core: C behind Cython. Only ``dlcore.native`` imports it; it imports no dlcore."""
