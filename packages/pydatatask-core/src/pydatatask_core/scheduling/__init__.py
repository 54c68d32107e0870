"""The scheduler: it finds ready jobs, by reconciling and by following events, and launches them by priority.

A :mod:`run <.run>` puts all modules together. :mod:`.polling` decides when it reconciles; :mod:`.reconcile` lists the
stores through :mod:`.listing`, each at most once a round, and :mod:`.ready_scan` finds the jobs that are ready.
Between two rounds :mod:`.events` says which tasks an event concerns, and :mod:`.readiness_checker` checks the job it
names. What is ready waits in the :mod:`.backlog`, which decides what is next and does nothing; the workers of the
:mod:`.dispatcher` launch it. :mod:`.task_updates` lets tasks look after live jobs; :mod:`.failure_tracker` says what
failed and when it is tried again.
"""
