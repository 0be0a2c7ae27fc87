"""The OpenAPI document, and an agent that is asked all that it allows and forbids."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from aiohttp import web

from dlcore.agent.api import application
from dlcore.agent.openapi import openapi_document
from dlcore.agent.routes import BASE, ROUTES
from dlcore.agent.service import AgentService
from dlcore.engine.client import Client
from tests.engine.machine import OS
from tests.engine.scene import deployment
from tests.seeds import given_seed

MAX_EXAMPLES = int(os.environ.get("DLCORE_API_EXAMPLES") or 4)  # of each call, right and wrong


def test_every_call_is_described() -> None:
    document = openapi_document("1.2")
    described = {
        (method.upper(), path) for path, calls in document["paths"].items() for method in calls
    }
    assert described == {(route.method, BASE + route.path) for route in ROUTES}
    assert document["components"]["schemas"]["Want"]["additionalProperties"] is False


def test_every_reference_leads_somewhere() -> None:
    document = openapi_document("1.2")

    def look(part: Any) -> None:
        if isinstance(part, dict):
            name = part.get("$ref", "").rpartition("/")[2]
            assert not name or name in document["components"]["schemas"]
            for each in part.values():
                look(each)
        elif isinstance(part, list):
            for each in part:
                look(each)

    look(document["paths"])
    look(document["components"])


@contextlib.contextmanager
def served_over_tcp(root: Path, state: Path) -> Iterator[str]:
    """An agent in a thread, at a port of the loopback address; schemathesis speaks TCP."""
    hosts: list[str] = []
    is_ready = threading.Event()
    loop = asyncio.new_event_loop()

    async def main() -> None:
        async with Client(deployment(root), state) as client:
            service = AgentService(client, version="1.2", config="")
            await service.start()
            runner = web.AppRunner(
                application(service, "1.2", hosts), access_log=None, shutdown_timeout=0.1
            )
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            hosts.append(f"127.0.0.1:{runner.addresses[0][1]}")
            is_ready.set()
            ended.append(asyncio.Event())
            await ended[0].wait()
            await runner.cleanup()
            await service.aclose()

    ended: list[asyncio.Event] = []
    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    try:
        assert is_ready.wait(30)
        yield f"http://{hosts[0]}"
    finally:
        loop.call_soon_threadsafe(lambda: ended[0].set())
        thread.join()
        loop.close()


def test_the_agent_keeps_to_its_own_description(published: Path, tmp_path: Path) -> None:
    """Schemathesis sends what the document allows, and what it forbids, and checks each answer."""
    schemathesis = pytest.importorskip("schemathesis")
    seed = given_seed(random.randrange(2**32))
    sys.stdout.write(f"DLCORE_SEED={seed}\n")  # shown if it fails
    with served_over_tcp(published, tmp_path) as url:
        schema = schemathesis.openapi.from_dict(openapi_document("1.2"))
        # Whether a text is a task sequence cannot be said in a schema: 422.
        good = schema.config.checks.positive_data_acceptance
        good.expected_statuses = [*good.expected_statuses, "422"]
        asked = 0
        for found in schema.exclude(operation_id="events").get_all_operations():
            operation = found.ok()
            for mode in schemathesis.GenerationMode:

                @hypothesis.seed(seed)
                @hypothesis.settings(
                    max_examples=MAX_EXAMPLES,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(hypothesis.HealthCheck),
                    phases=[hypothesis.Phase.generate],
                )
                @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
                def ask(case: Any) -> None:
                    nonlocal asked
                    asked += 1
                    case.call_and_validate(base_url=url, timeout=30)

                # Nothing about some calls can be wrong.
                with contextlib.suppress(hypothesis.errors.Unsatisfiable):
                    ask()
        assert asked > 2 * MAX_EXAMPLES
        response = schema[f"{BASE}/packages/{{package_id}}/obtain"]["POST"].Case(
            path_parameters={"package_id": OS}
        )
        response.call_and_validate(base_url=url, timeout=30)
