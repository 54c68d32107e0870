"""Faults across the whole system: a pipeline of files, S3, MongoDB, processes and pods, while things are killed or cut.

- `scene`, `pipeline`: the pipeline, a program of its own that can be killed, and where everything is;
- `journal`: what jobs, and whoever disturbs them, write down;
- `disturbances`: what goes wrong and when, as data drawn from a seed;
- `world`, `supervisor`, `victims`, `stagehand`: the stores, the process, the jobs, and who disturbs them;
- `side_door`, `expectations`, `journal_rules`, `record_rules`, `referee`: what has come of it, and what has to.
"""
