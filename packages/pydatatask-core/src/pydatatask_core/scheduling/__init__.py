"""The scheduler: it finds ready jobs, by reconciling and by following events, and launches them by priority.

A :mod:`run <.run>` puts all modules together. It :mod:`updates <.live_tasks>` all tasks, which reap their finished
jobs, and finds :mod:`ready jobs <.ready_jobs>`. Both are sweeps, with the intervals of :mod:`.polling` and a proof
by the :mod:`.activity_clock` that nothing was missed. A scan lists the stores through :mod:`.listing`, each at
most once a round. Between two reconciles :mod:`.events` decides which tasks an event concerns, and
:mod:`.readiness_checker` checks the job that it names. Ready jobs wait in the :mod:`.backlog`, by priority
:mod:`level <.levels>`; it decides what is next, and the workers of the :mod:`.dispatcher` launch them.
:mod:`.failure_tracker` records what failed and when it is tried again, and :mod:`.disjoint_inputs` warns of tasks
that can launch nothing. ``Pipeline.update`` uses the
:mod:`reconciler <.reconcile>` alone.
"""
