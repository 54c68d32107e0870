"""Drive parsl, with threads of this process for workers. It records nothing."""

import parsl
from common import count_words, fresh_files, main, timed
from parsl.config import Config
from parsl.executors.threads import ThreadPoolExecutor

parsl.load(Config(executors=[ThreadPoolExecutor(max_threads=15)], initialize_logging=False))


@parsl.python_app
def increment(value):
    """Run one stage for one job."""
    return value + 1


count_app = parsl.python_app(count_words)


def chained(count, stages):
    """Run stages whose values are passed on, and give the seconds."""

    def run():
        futures = list(range(count))
        for _ in range(stages):
            futures = [increment(future) for future in futures]
        if sum(future.result() for future in futures) != sum(range(count)) + stages * count:
            raise RuntimeError("the stages have not done what they should")

    return timed(run)


def w1(count, _=None):
    """Two stages, many jobs."""
    return {"runs/s": 2 * int(count) / chained(int(count), 2)}


def w2(count, place):
    """Files."""
    with fresh_files(int(count), place) as directory:
        paths = [[f"{directory}/{name}/j{number}.txt" for name in ("texts", "counts")] for number in range(int(count))]

        def run():
            for future in [count_app(*pair) for pair in paths]:
                future.result()

        seconds = timed(run)
    return {"jobs/s": int(count) / seconds}


def w7(stages, _=None):
    """Five stages, one job."""
    return {"ms": min(chained(1, int(stages)) for _ in range(10)) * 1000}


main({"w1": w1, "w2": w2, "w7": w7})
parsl.clear()
