"""Tasks that run each job in a pod of a Kubernetes cluster.

:mod:`.task` has the task, :mod:`.function_task` the one whose pods run a Python function, and :mod:`.manager` the
connection they share. A launch renders a :mod:`.manifest`. :mod:`.reconcile` compares the pods in the cache with a
task's jobs; :mod:`.reaping` keeps a finished pod's log, records its end and deletes it. :mod:`.live_pods` is the
repository of jobs with a pod. The package :mod:`.cluster` speaks to the API server and :mod:`.pods` reads what it
says about a pod.
"""
