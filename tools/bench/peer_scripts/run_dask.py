"""Drive dask's distributed scheduler, with threads of this process for workers. It records nothing."""

from common import count_words, fresh_files, main, timed
from distributed import Client


def increment(value):
    """Run one stage for one job."""
    return value + 1


def chained(client, count, stages):
    """Run stages whose values are passed on, and give the seconds."""

    def run():
        futures = list(range(count))
        for _ in range(stages):
            futures = client.map(increment, futures, pure=False)
        if sum(client.gather(futures)) != sum(range(count)) + stages * count:
            raise RuntimeError("the stages have not done what they should")

    return timed(run)


def w1(count, _=None):
    """Two stages, many jobs."""
    with Client(processes=False, dashboard_address=":0") as client:
        return {"runs/s": 2 * int(count) / chained(client, int(count), 2)}


def w2(count, place):
    """Files."""
    with fresh_files(int(count), place) as directory, Client(processes=False, dashboard_address=":0") as client:
        sources, targets = (
            [f"{directory}/{name}/j{number}.txt" for number in range(int(count))] for name in ("texts", "counts")
        )
        seconds = timed(lambda: client.gather(client.map(count_words, sources, targets, pure=False)))
    return {"jobs/s": int(count) / seconds}


def w7(stages, _=None):
    """Five stages, one job."""
    with Client(processes=False, dashboard_address=":0") as client:
        return {"ms": min(chained(client, 1, int(stages)) for _ in range(10)) * 1000}


if __name__ == "__main__":
    main({"w1": w1, "w2": w2, "w7": w7})
