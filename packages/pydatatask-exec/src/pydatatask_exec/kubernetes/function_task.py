"""The task that runs a Python function for each job in a pod of a Kubernetes cluster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from typing_extensions import override

from pydatatask_core.errors import DefinitionError
from pydatatask_core.outcomes.retry_policy import Retry
from pydatatask_core.outcomes.time_limits import GRACE
from pydatatask_core.quotas.resource_manager import ResourceManager
from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_exec.functions.execution import FunctionExecution
from pydatatask_exec.functions.runner import function_runner
from pydatatask_exec.functions.task import FunctionTask
from pydatatask_exec.functions.types import TaskFunction
from pydatatask_exec.kubernetes.function_execution import FunctionExecutionInPod
from pydatatask_exec.kubernetes.manager import PodManager
from pydatatask_exec.kubernetes.task import KubeTask

__all__ = ["KubeFunctionTask"]


class KubeFunctionTask(KubeTask, FunctionTask):
    """A task which runs a python function on a kubernetes cluster.

    Requires a pod template which will execute a python script calling ``pydatatask.main.main``. This works by running
    ``python3 main.py launch [task] [job] --sync --force``. There, the function runs in the pod's own process, which
    needs no rights on the cluster.

    Sample usage::

        @KubeFunctionTask(
            "my_task",
            podman,
            resman,
            '''
                apiVersion: v1
                kind: Pod
                spec:
                  containers:
                    - name: leader
                      image: "docker.example.com/my/image"
                      command:
                        - python3
                        - {{argv0}}
                        - launch
                        - "{{task}}"
                        - "{{job}}"
                        - "--force"
                        - "--sync"
                      resources:
                        requests:
                          cpu: 100m
                          memory: 256Mi
            ''',
            repo_logs,
            repo_done,
            repo_func_done,
        )
        async def my_task(job: str, inp: pydatatask.MetadataRepository, out: pydatatask.MetadataRepository):
            await out.dump(job, await inp.info(job))

        my_task.link("inp", repo_input, is_input=True)
        my_task.link("out", repo_output, is_output=True)

    It is highly recommended to provide at least one of ``kube_done``, ``func_done``, or ``logs``, so that at least one
    link is present with ``inhibits_start``.

    :param name: The name of the task.
    :param podman: A callable returning a PodManager to use to connect to the cluster.
    :param resources: A ResourceManager instance. Tasks launched will contribute to its quota and be denied if they
        would break the quota.
    :param template: YAML markup for a pod manifest template that will run ``pydatatask.main.main`` as
        ``python3 main.py launch [task] [job] --sync --force``, either as a string or a path to a file.
    :param logs: Optional: A BlobRepository to dump pod logs to on completion. Linked as "logs" with
        ``inhibits_start``, ``required_for_output``, ``is_status``.
    :param kube_done: Optional: A MetadataRepository in which to dump some information about the pod's lifetime and
        termination on completion. Linked as "done" with ``inhibits_start``, ``required_for_output``, ``is_status``.
    :param func_done: Optional: A MetadataRepository in which to dump some information about the function's lifetime
        and termination on completion. Linked as "func_done" with ``inhibits_start``, ``required_for_output``,
        ``is_status``.
    :param env: Optional: Additional keys to add to the template environment.
    :param func: Optional: The function to run as the task body, if you don't want to use this task as a decorator.
    :param window: Optional: How far back into the past to look in order to determine whether we have recently launched
        too many pods too quickly.
    :param timeout: Optional: When a pod is found to exist for this amount of time, it will be timed out and stopped.
    :param ready: Optional: A repository from which to read task-ready status.
    :param failures: Optional: A MetadataRepository for the jobs whose function has not succeeded. Linked as "failures".
        "done" and "func_done" then contain only those that have succeeded: a record in "func_done" counts as success,
        whatever becomes of the pod after it was written, and does not inhibit the start.
    :param retry: Optional: Which failed jobs are tried again, and when. It needs ``failures``.
    :param grace: With ``failures``: How long a pod has to end once it is stopped by its timeout or on request.
    :raises DefinitionError: ``podman`` cannot be called, or the arguments about failures make no sense.
    """

    def __init__(
        self,
        name: str,
        podman: Callable[[], PodManager],
        resources: ResourceManager,
        template: str | Path,
        logs: BlobRepository | None = None,
        kube_done: MetadataRepository | None = None,
        func_done: MetadataRepository | None = None,
        env: dict[str, Any] | None = None,
        func: TaskFunction | None = None,
        window: timedelta = timedelta(seconds=60),
        timeout: timedelta | None = None,
        ready: Repository | None = None,
        *,
        failures: MetadataRepository | None = None,
        retry: Retry | None = None,
        grace: timedelta = GRACE,
    ) -> None:
        if failures is not None and kube_done is None:
            raise DefinitionError(f"task {name}: failures= needs kube_done=, where successes are recorded")
        super().__init__(
            name,
            podman,
            resources,
            template,
            logs,
            kube_done,
            window,
            timeout,
            env,
            ready,
            failures=failures,
            retry=retry,
            grace=grace,
        )
        self.func = func
        self.func_done = func_done
        self._execution: FunctionExecution | None = None
        if func_done is not None:
            # With failures, what counts is in "done". A function that times out may still succeed in its grace, and its
            # record must not keep the job from its next attempt.
            inhibits = failures is None
            self.link("func_done", func_done, is_status=True, inhibits_start=inhibits, required_for_output=True)

    @override
    async def validate(self) -> None:
        await FunctionTask.validate(self)

    @override
    async def prepare(self) -> None:
        await super().prepare()
        self._prepare()

    @override
    async def prepare_template(self) -> None:
        """Leave the template until it is needed: in a pod it is not, and need not be there."""

    @override
    async def launch(self, job: str) -> None:
        """Create the pod of a job, if its quota has room; with ``synchronous``, run the function here instead.

        :param job: The job.
        """
        if self.synchronous:
            await (self._execution or self._prepare()).launch_alone(job)
        else:
            await super().launch(job)

    def _prepare(self) -> FunctionExecution:
        function = self.bind()
        if self.outcomes is None:
            self._execution = FunctionExecution(self, function_runner(self.name, function), self.func_done)
        else:
            self._execution = FunctionExecutionInPod(self, function, self.func_done, self.outcomes)
        return self._execution

    @override
    def _success_test(self) -> Callable[[str], Awaitable[bool]]:
        return self._function_has_succeeded

    async def _function_has_succeeded(self, job: str) -> bool:
        return self.func_done is not None and await self.func_done.contains(job)
