from __future__ import annotations

import errno
from pathlib import Path

import pytest
from fuse_doubles import Shop

from pydatatask_cli.fuse.errors import Refusal
from pydatatask_cli.fuse.inodes import TOP, Inodes
from pydatatask_cli.fuse.link_directory import JobFile, LinkDirectory
from pydatatask_cli.fuse.nodes import Top


@pytest.fixture
def top(tmp_path: Path) -> Top:
    return Top(Shop(tmp_path).pipeline)


@pytest.fixture
def link(top: Top) -> LinkDirectory:
    return top.tasks["work"].links["blobs"]


def test_the_top_always_has_its_number(top: Top) -> None:
    inodes = Inodes(top)
    inodes.forget([(TOP, 1)])
    assert inodes.node(TOP) is top
    assert inodes.number(top) == TOP


def test_a_job_keeps_its_number_while_the_kernel_knows_it(top: Top, link: LinkDirectory) -> None:
    inodes = Inodes(top)
    number = inodes.number(JobFile(link, "job"))
    inodes.remember(number)
    inodes.remember(number)
    inodes.forget([(number, 1)])
    assert inodes.number(JobFile(link, "job")) == number
    assert inodes.node(number) == JobFile(link, "job")


def test_nothing_remains_of_inodes_that_the_kernel_has_released(top: Top, link: LinkDirectory) -> None:
    inodes = Inodes(top)
    numbers = [inodes.number(JobFile(link, str(job))) for job in range(1000)]
    for number in numbers:
        inodes.remember(number)
    inodes.forget((number, 1) for number in numbers)
    assert len(inodes) == 1
    with pytest.raises(Refusal) as refused:
        inodes.node(numbers[0])
    assert refused.value.number == errno.ESTALE


def test_what_comes_in_the_place_of_a_node_has_another_number(top: Top, link: LinkDirectory) -> None:
    inodes = Inodes(top)
    old = inodes.number(JobFile(link, "job"))
    inodes.remember(old)
    inodes.withdraw(JobFile(link, "job"))
    new = inodes.number(JobFile(link, "job"))
    assert new != old
    inodes.forget([(old, 1)])
    assert inodes.number(JobFile(link, "job")) == new
