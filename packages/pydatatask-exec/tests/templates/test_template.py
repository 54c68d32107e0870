from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest
from exec_doubles import Records, Unreadable, links
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from pydatatask_core import Link
from pydatatask_core.errors import TemplateError, TemplateNameError
from pydatatask_exec import Template


async def render(text: str, environment: Any = None, /, **repositories: Records) -> str:
    template = await Template.load(text, "count")
    return await template.render("j", links(**repositories), environment)


@pytest.mark.requirement("template.names")
async def test_job_task_and_links_are_there() -> None:
    text = "{{ task }}: {{ job }} of {{ books }}, {{ reports['size'] }}"
    books, reports = Records({"j": "/books/j.txt"}), Records({"j": {"size": 3}})
    assert await render(text, books=books, reports=reports) == "count: j of /books/j.txt, 3"


@pytest.mark.requirement("template.info-lazy")
async def test_an_info_is_looked_up_once_and_only_if_it_is_used() -> None:
    books, reports = Records({"j": 1}), Records({"j": 2})
    assert (
        await render("{{ books }}{{ books }}{% if books %}{{ books }}{% endif %}", books=books, reports=reports)
        == "111"
    )
    assert books.asked == ["j"]
    assert reports.asked == []


async def test_an_info_that_the_template_has_replaced_is_not_looked_up() -> None:
    books = Records({"j": 1})
    assert await render("{% set books = 5 %}{{ books }}", books=books) == "5"
    assert books.asked == []


@pytest.mark.requirement("template.async")
async def test_rendering_awaits_the_infos_and_so_holds_up_nobody() -> None:
    held, go = asyncio.Event(), asyncio.Event()

    class Slow(Records):
        @override
        async def info(self, job: str) -> object:
            held.set()
            await go.wait()
            return "slow"

    template = await Template.load("{{ books }}", "count")
    rendering = asyncio.create_task(template.render("j", links(books=Slow())))
    await held.wait()
    go.set()
    assert await rendering == "slow"


async def test_awaitables_that_a_template_calls_for_are_awaited() -> None:
    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    assert await render("{{ double(4) }}", {"double": double}) == "8"


@pytest.mark.requirement("template.all-of-jinja")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{% for n in numbers %}{{ loop.index }}={{ n }}{{ ',' if not loop.last }}{% endfor %}", "1=5,2=6"),
        ("{% for n in [] %}{% else %}none{% endfor %}", "none"),
        ("{% set n = numbers|sum %}{{ n }}", "11"),
        ("{% set text %}{{ job }}!{% endset %}{{ text }}", "j!"),
        ("{% set ns = namespace(n=0) %}{% for n in numbers %}{% set ns.n = ns.n + n %}{% endfor %}{{ ns.n }}", "11"),
        ("{% macro m(n) %}<{{ n }}{{ job }}>{% endmacro %}{{ m(1) }}{{ m(2) }}", "<1j><2j>"),
        ("{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}{{ task }}{% endcall %}", "<count>"),
        ("{% filter upper %}{{ job }}{% endfilter %}", "J"),
        ("{% with n = 3 %}{{ n }}{% endwith %}", "3"),
        ("{% for n in range(5) if n is odd %}{{ n }}{% endfor %}", "13"),
        ("{% for n in numbers %}{% if loop.last %}{% break %}{% endif %}{{ n }}{% endfor %}", "5"),
        ("{% do numbers.append(7) %}{{ numbers|last }}", "7"),
        ("{{ numbers|map('string')|join('-') }}{# remark #}", "5-6"),
        ("{% raw %}{{ job }}{% endraw %}", "{{ job }}"),
        ("{% block body %}{{ job }}{% endblock %}", "j"),
        ("{{ missing is defined }} {{ missing|default('d') }}", "False d"),
        ("{% if false %}{{ missing }}{% endif %}", ""),
    ],
)
async def test_all_of_jinja_works(text: str, expected: str) -> None:
    assert await render(text, {"numbers": [5, 6]}) == expected


async def test_nothing_is_escaped_and_the_last_newline_is_kept() -> None:
    assert await render("{{ books }}\n", books=Records({"j": "<&\"'>"})) == "<&\"'>\n"


TEXTS = (
    st.text()
    .filter(lambda text: not any(mark in text for mark in ("{{", "{%", "{#")))
    .map(lambda text: text.replace("\r\n", "\n").replace("\r", "\n"))
)


@given(TEXTS)
def test_text_without_marks_stays_as_it_is(text: str) -> None:
    assert asyncio.run(Template(text, "count").render("j", {})) == text


