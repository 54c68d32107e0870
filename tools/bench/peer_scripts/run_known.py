"""Drive pydatatask 0.4 by its documented API."""

import asyncio
import time

from common import fresh_files, main

import pydatatask


async def increment(job, source, target):
    """Run one stage for one job."""
    await target.dump(job, await source.info(job) + 1)


def staged(count, stages):
    """Make the pipeline of w1 and w7."""
    new = pydatatask.InProcessMetadataRepository
    stores = [new({f"j{number}": number for number in range(count)}), *(new() for _ in range(stages))]
    dones = [new() for _ in range(stages)]
    tasks = []
    for number in range(stages):
        task = pydatatask.InProcessSyncTask(f"stage{number}", dones[number], func=increment)
        task.link("source", stores[number], is_input=True)
        task.link("target", stores[number + 1], is_output=True)
        if tasks:
            task.link("before", dones[number - 1], required_for_start=True)
        tasks.append(task)
    return pydatatask.Pipeline(tasks, pydatatask.Session(), []), dones[-1]


async def drive(pipeline, how):
    """Run it to its end, one way or the other, and give the seconds."""
    async with pipeline:
        begun = time.perf_counter()
        if how == "update":
            while await pipeline.update():
                pass
    if how == "run":  # opens the pipeline itself
        begun = time.perf_counter()
        await pydatatask.run(pipeline, forever=False, launch_once=False, timeout=None)
    return time.perf_counter() - begun


def chained(count, stages, how):
    """Run the stages, and give the seconds."""
    pipeline, done = staged(count, stages)
    seconds = asyncio.run(drive(pipeline, how))
    if len(done.data) != count:
        raise RuntimeError("the stages have not done what they should")
    return seconds


def w1(count, how):
    """Two stages, many jobs."""
    return {"runs/s": 2 * int(count) / chained(int(count), 2, how)}


def w7(stages, how):
    """Five stages, one job."""
    return {"ms": min(chained(1, int(stages), how) for _ in range(1 if how == "run" else 20)) * 1000}


async def count_words(job, texts, counts):
    """Count the words of a text."""
    async with await texts.open(job, "r") as text:
        words = len((await text.read()).split())
    async with await counts.open(job, "w") as out:
        await out.write(str(words))


def w2(count, place):
    """Files."""
    with fresh_files(int(count), place) as directory:
        done = pydatatask.YamlMetadataFileRepository(f"{directory}/done", ".yaml")
        task = pydatatask.InProcessSyncTask("count", done, func=count_words)
        task.link("texts", pydatatask.FileRepository(f"{directory}/texts", ".txt"), is_input=True)
        task.link("counts", pydatatask.FileRepository(f"{directory}/counts", ".txt"), is_output=True)
        seconds = asyncio.run(drive(pydatatask.Pipeline([task], pydatatask.Session(), []), "update"))
    return {"jobs/s": int(count) / seconds}


main({"w1": w1, "w2": w2, "w7": w7})
