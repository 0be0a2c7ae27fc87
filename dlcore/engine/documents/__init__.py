"""The catalog and the manifests: read, verified, pinned for a run."""
