"""Take jobs on a target that have ended, so that no other controller records the same jobs at the same time.

Why is said in :mod:`pydatatask_exec.processes.local.taken_directories`. A target need have no program that locks files,
so a job is taken by a numbered file in its directory, created exclusively, that names the shell of the controller. The
file with the greatest number counts. One with the next number is made only if that shell is gone, and none is removed
while the job may be recorded: so of two controllers that find a shell gone, only one takes its place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePath
from shlex import quote

from pydatatask_exec.processes.ssh.target import Channels

__all__ = ["TakenJobs", "take_code"]

_OURS, _OTHERS = "1", "0"


class TakenJobs:
    """The jobs of one task that this controller has taken."""

    def __init__(self) -> None:
        self._taken: dict[str, Channels] = {}

    def has(self, job: str) -> bool:
        """Return whether a job is taken. Once the connection is lost, others may take it.

        :param job: The job.
        """
        channels = self._taken.get(job)
        return channels is not None and channels.are_open

    async def take(self, channels: Channels, root: PurePath, jobs: Mapping[str, str]) -> set[str]:
        """Take jobs that have ended. Where the target cannot note that, they are not taken.

        :param channels: What is open on the connection.
        :param root: The directory of the task.
        :param jobs: The jobs, with the identity that is recorded in the directory of each.
        :returns: The jobs that another controller has taken, or launched again.
        """
        if not jobs:
            return set()
        lines = await channels.shell.ask(take_code(root, jobs, channels.shell.facts.identity))
        answers = dict(zip(jobs, lines, strict=True))
        self._taken |= {job: channels for job, answer in answers.items() if answer == _OURS}
        return {job for job, answer in answers.items() if answer == _OTHERS}

    def forget(self, jobs: Collection[str]) -> None:
        """Count jobs as taken no more. Their files stay, and are ours as long as the shell is there.

        :param jobs: The jobs.
        """
        for job in jobs:
            self._taken.pop(job, None)


def take_code(root: PurePath, jobs: Mapping[str, str], controller: str) -> str:
    """Return code that takes jobs. The answer has a line for each: 1 if it is taken, 0 if another controller has it.

    It is 2 if the job cannot be taken, as no file can be made.

    :param root: The directory of the task.
    :param jobs: The jobs, with the identity that is recorded in the directory of each.
    :param controller: The identity of the shell.
    """
    return "\n".join(
        f'take "$ticket" {quote(str(root / job))} {quote(pid)} {quote(controller)}' for job, pid in jobs.items()
    )
