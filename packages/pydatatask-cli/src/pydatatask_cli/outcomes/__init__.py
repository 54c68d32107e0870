"""Failed jobs on the command line: which there are, what they block, and what cancels them or starts them again.

:mod:`.failed_jobs` reads what is recorded of failures, :mod:`.blocked_notes` says what they keep from starting, and
:mod:`.job_notes` what has become of some jobs. :mod:`.old_failures` finds failures among older records of what is done.
:mod:`.run_report` counts the jobs of a run, and :mod:`.cancellation` cancels jobs and waits for their end.
"""