@pytest.mark.requirement("template.undefined")
async def test_an_unknown_name_tells_task_job_line_and_the_names_there_are() -> None:
    with pytest.raises(NameError) as caught:
        await render("first\n{{ boks }}\n", {"queue": 1}, books=Records(), **{"to-do": Records()})
    assert isinstance(caught.value, TemplateNameError)
    assert str(caught.value) == (
        "task count, job j: the template fails in line 2: 'boks' is undefined; "
        "the names there are: job, task, queue, books, to_do"
    )


@pytest.mark.requirement("template.undefined")
@pytest.mark.parametrize(
    "text",
    [
        "{{ books.sise }}",
        "{{ books['sise'] }}",
        "{{ sise|shquote }}",
        "{{ sise|tojson }}",
        "{{ [1, sise]|tojson }}",
        "{{ sise|toyaml }}",
        "{{ {'a': sise}|toyaml }}",
        "{% for n in sise %}{% endfor %}",
        "{% for n in books.sise %}{% else %}{% endfor %}",
        "{{ sise|list }}",
        "{{ sise|join }}",
        "{{ sise|map('upper')|first }}",
        "{{ sise|length }}",
        "{% if sise %}{% endif %}",
        "{{ sise() }}",
        "{{ sise.of.it }}",
        "{{ sise ~ 'x' }}",
        "{{ sise == 3 }}",
    ],
)
async def test_wherever_something_undefined_is_used_it_is_named(text: str) -> None:
    with pytest.raises(TemplateNameError, match="sise"):
        await render(text, books=Records({"j": {"size": 3}}))


async def test_an_error_in_an_expression_tells_task_job_and_line() -> None:
    with pytest.raises(TemplateError, match="task count, job j: the template fails in line 3: ZeroDivisionError"):
        await render("\n\n{{ 1 / 0 }}")


async def test_an_info_that_cannot_be_had_tells_the_link_and_the_job() -> None:
    with pytest.raises(TemplateError) as caught:
        await render("{{ books }}", books=Unreadable())
    message = str(caught.value)
    for part in ("task count", "job j", "'books'", "Unreadable", "OSError", "on fire"):
        assert part in message
    assert isinstance(caught.value.__cause__, OSError)


async def test_a_syntax_error_tells_the_task_the_line_and_what_to_do() -> None:
    with pytest.raises(TemplateError) as caught:
        await Template.load("#!/bin/sh\nn=${#words}\n", "count")
    message = str(caught.value)
    assert "task count" in message
    assert "line 2" in message
    assert "{% raw %}" in message


@pytest.mark.requirement("template.env")
async def test_repositories_and_links_in_the_environment_stand_for_their_infos() -> None:
    unused = Records()
    environment = {"a": Records({"j": 1}), "b": Link(Records({"j": 2})), "c": 3, "unused": unused}
    assert await render("{{ a }}{{ b }}{{ c }}", environment) == "123"
    assert unused.asked == []


async def test_the_environment_goes_before_links_and_job_and_task_before_all() -> None:
    environment: dict[str, object] = {"books": "mine", "job": "no", "task": "no"}
    books = Records({"j": "link"})
    assert await render("{{ books }} {{ job }} {{ task }}", environment, books=books) == "mine j count"
    assert books.asked == []
    assert await render("{{ job }}", job=books) == "j"


async def test_a_hyphen_in_a_links_name_is_written_as_an_underscore() -> None:
    hyphen = Records({"j": "hyphen"})
    assert await render("{{ to_do }}", **{"to-do": hyphen}) == "hyphen"
    assert await render("{{ to_do }}", **{"to-do": hyphen}, to_do=Records({"j": "underscore"})) == "underscore"


async def test_links_made_later_are_found() -> None:
    template = await Template.load("{{ books|default('none') }}", "count")
    assert await template.render("a", {}) == "none"
    assert await template.render("a", links(books=Records({"a": 1}))) == "1"


@pytest.mark.requirement("template.file")
@pytest.mark.parametrize("kind", [str, Path])
async def test_an_argument_that_names_a_file_is_its_content(tmp_path: Path, kind: type[str] | type[Path]) -> None:
    file = tmp_path / "script.sh"
    file.write_text("#!/bin/sh\necho {{ job }} é\n", "utf-8")
    template = await Template.load(kind(file), "count")
    assert await template.render("j", {}) == "#!/bin/sh\necho j é\n"


async def test_a_syntax_error_in_a_file_tells_its_name(tmp_path: Path) -> None:
    file = tmp_path / "script.sh"
    file.write_text("{% for %}", "utf-8")
    with pytest.raises(TemplateError, match=r"script\.sh has an error in line 1"):
        await Template.load(file, "count")


