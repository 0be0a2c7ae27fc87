"""The kinds of endpoints, one module each, built on ``http`` or on a file system.

`interface.Endpoint` says what each guarantees; `web_server` is the shortest model. `factory` makes
them from settings, `credentials` reads their secrets, `lease` renews what expires, and
`tests/transfer/conformance.py` holds them to the contract. ``docs/architecture.md`` lists the steps
to add a kind or an authentication.
"""
