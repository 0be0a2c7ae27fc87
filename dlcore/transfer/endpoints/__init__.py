"""The kinds of endpoints, one module each.

To add a kind, for example a web server that asks for NTLM:

1. Settings: add a member to `dlcore.model.EndpointKind`, and to `dlcore.model.EndpointSettings`
   only what no other kind has. Settings name the place of a secret and never hold it;
   `credentials` reads it from there.
2. Class: a module here with a class that implements `dlcore.transfer.interface.Endpoint`. Build it
   on ``http.readers``, and return a `placement.PackagePlacement` from ``locate``. `web_server` is
   the shortest model.
3. Authentication: keep what expires in a `lease.Lease`, and run each request inside `Lease.use`.
   It renews the value ahead of time, and once after a 401 or 403. A login that belongs to a
   connection (NTLM, Negotiate) goes into ``http.client``, where proxies and TLS are chosen.
4. Factory: one line in `factory.open_endpoint`.
5. Tests: add the kind's server to ``SOURCES`` in ``tests/transfer/conftest.py``. The conformance
   suite (``tests/transfer/conformance.py``) then runs on it, and must pass.
"""
