"""Outcomes of jobs: success is a key in ``done``, failure a key in ``failures``.

:mod:`.job_failure` says how a job failed, :mod:`.records` reads what is stored of it, and :mod:`.retry_policy` says
what is tried again, after the wait of :mod:`.retry_delay`. :mod:`.retry_decision` decides in one pure function what a
failure leads to, :mod:`.recorder` writes outcomes in an order that survives a crash, and :mod:`.repair` finishes what a
crash has cut off. :mod:`.failure_cache` keeps the records of failures that were read; :mod:`.held_back` and
:mod:`.final_failures` are the views made of them, with :mod:`.failures_view` as their base, and :mod:`.finished_jobs`
adds those that have succeeded.

:mod:`.time_limits` says how long a job may run, :mod:`.launch_origin` whether the scheduler launches it, and
:mod:`.claims` makes the claims of attempts in this process.
"""
