"""The HTTP client: from a URL to the checked bytes of a response.

* `client`: sends requests of one endpoint. `pool`: the connections, shared by all endpoints.
* `following`: sends them where redirects lead. `redirects`: the rules; `redirect_memory`: what is
  known.
* `readers`: reads a range or a document and refuses any response that does not fit the request.
* `receive`: moves a body into a sink, by the `direct` path where possible.
* `response`, `stall_timer`, `faults`: status, headers and body; when to give up; what went wrong.

It knows nothing of packages and endpoint kinds, and must not import ``dlcore.transfer.endpoints``.
"""
