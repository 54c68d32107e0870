"""The scheduler: it finds ready jobs, by reconciling and by following events, and launches them by priority.

A :mod:`run <.run>` puts all modules together. :mod:`.polling` decides when it reconciles; :mod:`.reconcile` lists the
stores through :mod:`.listing`, each at most once a round, and :mod:`.ready_scan` finds the ready jobs of each task.
Between two reconciles :mod:`.events` decides which tasks an event concerns, and :mod:`.readiness_checker` checks the
job that it names. Ready jobs wait in the :mod:`.backlog`, which decides what is next, and the workers of the
:mod:`.dispatcher` launch them. :mod:`.task_updates` updates tasks, which reap their finished jobs;
:mod:`.failure_tracker` records what failed and when it is tried again.
"""
