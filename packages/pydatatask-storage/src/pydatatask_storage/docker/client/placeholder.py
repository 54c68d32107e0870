"""A unique empty image, made to be deleted together with the only tag that points at it."""

from __future__ import annotations

import json
import uuid

from docker_registry_client_async import DockerMediaTypes, FormattedSHA256, Manifest

__all__ = ["Placeholder"]


class Placeholder:
    """An empty image unlike any other, so that no other tag can point at its manifest."""

    def __init__(self) -> None:
        config: dict[str, object] = {
            "architecture": "amd64",
            "comment": f"stands for a tag that is being deleted {uuid.uuid4()}",
            "config": {},
            "history": [],
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": []},
        }
        self.config: bytes = json.dumps(config).encode()
        """The image's configuration, a blob that must be in the repository before the manifest."""
        self.config_digest: FormattedSHA256 = FormattedSHA256.calculate(self.config)
        """The digest of the configuration."""
        manifest: dict[str, object] = {
            "schemaVersion": 2,
            "mediaType": DockerMediaTypes.DISTRIBUTION_MANIFEST_V2,
            "config": {
                "mediaType": DockerMediaTypes.CONTAINER_IMAGE_V1,
                "size": len(self.config),
                "digest": self.config_digest,
            },
            "layers": [],
        }
        body = json.dumps(manifest).encode()
        self.manifest: Manifest = Manifest(body, media_type=DockerMediaTypes.DISTRIBUTION_MANIFEST_V2)
        """The manifest."""
        self.digest: FormattedSHA256 = FormattedSHA256.calculate(body)
        """The manifest's digest, by which it is deleted."""
