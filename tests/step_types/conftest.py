"""The site and the client of the cases, on which the page's example runs."""

from __future__ import annotations

from tests.cases.conftest import client as client
from tests.cases.conftest import published as published
