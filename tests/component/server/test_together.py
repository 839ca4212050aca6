"""What many ask for at the same moment is carried out together."""

import asyncio
import threading

from launcher.server.together import Together


class Work:
    """Rounds that begin when they are let. A wish that is negative is refused."""

    def __init__(self):
        self.rounds = []
        self.begun, self.go_on = threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self, wishes):
        self.rounds.append(list(wishes))
        self.begun.release()
        assert self.go_on.acquire(timeout=20)
        return [ValueError(str(wish)) if wish < 0 else wish * 10 for wish in wishes]


async def ask_all(together, wishes):
    asked = [asyncio.create_task(together.ask(wish)) for wish in wishes]
    await asyncio.sleep(0)
    return asked


def test_who_comes_during_a_round_is_in_the_next_and_each_gets_his_own_answer():
    work = Work()

    async def story():
        together = Together(work)
        asked = await ask_all(together, [1])
        await asyncio.to_thread(work.begun.acquire)
        asked += await ask_all(together, [2, -3, 4])
        work.go_on.release(2)
        return await asyncio.gather(*asked, return_exceptions=True)

    first, second, refused, last = asyncio.run(story())
    assert (first, second, last) == (10, 20, 40)
    assert isinstance(refused, ValueError)
    assert work.rounds == [[1], [2, -3, 4]]


def test_a_round_has_at_most_so_many():
    work = Work()
    work.go_on.release(9)

    async def story():
        return await asyncio.gather(*await ask_all(Together(work, at_once=2), range(5)))

    assert asyncio.run(story()) == [0, 10, 20, 30, 40]
    assert work.rounds == [[0, 1], [2, 3], [4]]


def test_who_goes_away_holds_up_nobody_and_his_wish_is_carried_out():
    work = Work()

    async def story():
        together = Together(work)
        gone, other = await ask_all(together, [1, 2])
        await asyncio.to_thread(work.begun.acquire)
        gone.cancel()
        work.go_on.release()
        return await other

    assert asyncio.run(story()) == 20
    assert work.rounds == [[1, 2]]


def test_a_round_that_breaks_is_told_to_all_of_it_and_the_next_one_goes_on():
    def broken(wishes):
        if 1 in wishes:
            raise RuntimeError("broken")
        return list(wishes)

    async def story():
        together = Together(broken)
        told = await asyncio.gather(*await ask_all(together, [1, 2]), return_exceptions=True)
        return told, await together.ask(3)

    told, later = asyncio.run(story())
    assert [type(one) for one in told] == [RuntimeError, RuntimeError]
    assert later == 3
