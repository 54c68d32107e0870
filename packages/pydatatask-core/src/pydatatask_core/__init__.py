"""The contracts and the scheduler of pydatatask: repositories, tasks, links, sessions, quotas, pipelines."""
