from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import AsyncGenerator
from collections.abc import Set as AbstractSet
from typing import Any, Self

import pytest
from core_doubles import Blobs, Plain, Records
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from pydatatask_core.errors import UnknownRelationError
from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import DIRECT, Repository
from pydatatask_core.repositories.sizes import SizedRepository
from pydatatask_core.repositories.translation import Resolved, TranslatedRepository, resolve
from pydatatask_core.scheduling.listing import Listing

JOBS = st.sampled_from([f"j{i}" for i in range(6)])


class Both(Blobs, MetadataRepository):
    """A repository of blobs that are also records, as YAML ones are."""

    @override
    async def dump(self, job: str, data: Any) -> None:
        self.data[job] = str(data).encode()


class SizedBlobs(Blobs):
    """Blobs whose sizes are known."""

    async def size(self, job: str) -> int:
        return len(self.data[job])


class Subclass(TranslatedRepository):
    """What storage derives from the view: it has the same constructor."""


class Remembering(TranslatedRepository):
    """A subclass with a constructor and with state of its own."""

    def __new__(cls, base: Repository, translator: Repository, note: str) -> Self:
        return super().__new__(cls, base, translator)

    def __init__(self, base: Repository, translator: Repository, note: str) -> None:
        super().__init__(base, translator)
        self.note = note


def related(base: Repository, prefetch: bool = True, **translations: Any) -> TranslatedRepository:
    return TranslatedRepository(base, Records(translations), prefetch_lookup=prefetch)


async def listing(repository: Repository) -> set[str]:
    return {job async for job in repository}


@pytest.mark.requirement("related.type-of-base", "plug.translator")
@pytest.mark.parametrize("declared", [TranslatedRepository, Subclass])
def test_a_view_is_a_blob_or_metadata_repository_as_its_base_is(declared: type[TranslatedRepository]) -> None:
    kinds = {base: type(declared(base, Plain())) for base in (Blobs(), Records(), Both(), Plain())}
    assert [(issubclass(kind, BlobRepository), issubclass(kind, MetadataRepository)) for kind in kinds.values()] == [
        (True, False),
        (False, True),
        (True, True),
        (False, False),
    ]
    assert all(issubclass(kind, declared) for kind in kinds.values())
    assert {kind.__name__ for kind in kinds.values()} == {declared.__name__}


@pytest.mark.requirement("related.type-of-base")
@pytest.mark.parametrize("declared", [TranslatedRepository, Subclass])
async def test_a_view_knows_sizes_as_its_base_does(declared: type[TranslatedRepository]) -> None:
    sized = declared(SizedBlobs({"target": b"1234"}), Records({"here": "target"}))
    twice = declared(sized, Records({"there": "here"}))
    for view, job in ((sized, "here"), (twice, "there")):
        assert isinstance(view, SizedRepository)
        assert isinstance(view, BlobRepository)
        assert await view.size(job) == 4
        with pytest.raises(UnknownRelationError, match="'target'"):
            await view.size("target")
    assert not hasattr(declared(Blobs(), Records()), "size")
    assert type(declared(Records(), Records())) is type(declared(Records(), Plain()))  # whose size() takes no job


def test_views_over_bases_of_a_kind_share_their_class() -> None:
    assert type(related(Records())) is type(related(Records()))


@pytest.mark.requirement("related.translates", "related.iteration", "plug.translator")
@given(translations=st.dictionaries(JOBS, JOBS), there=st.sets(JOBS), prefetch=st.booleans(), asked=st.frozensets(JOBS))
async def test_a_view_contains_the_jobs_whose_translation_the_base_contains(
    translations: dict[str, str], there: set[str], prefetch: bool, asked: AbstractSet[str]
) -> None:
    view = related(Records(there), prefetch, **translations)
    expected = {job for job, target in translations.items() if target in there}
    assert await listing(view) == await view.keys() == await view.keys_via(Listing()) == expected
    assert await view.contained(asked) == asked & expected
    assert {job for job in asked if await view.contains(job)} == asked & expected


async def test_values_come_from_and_go_to_the_base_under_the_translated_id() -> None:
    base = Records({"target": 1, "here": 2})
    view = related(base, here="target")
    assert isinstance(view, MetadataRepository)
    assert await view.info("here") == 1
    assert await view.info_all() == {"here": 1}
    await view.dump("here", 3)
    assert base.data == {"target": 3, "here": 2}


