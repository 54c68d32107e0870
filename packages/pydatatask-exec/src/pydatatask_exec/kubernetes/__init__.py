"""Tasks that run each job in a pod of a Kubernetes cluster.

:mod:`.task` has the task, :mod:`.function_task` the one whose pods run a Python function, and :mod:`.manager` the
connection they share. A launch renders a :mod:`.manifest`, named by :mod:`.names`. :mod:`.reconcile` compares the
pods in the cache with a task's jobs: :mod:`.state` reads a pod's status, :mod:`.reaping` keeps its log, records its
end and deletes it, and :mod:`.conditions` says why one waits. :mod:`.live_pods` is the repository of jobs with a pod.
"""
