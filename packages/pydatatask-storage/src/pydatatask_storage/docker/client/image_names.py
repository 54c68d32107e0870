"""Image names in the form that the client needs."""

from __future__ import annotations

from docker_registry_client_async import FormattedSHA256, ImageName, Indices
from typing_extensions import override

__all__ = ["ExactName", "TagToDelete"]


class ExactName(ImageName):
    """A name used as it is: only on Docker Hub does ``image`` mean ``library/image``."""

    @override
    def resolve_image(self) -> str:
        """Return the path of the repository within the registry."""
        return super().resolve_image() if self.resolve_endpoint() == Indices.DOCKERHUB else str(self.image)


class TagToDelete(ExactName):
    """A name whose deletion deletes the tag, where the registry can: the client itself deletes by digest only."""

    @override
    def resolve_digest(self) -> FormattedSHA256:
        """Return the tag in place of the digest."""
        return str.__new__(FormattedSHA256, self.resolve_tag())  # without the check that it is a digest
