"""Tasks that run a function in an executor: threads, processes, or a distributed engine.

:mod:`.task` has the task. Its :mod:`.jobs` are submitted while the executor has :mod:`.capacity`, through the
:mod:`.adapters` that know each kind of executor and through :mod:`.recovery`, which replaces a broken
:mod:`.process_pool` of :mod:`.workers`. What is submitted is a :mod:`call <.calls>`; :mod:`.pickling` sends it to other
processes. :mod:`.worker_stops` stops a function in its worker and :mod:`.stopping` the worker, which notes in a
:mod:`.run_directory` what it runs; :mod:`.recording` records the outcome where failures are recorded apart.
:mod:`.live` is the repository of submitted jobs, and :mod:`.loop_bridge` lets worker threads use the repositories of
the pipeline's event loop. Others use :class:`~.task.ExecutorTask` and :class:`~.live.ExecutorLiveRepo`.
"""
