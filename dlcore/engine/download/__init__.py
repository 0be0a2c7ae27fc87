"""Downloads packages: the loop that binds schedule, transfer and store.

The way of the data: `connections` asks the scheduler what each connection fetches; a `receiver`
reads it from the network into a `sink` of pooled `buffers`, or into the `split_block_buffer` of a
block that several requests share; the `verifier` gathers full buffers into jobs that verify and
write them in threads; the `reporter` tells the scheduler, and `decisions` carries out what follows.

`fetcher` is the life of one request, `packages` that of packages, `package_index` knows manifests
and which endpoint holds what, `meter` counts bytes.
"""
