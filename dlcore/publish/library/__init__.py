"""How everything that a content library has is published, by one machine or by several.

====================  ==============================================================================
`publishing`          opens what is needed: here it begins
`contents`            which contents a library has
`content_files`       which files a content consists of
`hashing`             their digests; `known_digests`: those that need no reading again
`one_content`         a content is written to the site, apart from the catalog
`all_contents`        all of them, some at a time, and what becomes of each
`entering`            where their entries go: `into_catalog`, or `into_part` of a shard
`withdrawing`         what the library has no more leaves the catalog
`shards`, `joining`   several machines, each with a part; `lost_content`: what is looked at before
`on_dask`             the workers of a Dask scheduler, in place of threads
====================  ==============================================================================
"""
