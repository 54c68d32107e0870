from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pydatatask_exec.kubernetes.cluster.kubeconfig import load_kubeconfig

pytestmark = pytest.mark.may_block  # it runs in a thread, with a loop of its own

CREDENTIAL = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "t"}}'


@pytest.fixture
def standard_input() -> Iterator[int]:
    """A pipe in place of the standard input, with a line in it."""
    saved, (reading, writing) = os.dup(0), os.pipe()
    os.write(writing, b"for the pipeline\n")
    os.dup2(reading, 0)
    try:
        yield reading
    finally:
        os.dup2(saved, 0)
        for descriptor in (saved, reading, writing):
            os.close(descriptor)


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    """A kubeconfig with a credential plugin that keeps its input and its request."""
    pytest.importorskip("kubernetes_asyncio", reason="the client library comes with the extra kube")
    plugin = tmp_path / "plugin"
    plugin.write_text(
        f"#!/bin/sh\ncd {tmp_path}\ncat > input\necho \"$KUBERNETES_EXEC_INFO\" > info\necho '{CREDENTIAL}'\n"
    )
    plugin.chmod(0o755)
    place = tmp_path / "config"
    command = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "./plugin",
        "env": [{"name": "A", "value": "b"}],
    }
    content = {
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": "http://localhost"}}],
        "users": [{"name": "a", "user": {"exec": command}}],
    }
    place.write_text(json.dumps(content))
    return place


@pytest.mark.requirement("podman.exec-plugin-input")
def test_a_credential_plugin_does_not_read_the_input_of_the_pipeline(configured: Path, standard_input: int) -> None:
    from kubernetes_asyncio.client import Configuration

    configuration = Configuration()
    load_kubeconfig(str(configured), configuration)
    assert configuration.api_key == {"BearerToken": "Bearer t"}
    assert (configured.parent / "input").read_bytes() == b""
    assert os.read(standard_input, 100) == b"for the pipeline\n"


@pytest.mark.requirement("podman.exec-plugin-input")
def test_a_credential_plugin_is_told_that_it_cannot_ask_anything(
    configured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kubernetes_asyncio.client import Configuration

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    load_kubeconfig(str(configured), Configuration())
    info = json.loads((configured.parent / "info").read_text())
    assert info == {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }
