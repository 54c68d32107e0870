"""Load the pipeline that ``-p FILE_OR_MODULE[:NAME]`` names."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from types import ModuleType

from pydatatask_core.errors import UsageError
from pydatatask_core.pipeline import Pipeline

__all__ = ["find_pipeline"]

_DEFAULT_NAME = "pipeline"


def find_pipeline(where: str) -> Pipeline:
    """Load a script or module, without running its ``if __name__ == "__main__"`` block, and find its pipeline.

    The directory of a script, or else the current one, comes first on ``sys.path``, as Python would have it. The script
    becomes ``sys.argv[0]``, which templates show as ``argv0``.

    :param where: The path of a script, or the name of a module; perhaps a colon and the name that the pipeline has
        there. Without one, it is the only pipeline there is, or the one named ``pipeline``.
    :raises UsageError: There is no such file, module or pipeline, or it cannot be loaded.
    """
    place, name = _split(where)
    module = _load(place, lambda: _load_file(place)) if _is_file(place) else _load(place, lambda: _load_module(place))
    pipeline = _named(module, place, name) if name else _only(module, place)
    sys.argv[0] = module.__file__ or sys.argv[0]
    return pipeline


def _split(where: str) -> tuple[str, str]:
    place, colon, name = where.rpartition(":")
    if not colon or os.path.exists(where):
        return where, ""
    if not name.isidentifier():
        raise UsageError(f"{where!r}: {name!r} is not a name in a module; write FILE_OR_MODULE or FILE_OR_MODULE:NAME")
    return place, name


def _is_file(place: str) -> bool:
    return place.endswith(".py") or os.sep in place or os.path.isfile(place)


def _load(place: str, load: Callable[[], ModuleType]) -> ModuleType:
    try:
        return load()
    except UsageError:
        raise
    except SystemExit as error:
        raise UsageError(
            f"{place} ended the program while it was loaded (status {error.code}): call pydatatask.main only inside "
            "`if __name__ == '__main__':`"
        ) from error
    except Exception as error:
        raise UsageError(f"{place} cannot be loaded: {type(error).__name__}: {error}{_line(error)}") from error


def _line(error: Exception) -> str:
    """Name the last line of the user's own code in a traceback."""
    if isinstance(error, SyntaxError):
        return ""  # its text says so itself
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__ and not _is_foreign(frame.filename)]
    return f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""


def _is_foreign(filename: str) -> bool:
    library = os.path.dirname(os.__file__)
    core = os.path.dirname(sys.modules[Pipeline.__module__].__file__ or "")
    return filename.startswith(("<", library, core))


def _load_file(path: str) -> ModuleType:
    """Load a script as a module that can also be found by its name, as pickled functions need it."""
    if not os.path.isfile(path):
        raise UsageError(f"there is no script {path}" + (": it is a directory" if os.path.isdir(path) else ""))
    real = os.path.realpath(path)
    sys.path.insert(0, os.path.dirname(real))
    name = os.path.splitext(os.path.basename(real))[0]
    if name in sys.modules or name in sys.stdlib_module_names:
        name = f"pydatatask_script_{name}"
    loader = SourceFileLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None, "a loader was given"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _load_module(name: str) -> ModuleType:
    """Import a module as `python -m` would find it."""
    sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except (ModuleNotFoundError, TypeError, ValueError) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and not f"{name}.".startswith(f"{missing}."):
            raise  # the module is there, and imports another one that is not
        raise UsageError(f"there is no module {name!r}, nor a script of that name; give its path or its name") from None


def _pipelines(module: ModuleType) -> dict[str, Pipeline]:
    return {name: value for name, value in vars(module).items() if isinstance(value, Pipeline)}


def _named(module: ModuleType, place: str, name: str) -> Pipeline:
    pipelines = _pipelines(module)
    if name in pipelines:
        return pipelines[name]
    if hasattr(module, name):
        raise UsageError(f"{name} of {place} is no pipeline but a {type(getattr(module, name)).__name__}")
    raise UsageError(f"{place} has no {name!r}; its pipelines are: {', '.join(pipelines) or 'none'}")


def _only(module: ModuleType, place: str) -> Pipeline:
    pipelines = _pipelines(module)
    different = {id(pipeline): pipeline for pipeline in pipelines.values()}
    if len(different) == 1:
        return next(iter(different.values()))
    if not different:
        raise UsageError(f"{place} has no pipeline: assign a pydatatask.Pipeline to a name in it")
    if _DEFAULT_NAME in pipelines:
        return pipelines[_DEFAULT_NAME]
    raise UsageError(
        f"{place} has several pipelines; add which one, as in {place}:{next(iter(pipelines))}; "
        f"they are: {', '.join(pipelines)}"
    )
