"""The commands, one a module: each adds its own parser and has the function that it stands for."""
