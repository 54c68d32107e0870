"""The servers that the tests run against."""

from __future__ import annotations

from integration.docker_server import deletion_disabled as deletion_disabled
from integration.docker_server import docker_client as docker_client
from integration.docker_server import docker_repository as docker_repository
from integration.docker_server import docker_server as docker_server
from integration.docker_server import images as images
from integration.fuse_mount import fuse_available as fuse_available
from integration.fuse_mount import mounted as mounted
from integration.fuse_mount import mounter as mounter
from integration.fuse_mount import shared_mount as shared_mount
from integration.mongo_server import mongodb_url as mongodb_url
from integration.mongo_server import motor_database as motor_database
from integration.mongo_server import pymongo_database as pymongo_database
from integration.s3_server import asking_once as asking_once
from integration.s3_server import impatient as impatient
from integration.s3_server import s3_bucket as s3_bucket
from integration.s3_server import s3_client as s3_client
from integration.s3_server import s3_proxy as s3_proxy
from integration.s3_server import s3_server as s3_server
from integration.s3_server import watched as watched
from integration.ssh_server import ssh_connection as ssh_connection
from integration.ssh_server import ssh_proxy as ssh_proxy
from integration.ssh_server import ssh_server as ssh_server
