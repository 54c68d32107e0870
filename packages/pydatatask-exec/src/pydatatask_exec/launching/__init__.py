"""What all tasks share that launch jobs outside this process: quotas, back-off and update intervals.

:mod:`.quota` and :mod:`.window` count what a task's jobs take from a quota; :mod:`.backoff` delays launches on a
target that cannot be reached; :mod:`.update_interval` says when to ask for an update; :mod:`.recent_jobs` remembers
jobs that just ended. :mod:`.launch_failures` counts launches that keep failing for a reason that lies in the job.
"""