async def test_blobs_are_opened_under_the_translated_id() -> None:
    base = Blobs({"target": b"value"})
    view = related(base, here="target")
    assert isinstance(view, BlobRepository)
    async with await view.open("here") as text:
        assert await text.read() == "value"
    async with await view.open("here", "wb") as fp:
        await fp.write(b"new")
    assert base.data == {"target": b"new"}


@pytest.mark.requirement("related.unknown-raises", "related.unknown-contains")
@pytest.mark.parametrize("prefetch", [True, False])
async def test_an_unknown_job_is_an_error_that_names_it_but_is_not_contained(prefetch: bool) -> None:
    view = TranslatedRepository(Both({"a": b""}), Records(), allow_deletes=True, prefetch_lookup=prefetch)
    assert isinstance(view, BlobRepository)
    assert isinstance(view, MetadataRepository)
    for call in (view.info("a"), view.open("a"), view.open("a", "wb"), view.dump("a", 1)):
        with pytest.raises(LookupError, match="'a'"):
            await call
    assert not await view.contains("a")
    await view.delete("a")
    assert await view.base.contains("a")


@pytest.mark.requirement("related.unknown-by-translator")
@pytest.mark.parametrize("prefetch", [True, False])
async def test_a_job_is_unknown_where_the_translator_does_not_contain_it_whatever_its_info_says(prefetch: bool) -> None:
    class Guessing(Records):
        @override
        async def info(self, job: str) -> str:
            return "target"

        @override
        async def info_all(self) -> dict[str, Any]:
            return {"absent": "target", "present": "target"}

    view = TranslatedRepository(Records(["target"]), Guessing(["present"]), prefetch_lookup=prefetch)
    assert await listing(view) == {"present"}
    assert await view.contains("present")
    assert not await view.contains("absent")
    with pytest.raises(UnknownRelationError):
        await view.info("absent")


@pytest.mark.requirement("related.delete", "plug.translator-deletes")
@pytest.mark.parametrize("allowed", [True, False])
async def test_deleting_reaches_the_base_only_and_only_if_it_is_allowed(allowed: bool) -> None:
    base, translator = Records(["target", "other"]), Records({"here": "target"})
    view = TranslatedRepository(base, translator, allow_deletes=allowed)
    await view.delete("here")
    assert set(base.data) == ({"other"} if allowed else {"target", "other"})
    assert set(translator.data) == {"here"}


@pytest.mark.requirement("related.members-of-base")
async def test_asynchronous_members_of_the_base_that_take_a_job_translate_it() -> None:
    base = Records({"target": 1})
    view: Any = related(base, here="target")
    assert view.rename.__name__ == "rename"
    assert view.rename.__doc__ == Records.rename.__doc__
    assert inspect.iscoroutinefunction(view.rename)
    with pytest.raises(LookupError):
        await view.rename("target", "new")
    await view.rename("here", name="new")
    assert base.data == {"new": 1}


@pytest.mark.requirement("related.members-of-base")
async def test_a_view_of_a_view_translates_twice() -> None:
    base = Records({"target": 1, "between": 2, "here": 3})
    outer: Any = related(related(base, between="target"), here="between")
    assert await outer.info("here") == 1
    await outer.rename("here", "new")
    assert base.data == {"new": 1, "between": 2, "here": 3}


@pytest.mark.requirement("related.members-of-base")
def test_attributes_and_members_that_take_no_job_are_those_of_the_base() -> None:
    base = Records(["a", "b"])
    view: Any = related(base)
    assert view.data is base.data
    assert view.size() == 2
    base.name = "changed"
    assert view.name == "changed"


@pytest.mark.requirement("related.path-members-refused")
def test_a_member_that_takes_a_job_and_cannot_wait_is_refused_with_a_pointer_to_info() -> None:
    view: Any = related(Records(["a"], name="the records"))
    with pytest.raises(AttributeError, match=r"place\(\) of the records .* await info\(job\)"):
        view.place("a")
    assert not hasattr(view, "place")


def test_what_neither_has_is_an_attribute_error() -> None:
    view: Any = related(Records())
    for name in ("nothing", "_private", "__fspath__"):
        with pytest.raises(AttributeError, match=name):
            getattr(view, name)
    with pytest.raises(AttributeError):
        _ = object.__new__(type(view)).data


