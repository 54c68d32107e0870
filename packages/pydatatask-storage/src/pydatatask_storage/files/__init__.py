"""Files and directories as repositories.

:mod:`.base` has what both kinds share: from a job to its path, and from a directory to its jobs
(:mod:`.directory_listing`). :mod:`.files` adds values, read and written by :mod:`.streams` and :mod:`staged
<.staged>` until they are complete; :mod:`.directories` has directories as jobs. :mod:`.directory_access` checks and
creates the base directory, :mod:`.directory_revision` tells whether it has changed, and :mod:`.errors` translates
what the operating system reports.
"""
