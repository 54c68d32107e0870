"""Files and directories as repositories.

:mod:`.base` is the base class. Its :mod:`.job_directory` maps a job to its path, by the :mod:`.extension` (in any
case of letters: :mod:`.name_index`), and lists the jobs (:mod:`.directory_listing`), which are entries of one of the
:mod:`.entry_kinds`. :mod:`.files` adds values: they are read and written by :mod:`.streams`, and :mod:`.staged` under
another name until they are complete, with :mod:`.locks` that show that the writer is alive. In :mod:`.directories` each
job is a directory, deleted by :mod:`.directory_removal` and :mod:`.tree_removal`. :mod:`.directory_access` checks and
creates the base directory, :mod:`.synced` makes changes of it durable, :mod:`.directory_revision` detects changes where
:mod:`.file_systems` can be trusted, and :mod:`.errors` translates what the operating system reports.
"""
