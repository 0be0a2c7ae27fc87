"""The client of the agent's local API: `dlcore.AgentClient`."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from dlcore.agent.addresses import AgentAddress, address_of
from dlcore.agent.admission import HOST
from dlcore.agent.errors_over_http import error_of
from dlcore.agent.event_stream import MAX_LINE_BYTES, read_events
from dlcore.agent.interface import (
    API_VERSION,
    AgentEvent,
    AgentStatus,
    ObtainTerms,
    PackageStatus,
    Trouble,
    Want,
)
from dlcore.agent.local import connector
from dlcore.agent.patience import AgentAwayError, EndingError, Patience, unreachable
from dlcore.agent.routes import BASE, JSON
from dlcore.disk.faults import guarded
from dlcore.errors import AgentError, LockedError
from dlcore.store.lock import StateLock
from dlcore.waiting import cancel_and_wait, in_thread

T = TypeVar("T")
_CONNECT_S: Final = 10.0  # on one machine; an agent that takes longer hangs
_ANSWER_S: Final = 60.0  # a want is synced to a disk that may be busy
_RETRY_S: Final = 0.1


class AgentClient:
    """A running agent, as a client sees it: a `ContentAgent`.

    Args:
        state: The state directory that the agent owns.
        address: Where it listens, if not where the state directory says.
        patience_s: How long a call waits for an agent that cannot be reached, for example while it
            restarts. 0.0: it must be there. In any case, a call is given up when the agent has
            ended a hundred times before it answered.
        retry_s: Seconds between two attempts.
        answer_s: How long a call waits for the answer. A package may take longer, as long as the
            agent answers other questions in that time.

    Example::

        async with AgentClient(state) as agent:
            await agent.want(Want("mine", packages=("ABC00012",)))
            folder = await agent.obtain("ABC00012")
    """

    def __init__(
        self,
        state: Path,
        *,
        address: AgentAddress | None = None,
        patience_s: float = 30.0,
        retry_s: float = _RETRY_S,
        answer_s: float = _ANSWER_S,
    ) -> None:
        self._address = address or address_of(state)
        self._patience_s = patience_s
        self._retry_s = retry_s
        self._answer_s = answer_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Nothing is asked yet."""
        self._session = aiohttp.ClientSession(
            f"http://{HOST}",
            connector=connector(self._address),
            read_bufsize=MAX_LINE_BYTES,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session:
            await self._session.close()

    async def status(self) -> AgentStatus:
        """The state of the agent: what it wants and what it has.

        Raises:
            AgentError: It cannot be reached, or speaks another version.
        """
        status = _decoded(await self._send("GET", "/status"), AgentStatus)
        if status.api_version != API_VERSION:
            raise AgentError(
                f"the agent speaks version {status.api_version} of its API, and this dlcore"
                f" speaks {API_VERSION}",
                remedy="Install the same version of both.",
            )
        return status

    async def is_there(self) -> bool:
        """Whether an agent runs there, and this dlcore can speak with it.

        Raises:
            AgentError: It is another user's, speaks another version, or does not answer.
        """
        now_s = asyncio.get_running_loop().time
        asked_s = now_s()
        try:
            async with self._opened.get(
                f"{BASE}/status", timeout=_timeout(self._answer_s)
            ) as response:
                await _checked(response)
                _decoded(await response.read(), AgentStatus)
        except TimeoutError as error:
            raise unreachable(self._address, error, now_s() - asked_s) from error
        except (aiohttp.ClientConnectionError, FileNotFoundError, EndingError):
            return False  # nobody is there, or not any more
        except aiohttp.ClientError as error:
            raise _other_version(type(error).__name__) from error
        return True

    async def want(self, want: Want) -> None:
        """Want something from now on, in place of the earlier want of that name.

        It is on the agent's disk on return.

        Raises:
            AgentError: The agent cannot be reached.
            TaskSequenceError: The sequence cannot be read.
            ConfigError: There are too many wants.
            StorageError: The agent's disk failed.
        """
        await self._send("PUT", f"/wants/{quote(want.name, safe='')}", want)

    async def forget(self, name: str) -> None:
        """Forget a want; content that is there stays. Idempotent.

        Raises:
            AgentError: The agent cannot be reached.
            StorageError: The agent's disk failed.
        """
        await self._send("DELETE", f"/wants/{quote(name, safe='')}")

    async def package(self, package_id: str) -> PackageStatus:
        """Where a package stands now.

        Raises:
            AgentError: The agent cannot be reached.
        """
        path = f"/packages/{quote(package_id, safe='')}"
        return _decoded(await self._send("GET", path), PackageStatus)

    async def look(self) -> None:
        """Have the agent look at the site's catalog, unless it did so a moment ago.

        `package` tells the version afterwards, and why the catalog could not be read.

        Raises:
            AgentError: The agent cannot be reached.
        """
        await self._send("POST", "/catalog/look")

    async def obtain(self, package_id: str) -> Path:
        """Wait for a package, before all others, and have the agent prove it.

        Returns:
            The folder with its files. It belongs to the agent: read from it, write nothing.

        Raises:
            AgentError: The agent cannot be reached.
            DlcoreError: As `dlcore.Client.fetch`.
        """
        return Path((await self.obtained(package_id)).folder)

    async def obtained(self, package_id: str, terms: ObtainTerms | None = None) -> PackageStatus:
        """As `obtain`, with all that the agent says of the package then.

        Args:
            package_id: The package.
            terms: How it is handed out; None: for no want, and only to be read.

        Raises:
            LockedError: A step of a run works in it.
            NotFoundError: The agent has no want of that name.
            AgentError: The agent cannot be reached, or has stopped answering.
            DlcoreError: As `obtain`.
        """
        path = f"/packages/{quote(package_id, safe='')}/obtain"
        asking = self._send("POST", path, terms, is_quick=False)
        return _decoded(await self._while_it_answers(asking), PackageStatus)

    async def stop(self) -> None:
        """End the agent. What is verified stays.

        Raises:
            AgentError: The agent cannot be reached.
        """
        await self._send("POST", "/stop")

    async def ended(self) -> None:
        """Wait until the agent has released the state directory: then its work on disk has ended.

        It is not asked: where systemd listens for it, a call would start it again.

        Raises:
            AgentError: It does not end.
            StorageError: The state directory cannot be used.
        """
        state = self._address.state
        try:
            with guarded(f"wait for the agent of {state}", state):
                lock = await in_thread(StateLock, state, self._answer_s)
        except LockedError as error:
            raise AgentError(
                f"the agent of {state} was asked to end, and has not done so within"
                f" {self._answer_s:g} s",
                remedy="Wait, or end its process.",
            ) from error
        lock.release()

    async def events(self, after: int | None = None) -> AsyncGenerator[AgentEvent]:
        """What happens from now on, or since the event of a number.

        A lost connection is taken up again; events that the agent no longer has are left out.

        Raises:
            AgentError: The agent cannot be reached, or is lost.
        """
        patience = Patience(self._patience_s, self._retry_s)
        while True:
            headers = {} if after is None else {"Last-Event-ID": str(after)}
            try:
                async with self._opened.get(
                    f"{BASE}/events", headers=headers, timeout=_timeout(None)
                ) as response:
                    await _checked(response)
                    async for event in read_events(response.content):
                        patience.renew()
                        after = event.number if event.number >= 0 else after
                        if event.line:
                            patience.served()
                            yield event
                reason: Exception = ConnectionError("the agent has ended")
            except (aiohttp.ClientError, OSError, ValueError, EndingError) as error:
                reason = error
            patience.lost(reason)
            await patience.wait(self._address, reason)

    async def _send(
        self,
        method: str,
        path: str,
        body: msgspec.Struct | None = None,
        *,
        is_quick: bool = True,
    ) -> bytes:
        data = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": JSON} if data is not None else {}
        patience = Patience(self._patience_s, self._retry_s)
        while True:
            try:
                content = None if data is None else io.BytesIO(data)
                async with self._opened.request(
                    method,
                    BASE + path,
                    data=content,
                    headers=headers,
                    timeout=_timeout(self._answer_s if is_quick else None),
                ) as response:
                    await _checked(response)
                    return await response.read()
            except (aiohttp.ClientError, OSError, EndingError) as error:
                patience.lost(error)
                await patience.wait(self._address, error)

    async def _while_it_answers(self, asking: Coroutine[Any, Any, bytes]) -> bytes:
        """Wait for what may take hours, as long as the agent answers other questions in time."""
        waiting = asyncio.ensure_future(asking)
        now_s = asyncio.get_running_loop().time
        answered_s = now_s()
        try:
            while not (await asyncio.wait({waiting}, timeout=self._answer_s))[0]:
                await self.is_there()
                answered_s = now_s()
            return waiting.result()
        except AgentAwayError as error:
            if not waiting.done():  # it is silent since then, and not since the last question only
                error.date_back(now_s() - answered_s)
            raise
        finally:
            await cancel_and_wait([waiting])

    @property
    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise AgentError("the client is not open", remedy="Use it in an 'async with'.")
        return self._session


@contextlib.asynccontextmanager
async def running_agent_of(state: Path) -> AsyncIterator[AgentClient | None]:
    """The agent that owns a state directory; None if none runs there.

    Raises:
        AgentError: What listens there is another user's, or speaks another version.
    """
    async with AgentClient(state, patience_s=0.0) as looking:
        is_there = await looking.is_there()
    if not is_there:
        yield None
        return
    async with AgentClient(state) as agent:
        yield agent


async def _checked(response: aiohttp.ClientResponse) -> None:
    """Raise the error that an answer tells of."""
    if response.status < 300:
        return
    try:
        trouble = msgspec.json.decode(await response.read(), type=Trouble)
    except msgspec.DecodeError as error:
        raise _other_version(str(response.status)) from error
    if trouble.code == AgentError.code and response.status == 503:
        raise EndingError(trouble.message)
    raise error_of(trouble)


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise _other_version(str(error)) from error


def _other_version(why: str) -> AgentError:
    return AgentError(
        f"the agent gave an answer that this dlcore does not understand: {why}",
        remedy="Install the same version of both.",
    )


def _timeout(total_s: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total_s, connect=_CONNECT_S, sock_read=None)
