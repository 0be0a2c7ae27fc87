"""Tasks that run beside the downloads."""

from __future__ import annotations

import asyncio
import gc
import weakref

from dlcore.engine.download.tasks import Tasks


async def test_a_task_that_ended_is_let_go_and_its_error_told() -> None:
    """Fault: one of thousands of tasks fails. dlcore tells its error and keeps none of them."""
    told: list[BaseException] = []
    ended: list[weakref.ref[asyncio.Task[None]]] = []

    async def work(error: Exception | None) -> None:
        task = asyncio.current_task()
        assert task is not None
        ended.append(weakref.ref(task))
        del task
        if error:
            raise error

    tasks = Tasks(lambda error: told.append(error))
    tasks.spawn(work(None))
    tasks.spawn(work(ValueError("no luck")))
    for _ in range(3):
        await asyncio.sleep(0)
    assert [str(error) for error in told] == ["no luck"]
    told.clear()
    gc.collect()
    assert [task() for task in ended] == [None, None]
    await tasks.cancel()
