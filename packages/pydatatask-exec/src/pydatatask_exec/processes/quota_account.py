"""What the live jobs of a process task use of its quota."""

from __future__ import annotations

from pydatatask_core.quotas.resources import Resources
from pydatatask_exec.launching.quota import Holding, LaunchQuota
from pydatatask_exec.processes.claims import ProcessClaim

__all__ = ["QuotaAccount"]


class QuotaAccount:
    """The account at the task's quota: live jobs are entered, those that have ended leave.

    :param quota: The quota.
    :param request: What each job uses.
    """

    def __init__(self, quota: LaunchQuota, request: Resources) -> None:
        self._quota = quota
        self._request = request

    def enter(self, claim: ProcessClaim) -> bool:
        """Count a job.

        :param claim: Its claim.
        :returns: Whether the quota has to be told, as nobody here is launching the job: see :meth:`recount`.
        """
        return self._quota.enter(_run_of(claim), Holding(claim.job, self._request, claim.start_time))

    async def recount(self) -> None:
        """Have the quota ask anew what is in use."""
        await self._quota.manager.flush()

    def leave(self, claim: ProcessClaim) -> None:
        """Count a job no longer; its launch goes on to count for the rest of the window.

        :param claim: Its claim.
        """
        self._quota.leave_at_once(_run_of(claim))


def _run_of(claim: ProcessClaim) -> str:
    return f"{claim.job} {claim.pid}"
