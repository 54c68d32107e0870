"""A stub of a Kubernetes API server, over real HTTP: the pods of a few namespaces, and the life they lead.

It answers as Kubernetes 1.36.2 was recorded to answer (`../recorded`; `test_stub_is_true.py` compares the two), and is
built on aiohttp, which the client library brings along. Fake API servers that exist answer with generic resources and
know neither the lives of pods, their logs and exec, nor resource versions that expire, which is what the tests need.

- `cluster`: the whole: starting, stopping, what is counted, what is made to fail;
- `store`: the pods, their versions, and the history that watches follow;
- `statuses`, `selectors`, `admission`: the errors, the selectors, what becomes of a new pod;
- `reading`, `watching`, `writing`, `log_requests`, `exec_requests`: the requests;
- `kubelet`, `lives`, `pod_status`: how pods live: their commands are run as local processes, or a script is followed;
- `faults`: what is counted, refused, delayed.
"""
