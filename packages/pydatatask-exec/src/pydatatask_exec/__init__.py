"""The tasks of pydatatask: functions in this process or an executor, local and SSH processes, Kubernetes pods."""
