"""Load kubeconfig files as kubectl does: a credential plugin is found beside the file, and has to answer in time.

A plugin reads nothing from the standard input, as for kubectl where that is no terminal: a pipeline runs in the
background, renews its credentials at any moment, and its own input may be what a command reads.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import override

from pydatatask_core.errors import ClusterError
from pydatatask_exec.kubernetes.pods.fields import section, text_of

if TYPE_CHECKING:
    from kubernetes_asyncio.client import Configuration

__all__ = ["load_kubeconfig"]

_PLUGIN_SECONDS = 120.0
"""A plugin may have somebody log in by a browser, but one that hangs must not hang the pipeline."""

_EXEC_INFO = "KUBERNETES_EXEC_INFO"
"""The variable that has the request to a plugin, as JSON."""


class _Node(Protocol):
    """A part of a kubeconfig."""

    value: Mapping[str, object]
    path: str | None


class _Root(Protocol):
    """All of a kubeconfig."""

    value: Mapping[str, list[_Node]]


class _Merged(Protocol):
    """The contents of several kubeconfigs."""

    config: _Root
    save_changes: Callable[[], None]


class _Loader(Protocol):
    def load_and_set(self, client_configuration: Configuration) -> Awaitable[None]: ...


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose processes have no standard input, and can be killed.

    The library lets them inherit that of this process, and does not kill them when it is cancelled.
    """

    def __init__(self) -> None:
        super().__init__()
        self._processes: list[asyncio.SubprocessTransport] = []

    @override
    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> tuple[asyncio.SubprocessTransport, Any]:
        kwargs |= {"stdin": asyncio.subprocess.DEVNULL, "env": _without_interaction(kwargs.get("env"))}
        transport, protocol = await super().subprocess_exec(*args, **kwargs)
        self._processes.append(transport)
        return transport, protocol

    async def close_processes(self) -> None:
        """Kill the processes that still run, and wait until they have ended."""
        for process in self._processes:
            while process.get_returncode() is None:
                process.kill()
                await asyncio.sleep(0.01)
            process.close()


def load_kubeconfig(places: str, configuration: Configuration) -> None:
    """Load kubeconfig files into a configuration; this blocks, and runs a credential plugin if the user has one.

    :param places: The files, separated as in ``KUBECONFIG``.
    :param configuration: What is filled in.
    :raises ClusterError: A plugin has not answered in time.
    """
    library = importlib.import_module("kubernetes_asyncio.config.kube_config")
    merged: _Merged = library.KubeConfigMerger(places)
    users = merged.config.value["users"]
    for user in users:
        user.value = _with_absolute_command(user.value, user.path)
    loader: _Loader = library.KubeConfigLoader(
        config_dict=merged.config, config_base_path=None, config_persister=merged.save_changes
    )
    loop = _Loop()

    async def load_in_time() -> None:
        try:
            async with asyncio.timeout(_PLUGIN_SECONDS):
                await loader.load_and_set(configuration)
        finally:
            await loop.close_processes()

    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(load_in_time())
    except TimeoutError as error:
        commands = {text_of(section(user.value, "user", "exec").get("command")) for user in users} - {""}
        raise ClusterError(
            f"the kubeconfig {places} cannot be used: its credential plugin ({', '.join(sorted(commands))}) has not "
            f"answered within {_PLUGIN_SECONDS:g} s; run kubectl once to log in, or mend the plugin"
        ) from error


def _without_interaction(environ: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Return the environment of a process that tells a plugin not to ask the user anything."""
    import json

    if environ is None or _EXEC_INFO not in environ:
        return environ
    info: dict[str, Any] = json.loads(environ[_EXEC_INFO])
    info["spec"] = {**section(info, "spec"), "interactive": False}  # the library goes by whether stdout is a terminal
    return {**environ, _EXEC_INFO: json.dumps(info)}


def _with_absolute_command(user: Mapping[str, object], path: str | None) -> Mapping[str, object]:
    """Return a user whose plugin is found: a relative path of several parts starts from the kubeconfig's directory."""
    command = text_of(section(user, "user", "exec").get("command"))
    if os.sep not in command or os.path.isabs(command) or path is None:
        return user  # a mere name is looked up on PATH
    absolute = os.path.join(os.path.dirname(os.path.abspath(path)), command)
    settings = section(user, "user")
    return {**user, "user": {**settings, "exec": {**section(settings, "exec"), "command": absolute}}}
