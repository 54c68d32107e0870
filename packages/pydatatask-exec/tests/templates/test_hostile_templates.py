"""Whatever stands in a template or a manifest, it is rendered and read, or is an error that says so."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
from exec_doubles import Records, links
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pydatatask_core import ResourceManager, Resources
from pydatatask_core.errors import ManifestError, TemplateError
from pydatatask_exec import KubeTask, PodManager, Template
from pydatatask_exec.kubernetes.manifest import check_manifest, job_manifest, parse_manifest
from pydatatask_exec.kubernetes.pods.labels import PodIdentity

MARKS = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "-",
    " ",
    "\n",
    "job",
    "task",
    "books",
    "nothing",
    "'x'",
    "1",
    "0",
    "none",
    "|",
    ".",
    "(",
    ")",
]
MARKS += [
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    "=",
    "~",
    "/",
    "*",
    "%",
    "if ",
    "else",
    "endif",
    "for x in ",
    "endfor",
    "set y",
    "endset",
    "in ",
]
MARKS += [
    "macro m()",
    "endmacro",
    "raw",
    "endraw",
    "include ",
    "import ",
    "extends ",
    "block b",
    "endblock",
    "call",
    "filter upper",
]
MARKS += [
    "endfilter",
    "shquote",
    "tojson",
    "toyaml",
    "upper",
    "first",
    "join",
    "length",
    "is defined",
    "not ",
    "and ",
    "loop",
    "self",
]
MARKS += ["__class__", "__init__", "super()", "caller()", "range(3)", "\0", "é", "\\", '"', "../outside", "/etc/passwd"]
TEMPLATES = st.lists(st.sampled_from(MARKS), max_size=14).map("".join)
EXPRESSIONS = st.lists(st.sampled_from(MARKS[9:]), max_size=6).map(lambda words: f"{{{{ {' '.join(words)} }}}}")
IDENTITY = PodIdentity("app", "task", "Job1")


async def render(text: str) -> str:
    template = await Template.load(text, "count")
    return await template.render("j", links(books=Records({"j": {"size": [3, None, "x"]}})), {"queue": 1})


@pytest.mark.fuzz
@pytest.mark.filterwarnings("ignore::SyntaxWarning")  # of the code that Jinja makes of "1 is 1", say
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEMPLATES | EXPRESSIONS | st.text())
@example(text="{{ " + "(" * 5_000 + " }}")
@example(text="{{ " + "-" * 5_000 + "1 }}")
@example(text="{{ 1 " + "+ 1" * 5_000 + " }}")
@example(text="{% for x in books.size %}" * 100)
@example(text="{% include '../outside' %}")
@example(text="{{ 9 ** 9 ** 2 }}")
@example(text="{{ job.__class__.__mro__ }}")
def test_a_template_is_rendered_or_is_an_error_of_its_own(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outside").write_text("SECRET")
    (tmp_path / "inside").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "inside")
    rendered = ""
    with contextlib.suppress(TemplateError):
        rendered = asyncio.run(render(f"{text}\n"))  # a line is never the name of the file to read the template from
    assert "SECRET" not in rendered


WORDS = "kind spec metadata containers initContainers ephemeralContainers name resources requests limits cpu memory"
KEYS = st.sampled_from([*WORDS.split(), "labels", "annotations", "namespace", "overhead", "restartPolicy", "app", ""])
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["Pod", "1", "1Gi", "100m", "Always"]),
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=15
)


@st.composite
def manifests(draw: st.DrawFn) -> dict[str, Any]:
    """Give a manifest that is right but for what replaces a part of it."""
    requests: Any = draw(st.just({"cpu": "1", "memory": "1Gi"}) | VALUES)
    container: Any = draw(st.just({"name": "main", "resources": {"requests": requests}}) | VALUES)
    spec: Any = draw(st.just({"containers": [container], "initContainers": [container]}) | VALUES)
    return {"kind": "Pod", "spec": spec} | draw(st.dictionaries(KEYS, VALUES, max_size=2))


@pytest.mark.fuzz
@given(manifests() | st.dictionaries(KEYS, VALUES))
def test_a_manifest_is_taken_or_is_an_error_of_its_own(manifest: dict[str, Any]) -> None:
    with contextlib.suppress(ManifestError):
        check_manifest(manifest)
        made = job_manifest(manifest, IDENTITY, "default")
        assert made["spec"]["restartPolicy"] == "Never"


@pytest.mark.fuzz
@given(
    st.text()
    | st.lists(st.sampled_from("a1:-[]{},&*!?|>'\"\n #%@~") | st.sampled_from(["!!int ", "<<: "])).map("".join)
)
@example("2024-13-45")
@example("!!timestamp x")
@example("!!bool x")
@example("{[1]: 2}")
@example("a: \0")
@example("[" * 5_000)
@example("- " * 100_000 + "a")
def test_a_rendered_manifest_is_a_mapping_or_an_error_of_its_own(text: str) -> None:
    with contextlib.suppress(ManifestError):
        assert isinstance(parse_manifest(text), dict)


def no_manager() -> PodManager:
    raise AssertionError("a cluster was asked for")


@pytest.mark.fuzz
@given(manifests() | st.dictionaries(KEYS, VALUES) | VALUES)
def test_what_is_wrong_with_a_manifest_names_task_and_job(manifest: object) -> None:
    quota = ResourceManager(Resources.parse(1, 1))
    task = KubeTask("work", no_manager, quota, "{{ manifest|toyaml }}", None, None, env={"manifest": manifest})
    try:
        _, request = asyncio.run(task.manifest("j"))
    except (ManifestError, TemplateError) as error:
        complaint = str(error)
    else:
        complaint = ""
        assert request.launches == 1
    assert complaint == "" or complaint.startswith("task work, job j: ")
