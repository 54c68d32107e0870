"""Identities of pods, made up by hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from pydatatask_exec.kubernetes.pods.labels import PodIdentity

__all__ = ["identities", "parts"]

# Few letters, so that parts which could be confused come up often.
parts = st.text("ab-_A.", min_size=1, max_size=8) | st.text("aB-", min_size=60, max_size=63) | st.text(min_size=1)
identities = st.builds(PodIdentity, parts, parts, parts)
