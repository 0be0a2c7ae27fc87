"""Downloads packages: the loop that binds schedule, transfer and store.

The way of a byte: `downloads` runs a task a connection, which asks the schedule for a range;
`range_fetch` receives it into a `sink` of pooled `buffers`; `verifier` gathers full buffers into
jobs that verify and write them in threads. `library` knows manifests and who holds what,
`package` the state of one package, `meter` the bytes and the rate.
"""
