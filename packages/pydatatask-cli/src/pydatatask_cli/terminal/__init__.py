"""What commands print.

Everything goes through :mod:`.output`. :mod:`.overview` collects what ``status`` and ``trace`` show, :mod:`.notes`
what tasks say of live jobs, :mod:`.tables` and :mod:`.records` lay it out; :mod:`.progress` shows a run and
:mod:`.logging_setup` its log.
"""
