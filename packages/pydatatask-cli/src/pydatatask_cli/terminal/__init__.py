"""What commands print, and the log.

Everything goes through :mod:`.output`. For ``status`` and ``trace``, :mod:`.link_rows` selects the links and asks
their repositories, :mod:`.notes` asks the tasks, and :mod:`.job_report` prints both, on a terminal by :mod:`.tables`.
:mod:`.records` converts records to YAML and back, :mod:`.progress` shows the progress of a run, and
:mod:`.logging_setup` configures the log.
"""
