"""Drive luigi, with its local scheduler and one worker. What is complete it tells from the outputs."""

import os

import luigi
from common import count_words, fresh_files, main, timed

STORES = []


class Stage(luigi.Task):
    """One stage for one job."""

    stage = luigi.IntParameter()
    number = luigi.IntParameter()

    def requires(self):
        """Name what comes before."""
        return [Stage(self.stage - 1, self.number)] if self.stage else []

    def complete(self):
        """Tell whether it has been done."""
        return self.number in STORES[self.stage + 1]

    def run(self):
        """Do it."""
        STORES[self.stage + 1][self.number] = STORES[self.stage][self.number] + 1


class Count(luigi.Task):
    """One text."""

    source = luigi.Parameter()
    target = luigi.Parameter()

    def complete(self):
        """Tell whether it has been done."""
        return os.path.exists(self.target)

    def run(self):
        """Do it."""
        count_words(self.source, self.target)


def build(tasks):
    """Run tasks."""
    if not luigi.build(tasks, local_scheduler=True, workers=1, log_level="ERROR"):
        raise RuntimeError("luigi has failed")


def chained(count, stages):
    """Run stages over dictionaries, and give the seconds."""
    STORES[:] = [{number: number for number in range(count)}, *({} for _ in range(stages))]
    return timed(lambda: build([Stage(stages - 1, number) for number in range(count)]))


def w1(count, _=None):
    """Two stages, many jobs."""
    return {"runs/s": 2 * int(count) / chained(int(count), 2)}


def w2(count, place):
    """Files."""
    with fresh_files(int(count), place) as directory:
        paths = [[f"{directory}/{name}/j{number}.txt" for name in ("texts", "counts")] for number in range(int(count))]
        seconds = timed(lambda: build([Count(*pair) for pair in paths]))
    return {"jobs/s": int(count) / seconds}


def w7(stages, _=None):
    """Five stages, one job."""
    return {"ms": chained(1, int(stages)) * 1000}


main({"w1": w1, "w2": w2, "w7": w7})
