"""Runs a task sequence: gates each step on its content, and survives a restart.

The way through the room: `client` opens everything, and `content` begins packages. Its inner rooms:

- `running/` goes through the steps of a sequence;
- `fetching/` gets packages outside any sequence: `sources` opens the endpoints, `finding` finds the
  manifests, `placing` finds the place of each, a `joint_download` brings them;
- `documents/` reads the catalog and the manifests;
- `download/` brings the blocks of packages;
- `delivery/` puts content where it goes in the end;
- `events/` says what can be told, and `listeners/` what becomes of it.

`preflight_facts` collects what preflight has to know, `precache` has a sequence's content ready
before it runs, `traffic` bounds what both may take of the link.

Nothing is imported here, so a fetch of one package does not import what runs a sequence.
"""
