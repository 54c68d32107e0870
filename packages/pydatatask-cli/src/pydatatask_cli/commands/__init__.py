"""The commands of ``pydatatask``, a module each.

A module has ``add_parser``, which adds the command to the command line, and the function that carries it out. The
parser is built by :mod:`pydatatask_cli.parser`; :mod:`pydatatask_cli.dispatch` opens the pipeline and calls the
function with the parsed arguments. The functions can also be awaited from Python: :mod:`pydatatask_cli` exports them.
They print through :mod:`pydatatask_cli.terminal` and return the exit status.
"""
