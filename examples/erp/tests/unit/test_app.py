import asyncio

from erp.app import end


def test_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    async def stubborn(swallowed: list[int]) -> None:
        while len(swallowed) < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed.append(1)
        await asyncio.Event().wait()

    async def run() -> bool:
        task = asyncio.create_task(stubborn([]))
        await asyncio.sleep(0)
        await asyncio.wait_for(end(task), 10)
        return task.cancelled()

    assert asyncio.run(run())
