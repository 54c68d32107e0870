"""Count the live jobs of a process task against its quota."""

from __future__ import annotations

from pydatatask_core.quotas.resources import Resources
from pydatatask_exec.launching.quota import Holding, LaunchQuota
from pydatatask_exec.processes.claims import ProcessClaim

__all__ = ["QuotaAccount"]


class QuotaAccount:
    """Enter live jobs at the task's quota, and release those that have ended.

    :param quota: The quota.
    :param request: What each job uses.
    """

    def __init__(self, quota: LaunchQuota, request: Resources) -> None:
        self._quota = quota
        self._request = request

    def enter(self, claim: ProcessClaim) -> bool:
        """Count a job.

        :param claim: Its claim.
        :returns: Whether the quota has to :meth:`recount`, as the job is not being launched here.
        """
        return self._quota.enter(_run_of(claim), Holding(claim.job, self._request, claim.start_time))

    async def recount(self) -> None:
        """Have the quota ask all tasks again what they use."""
        await self._quota.manager.flush()

    def leave(self, claim: ProcessClaim) -> None:
        """Stop counting a job. Its launch counts for the rest of the window.

        :param claim: Its claim.
        """
        self._quota.leave_at_once(_run_of(claim))


def _run_of(claim: ProcessClaim) -> str:
    return f"{claim.job} {claim.pid}"
