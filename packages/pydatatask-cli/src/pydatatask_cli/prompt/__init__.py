"""The interactive prompt of ``pydatatask shell``.

:mod:`.ipython_console` is used where IPython is installed, :mod:`.python_console` elsewhere. Both occupy the main
thread, so the pipeline runs in a :mod:`.background_loop`; :mod:`.prompt_signals` handles Ctrl-C and SIGTERM.
"""