async def test_a_template_includes_what_is_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "main.sh").write_text("{% include 'head.sh' %}{% from 'macros' import twice %}{{ twice(job) }}")
    (tmp_path / "sub" / "head.sh").write_text("{{ books }} {% include 'more.sh' ignore missing %}")
    (tmp_path / "sub" / "macros").write_text("{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}")
    monkeypatch.chdir(tmp_path)
    books, reports = Records({"j": "B"}), Records({"j": "R"})
    template = await Template.load("sub/main.sh", "count")
    assert await template.render("j", links(books=books, reports=reports)) == "B jj"
    assert reports.asked == []


async def test_rendering_reads_no_files(tmp_path: Path) -> None:
    (tmp_path / "main.sh").write_text("{% include 'head.sh' %}")
    (tmp_path / "head.sh").write_text("{{ books }}")
    template = await Template.load(tmp_path / "main.sh", "count")
    (tmp_path / "head.sh").unlink()
    assert await template.render("j", links(books=Records({"j": "B"}))) == "B"


async def test_an_include_whose_name_is_computed_sees_every_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "j.sh").write_text("{{ books }}{{ to_do }}{{ extra }}")
    monkeypatch.chdir(tmp_path)
    text = "{% include job ~ '.sh' %}"
    assert await render(text, {"extra": "E"}, books=Records({"j": "B"}), **{"to-do": Records({"j": "T"})}) == "BTE"


@pytest.mark.parametrize("name", ["'nowhere.sh'", "'nowhere' ~ '.sh'"])
async def test_a_missing_include_is_an_error_that_names_it(name: str) -> None:
    with pytest.raises(TemplateError, match=r"task count, job j: .*nowhere\.sh"):
        await render(f"{{% include {name} %}}")


@pytest.mark.parametrize("text", ["echo {{ job }}", "make.sh"])
async def test_a_text_needs_no_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "removed").mkdir()
    monkeypatch.chdir(tmp_path / "removed")
    (tmp_path / "removed").rmdir()
    template = await Template.load(text, "work")
    assert await template.render("1", {}) == text.replace("{{ job }}", "1")
    with pytest.raises(TemplateError, match="no-such-file"):
        await (await Template.load("{% include 'no-such-file' %}", "work")).render("1", {})


async def test_a_syntax_error_in_an_included_file_tells_its_name(tmp_path: Path) -> None:
    (tmp_path / "main.sh").write_text("{% include 'head.sh' %}")
    (tmp_path / "head.sh").write_text("\n{% for %}")
    with pytest.raises(TemplateError, match=r"head\.sh has an error in line 2"):
        await Template.load(tmp_path / "main.sh", "count")


@pytest.mark.parametrize("place", ["text", "main.sh", "head.sh"])
async def test_an_unknown_filter_tells_its_place_and_the_filters_there_are(tmp_path: Path, place: str) -> None:
    wrong = "\n{{ job|shqoute }}"
    (tmp_path / "main.sh").write_text(wrong if place == "main.sh" else "{% include 'head.sh' %}")
    (tmp_path / "head.sh").write_text(wrong)
    expected = (
        rf"the template \S*{place} has an error in line 2: No filter named 'shqoute'\. .* shquote, tojson, toyaml\.$"
    )
    with pytest.raises(TemplateError, match=expected):
        await Template.load(wrong if place == "text" else tmp_path / "main.sh", "count")


async def test_an_included_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "main.sh").write_text("{% include 'head.sh' %}")
    (tmp_path / "head.sh").write_bytes(b"\xff")
    with pytest.raises(TemplateError, match="task count: what the template includes cannot be read"):
        await Template.load(tmp_path / "main.sh", "count")


async def test_templates_that_include_each_other_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "main.sh").write_text("{% if books %}{% include 'other.sh' %}{% endif %}")
    (tmp_path / "other.sh").write_text("{{ books }}{% if not books %}{% include 'main.sh' %}{% endif %}")
    template = await Template.load(tmp_path / "main.sh", "count")
    assert await template.render("j", links(books=Records({"j": 1}))) == "1"


async def test_many_renderings_at_a_time_do_not_mix() -> None:
    class Yielding(Records):
        @override
        async def info(self, job: str) -> str:
            await asyncio.sleep(0)
            return job * 2

    template = await Template.load("{% for n in range(3) %}{{ job }}{{ books }};{% endfor %}", "count")
    there = links(books=Yielding())
    texts = await asyncio.gather(*(template.render(f"j{n}", there) for n in range(200)))
    assert texts == [f"j{n}j{n}j{n};" * 3 for n in range(200)]
    gc.collect()  # a forgotten generator or coroutine would warn, and warnings are errors
