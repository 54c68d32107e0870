"""Every documented name is where the documentation says it is, whatever was imported first."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import pydatatask

DOCUMENTED = {
    "repository": [
        "AggregateAndRepository",
        "AggregateOrRepository",
        "BlobRepository",
        "BlockingRepository",
        "DirectoryRepository",
        "DockerRepository",
        "ExecutorLiveRepo",
        "FileRepository",
        "FileRepositoryBase",
        "InProcessBlobRepository",
        "InProcessBlobStream",
        "InProcessMetadataRepository",
        "LiveKubeRepository",
        "MetadataRepository",
        "MongoMetadataRepository",
        "RelatedItemRepository",
        "Repository",
        "S3BucketInfo",
        "S3BucketRepository",
        "YamlMetadataFileRepository",
        "YamlMetadataRepository",
        "YamlMetadataS3Repository",
    ],
    "task": [
        "ExecutorTask",
        "InProcessSyncTask",
        "KubeFunctionTask",
        "KubeTask",
        "Link",
        "ProcessTask",
        "STDOUT",
        "Task",
    ],
    "pod_manager": ["PodManager"],
    "proc_manager": ["AbstractProcessManager", "LocalLinuxManager", "SSHLinuxManager"],
    "pipeline": ["Pipeline"],
    "session": ["Session"],
    "resource_manager": ["ResourceManager", "ResourceType", "Resources", "parse_quantity"],
    "utils": [
        "AReadStream",
        "AReadText",
        "AWriteStream",
        "AWriteText",
        "async_copyfile",
        "async_copyfile_str",
        "roundrobin",
    ],
}
REMOTE_STORES = [
    "DockerRepository",
    "MongoMetadataRepository",
    "S3BucketInfo",
    "S3BucketRepository",
    "YamlMetadataS3Repository",
]
COMMANDS = [
    "cat_data",
    "delete_data",
    "inject_data",
    "launch",
    "list_data",
    "print_status",
    "print_trace",
    "run",
    "shell",
    "update",
]
CLIENTS = ["aiobotocore", "motor", "pymongo", "kubernetes_asyncio", "asyncssh", "jinja2", "networkx", "IPython", "rich"]


def python(code: str) -> str:
    """Run code in an interpreter of its own and give what it prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.requirement(
    "names.public-at-top",
    "names.module-paths",
    "names.module-path-pods",
    "names.module-path-processes",
    "names.module-path-remote-stores",
)
@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in DOCUMENTED.items() for name in names])
def test_documented_names_are_at_the_top_and_in_their_module(module: str, name: str) -> None:
    documented = getattr(importlib.import_module(f"pydatatask.{module}"), name)
    assert getattr(pydatatask, name) is documented
    assert name == "STDOUT" or documented.__name__ == name


@pytest.mark.requirement("names.public-at-top")
@pytest.mark.parametrize("name", COMMANDS)
def test_commands_are_functions_at_the_top_and_in_main(name: str) -> None:
    assert getattr(pydatatask, name) is getattr(importlib.import_module("pydatatask.main"), name)


@pytest.mark.requirement("names.map-repository-public")
def test_map_repository_is_public() -> None:
    assert pydatatask.MapRepository is importlib.import_module("pydatatask.repository").MapRepository


@pytest.mark.requirement("names.module-path-fuse")
def test_the_mount_can_be_imported_where_its_library_is_missing() -> None:
    hidden = "import sys; sys.modules['pyfuse3'] = None; import pydatatask.fuse; print(callable(pydatatask.fuse.fuse))"
    assert python(hidden) == "True\n"


CALL = "pydatatask.main(pydatatask.Pipeline([], pydatatask.Session()))"


@pytest.mark.requirement("names.main-callable-first", "names.main-callable-after-import")
@pytest.mark.parametrize(
    "imports",
    [
        "import pydatatask",
        "import pydatatask.main; import pydatatask",
        "from pydatatask.main import main; import pydatatask; assert callable(main)",
        "import pydatatask; from pydatatask.main import main; assert callable(main)",
        "from pydatatask.main import update; import pydatatask.utils; import pydatatask",
    ],
)
@pytest.mark.parametrize("call", [CALL, CALL.replace(".main(", ".main.main(")])
def test_main_is_a_function_and_a_module_in_any_order(imports: str, call: str) -> None:
    printed = python(f"import sys; sys.argv = ['main.py', 'status']\n{imports}\nassert {call} is None\nprint('done')")
    assert printed.splitlines()[-1] == "done"


@pytest.mark.requirement("names.no-clients-at-import")
def test_import_loads_no_client_library() -> None:
    loaded = python("import sys\nfrom pydatatask import *\nprint(*sorted(sys.modules))").split()
    assert "pydatatask_exec.kubernetes.task" in loaded
    assert not set(CLIENTS) & set(loaded)


PACKAGES = ["pydatatask", "pydatatask_core", "pydatatask_storage", "pydatatask_exec", "pydatatask_cli"]


def test_what_is_not_used_is_not_loaded() -> None:
    used = "pydatatask.FileRepository, pydatatask.InProcessSyncTask, pydatatask.Pipeline, pydatatask.main"
    loaded = python(f"import sys, pydatatask\n{used}\nprint(*sorted(sys.modules))").split()
    assert "pydatatask_storage.files.files" in loaded
    unused = {
        "pydatatask_exec.kubernetes.manager",
        "pydatatask_exec.processes.task",
        "pydatatask_storage.s3.repository",
        "pydatatask_core.outcomes.recorder",
        "pydatatask_core.outcomes.retry_policy",
        "pydatatask_exec.functions.tracked_execution",
    }
    assert not unused & set(loaded)


@pytest.mark.parametrize("package", PACKAGES)
def test_all_public_names_are_there_and_listed(package: str) -> None:
    module = importlib.import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_that_does_not_exist_is_reported(package: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'Pipelin'"):
        _ = importlib.import_module(package).Pipelin


def test_errors_are_an_attribute_of_the_core() -> None:
    assert python("import pydatatask_core; print(pydatatask_core.errors.StoreError.__name__)") == "StoreError\n"


@pytest.mark.parametrize("module", [*DOCUMENTED, "main", "fuse"])
def test_documented_modules_are_attributes_of_the_package(module: str) -> None:
    assert python(f"import pydatatask; print(pydatatask.{module}.__name__)") == f"pydatatask.{module}\n"


@pytest.mark.requirement("names.loggers")
def test_all_loggers_are_below_pydatatask() -> None:
    printed = python(
        "import logging, importlib, pkgutil\n"
        "import pydatatask_core, pydatatask_storage, pydatatask_exec, pydatatask_cli\n"
        "for package in (pydatatask_core, pydatatask_storage, pydatatask_exec, pydatatask_cli):\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if 'testing' not in module.name and 'fuse' not in module.name:\n"
        "            importlib.import_module(module.name)\n"
        "print(*(name for name in logging.root.manager.loggerDict if name.startswith('pydatatask')))"
    )
    names = printed.split()
    assert "pydatatask.repository" in names
    assert [name for name in names if not (name == "pydatatask" or name.startswith("pydatatask."))] == []
