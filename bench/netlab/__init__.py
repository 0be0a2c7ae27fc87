"""The network laboratory: dlcore and others over links of given rate, delay and loss.

Guarantees: one machine, two or more network namespaces, one mechanism for every link (relay.c), one
run for all tools; whatever is made is removed again, also after a run that was killed. Assumes root
on Linux, a C compiler, iproute2 and nginx. Not for the CPU cost of fetching: see `bench.fetch`.
"""
