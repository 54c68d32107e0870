"""Tasks that run each job in a pod of a Kubernetes cluster.

:mod:`.task` has the task, :mod:`.function_task` the one whose pods run a Python function, and :mod:`.manager` the
connection that tasks share. A launch renders a :mod:`.manifest`. :mod:`.reconcile` acts on changes of the cache:
:mod:`.reaping` keeps a finished pod's :mod:`log <.logs>`, records the outcome and deletes the pod, whose steps are in
:mod:`.lifecycle`; :mod:`.timeouts` and :mod:`.events` find pods that take too long and say why. :mod:`.live_pods` is
the repository of jobs with a pod. The package :mod:`.cluster` speaks to the API server, and :mod:`.pods` reads what it
says about a pod.
"""
