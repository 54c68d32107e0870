"""Tasks that run a function in an executor: threads, processes, or a distributed engine.

:mod:`.task` has the task. :mod:`.jobs` submits its jobs through the :mod:`.queue`, no faster than :mod:`.capacity`
allows; what is submitted is a :mod:`call <.calls>`, pickled by :mod:`.pickling`. :mod:`.live` is the repository of
submitted jobs, and :mod:`.loop_bridge` lets worker threads use repositories of the pipeline's event loop.
"""
