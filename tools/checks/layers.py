"""The table of who may import whom: between the packages, and between the parts of each package.

A part is a folder of the package (`kubernetes/cluster` is one, apart from `kubernetes`) or a module at its root. The
package's own `__init__` is none: it may import every part, and no part imports it.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Final

CORE, STORAGE, EXEC, CLI, META = (
    "pydatatask_core",
    "pydatatask_storage",
    "pydatatask_exec",
    "pydatatask_cli",
    "pydatatask",
)
LAYERS: Final[dict[str, frozenset[str]]] = {
    CORE: frozenset(),
    STORAGE: frozenset({CORE}),
    EXEC: frozenset({CORE}),
    CLI: frozenset({CORE, STORAGE}),
    META: frozenset({CORE, STORAGE, EXEC, CLI}),
}
"""Each package, and the packages that it may import."""

Parts = Mapping[str, Mapping[str, Set[str]]]
"""Packages, their parts, and the parts that each of these imports."""

PARTS: Final[Parts] = {
    CORE: {
        "concurrency": {"errors"},
        "errors": set(),
        "lazy_names": set(),
        "opening": {"concurrency", "repositories", "tasks"},
        "outcomes": {"errors", "repositories"},
        "pipeline": {"errors", "opening", "quotas", "repositories", "scheduling", "sessions", "tasks"},
        "quotas": {"concurrency"},
        "repositories": {"concurrency", "errors", "streams"},
        "scheduling": {"concurrency", "errors", "opening", "outcomes", "quotas", "repositories", "tasks"},
        "sessions": {"errors"},
        "streams": set(),
        "tasks": {"errors", "outcomes", "repositories"},
        "testing": {"errors", "repositories", "streams"},
    },
    STORAGE: {
        "bytes_like": set(),
        "combinators": set(),
        "docker": {"docker/client", "remote"},
        "docker/client": {"plain_types", "remote"},
        "files": {"bytes_like", "missing_dot"},
        "memory": {"bytes_like"},
        "missing_dot": set(),
        "mongo": {"plain_types", "remote"},
        "plain_types": set(),
        "remote": set(),
        "s3": {"bytes_like", "missing_dot", "remote"},
        "yaml": {"files", "plain_types", "s3"},
    },
    EXEC: {
        "executors": {"functions", "live_jobs"},
        "functions": set(),
        "kubernetes": {"functions", "kubernetes/cluster", "kubernetes/pods", "launching", "live_jobs", "templates"},
        "kubernetes/cluster": {"kubernetes/pods"},
        "kubernetes/pods": set(),
        "launching": set(),
        "live_jobs": set(),
        "processes": {"launching", "processes/local/supervisor", "processes/outcomes", "templates"},
        "processes/local": {"processes", "processes/local/supervisor"},
        "processes/local/supervisor": set(),
        "processes/outcomes": set(),
        "processes/ssh": {"processes"},
        "templates": set(),
    },
    CLI: {
        "arguments": set(),
        "commands": {
            "arguments",
            "deletion_limits",
            "deletion_plan",
            "error_handler",
            "exclusive",
            "exit_status",
            "command_errors",
            "set_expressions",
            "fuse",
            "gather",
            "outcomes",
            "graph",
            "idle_tasks",
            "signals",
            "name_lookup",
            "open_pipeline",
            "prompt",
            "reasons",
            "standard_input",
            "terminal",
        },
        "console": {"arguments", "discovery", "dispatch", "error_handler", "parser", "terminal"},
        "deletion_limits": {"deletion_plan", "name_lookup"},
        "deletion_plan": {"name_lookup", "open_pipeline"},
        "discovery": set(),
        "dispatch": {"arguments", "signals", "open_pipeline", "terminal"},
        "error_handler": {"command_errors", "exit_status", "reasons", "terminal"},
        "exit_status": set(),
        "command_errors": set(),
        "exclusive": {"command_errors", "name_lookup"},
        "idle_tasks": {"name_lookup"},
        "set_expressions": set(),
        "fuse": {"deletion_plan", "command_errors", "name_lookup", "terminal"},
        "gather": set(),
        "graph": {"command_errors"},
        "signals": {"error_handler", "exit_status"},
        "main": {"arguments", "dispatch", "error_handler", "parser", "terminal"},
        "name_lookup": set(),
        "open_pipeline": set(),
        "outcomes": {"gather", "open_pipeline", "reasons", "terminal"},
        "parser": {"arguments", "name_lookup", "terminal"},  # and it loads commands, by name
        "reasons": set(),
        "prompt": {"exit_status"},
        "standard_input": set(),
        "terminal": {"command_errors", "exit_status", "gather", "name_lookup", "open_pipeline", "reasons"},
    },
    META: {
        "fuse": set(),
        "main": set(),
        "pipeline": set(),
        "pod_manager": set(),
        "proc_manager": set(),
        "repository": set(),
        "resource_manager": set(),
        "session": set(),
        "task": set(),
        "utils": set(),
    },
}
"""What the parts of each package import, no more and no less: an entry that no import needs is an error as well."""