def test_a_function_that_the_base_was_given_is_not_taken_for_one_of_its_methods() -> None:
    async def given_function(job: str) -> bool:
        return True

    mapped = Records().map(str, filt=given_function)
    view: Any = related(mapped)
    assert view.filter is given_function


async def test_resolve_follows_views_to_the_repository_that_holds_the_job() -> None:
    base = Records({"target": 1})
    middle = related(base, between="target")
    outer = related(middle, here="between")
    assert await resolve(outer, "here") == Resolved(base, "target")
    assert await resolve(middle, "between") == Resolved(base, "target")
    assert await resolve(base, "anything") == Resolved(base, "anything")
    with pytest.raises(UnknownRelationError, match="'elsewhere'"):
        await resolve(outer, "elsewhere")


@pytest.mark.requirement("graph.dependants-translated")
@given(translations=st.dictionaries(JOBS, JOBS), job=JOBS, prefetch=st.booleans())
async def test_jobs_from_the_base_show_up_under_all_ids_that_translate_to_them(
    translations: dict[str, str], job: str, prefetch: bool
) -> None:
    view = related(Records(), prefetch, **translations)
    assert await view.jobs_from(view.base, job) == {here for here, target in translations.items() if target == job}
    assert await view.jobs_from(view.translator, job) == {job}


@pytest.mark.requirement("combinators.subclass-charset")
async def test_the_ids_of_a_view_are_those_that_its_translator_takes() -> None:
    class Dashed(Records):
        CHARSET = Records.CHARSET + "-"

    view = TranslatedRepository(Records(["target"]), Dashed({"a-b": "target", "-c": "target"}))
    assert await listing(view) == {"a-b"}
    assert view.admits("a-b")
    assert not view.admits("a_b")


class Pickled(Plain):
    """An importable repository with a value to recognise it by."""

    def __init__(self, jobs: list[str]) -> None:
        super().__init__(jobs)
        self.translations = 0

    @override
    async def info(self, job: str) -> str:
        self.translations += 1
        return job.upper()


class PickledBlobs(Blobs):
    """An importable blob repository."""


@pytest.mark.parametrize("way", [lambda view: pickle.loads(pickle.dumps(view)), copy.copy, copy.deepcopy])
async def test_a_view_survives_pickling_and_copying(way: Any) -> None:
    view = Subclass(PickledBlobs({"A": b"value"}), Pickled(["a", "b"]), allow_deletes=True)
    assert await listing(view) == {"a"}
    again = way(view)
    assert type(again) is type(view)
    assert isinstance(again, BlobRepository)
    assert again.allow_deletes
    assert again.prefetch_lookup
    assert await listing(again) == {"a"}


def test_a_subclass_keeps_its_own_state_through_pickling() -> None:
    view = Remembering(PickledBlobs(), Pickled([]), "note")
    again = pickle.loads(pickle.dumps(view))
    assert type(again) is type(view)
    assert again.note == "note"
    assert isinstance(again.base, PickledBlobs)


async def test_a_pickled_view_does_not_take_along_what_it_had_looked_up() -> None:
    translator = Pickled(["a"])
    view = TranslatedRepository(PickledBlobs({"A": b"", "Z": b""}), translator)
    assert await view.contains("a")
    again = pickle.loads(pickle.dumps(view))
    again.translator.jobs.append("z")
    assert await again.contains("z")
    assert again.translator.translations == translator.translations + 2


@pytest.mark.requirement("repo.override-obeyed")
async def test_subclasses_that_override_the_listing_or_membership_are_obeyed_on_the_bulk_paths() -> None:
    class Narrow(TranslatedRepository):
        @override
        async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
            async for job in super().unfiltered_iter():
                if job != "hidden":
                    yield job

        @override
        async def contains(self, item: str) -> bool:
            return item != "hidden" and await super().contains(item)

    view = Narrow(Records(["target"]), Records({"hidden": "target", "shown": "target"}))
    assert await listing(view) == {"shown"}
    assert await view.keys() == await view.keys_via(DIRECT) == await view.keys_via(Listing()) == {"shown"}
    assert await view.contained({"hidden", "shown"}) == {"shown"}


def test_a_view_says_what_it_is_of() -> None:
    assert repr(Subclass(Records(name="the records"), Plain())) == "<Subclass of the records>"
