"""A mounted pipeline, used by ordinary programs."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from integration.fuse_mount import Mount, sh
from integration.fuse_pipeline import HUGE

MIB = 1 << 20


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for something that comes about by itself."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it has not come about"
        time.sleep(0.05)


@pytest.fixture
def value() -> bytes:
    return os.urandom(5 * MIB + 123)


@pytest.mark.requirement("cli.fuse", "fuse.tree")
def test_find_sees_tasks_links_and_jobs(mounted: Mount) -> None:
    (mounted.blobs / "job1").touch()
    links = ["blobs", "directories", "files", "huge", "records", "view"]
    found = sh("find . -mindepth 1 | sort", mounted.path).split()
    jobs = ["blobs/job1", "huge/zeros", "records/one", "view/job1"]
    expected = ["rest", "work", *(f"work/{name}" for name in links + jobs)]
    assert found == sorted(f"./{path}" for path in expected)
    named = sh("find . -type f -name job1", mounted.path).split()
    assert named == [f"./{path}" for path in ("work/blobs/job1", "work/view/job1")]
    assert sh("ls -a work/records", mounted.path).split() == [".", "one"]


@pytest.mark.requirement("fuse.record-size")
def test_programs_that_trust_the_size_of_a_file_copy_all_of_a_record(mounted: Mount, tmp_path: Path) -> None:
    record = (mounted.path / "work" / "records" / "one").read_bytes()
    assert record
    sh(f"tar cf {tmp_path}/t.tar work/records/one", mounted.path)
    assert sh(f"tar xOf {tmp_path}/t.tar", mounted.path).encode() == record
    shutil.copyfile(mounted.path / "work" / "records" / "one", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == record


@pytest.mark.requirement("fuse.one-value")
def test_an_open_file_gives_the_value_that_it_was_opened_with(mounted: Mount) -> None:
    path = mounted.link / "jumpy"
    path.write_bytes(b"A" * (8 << 20))
    with path.open("rb", buffering=0) as file:
        file.seek(6 << 20)
        assert file.read(4) == b"AAAA"
        path.write_bytes(b"B" * (8 << 20))
        for at in (1 << 20, 7 << 20):
            file.seek(at)
            assert file.read(4) == b"AAAA"
    assert path.read_bytes()[:4] == b"BBBB"


@pytest.mark.requirement("fuse.sizes")
def test_ls_shows_true_sizes_and_what_may_be_done(mounted: Mount) -> None:
    (mounted.blobs / "job1").write_bytes(b"x" * 12345)
    lines = sh("ls -l work/blobs work/records work/view", mounted.path)
    assert re.search(r"^-rw-r--r-- 1 \S+ \S+ 12345 .* job1$", lines, re.MULTILINE)
    assert re.search(r"^-rw-r--r-- 1 \S+ \S+ 18 .* one$", lines, re.MULTILINE)
    assert re.search(r"^-r--r--r-- 1 \S+ \S+ 0 .* job1$", lines, re.MULTILINE)
    (mounted.blobs / "job1").write_bytes(b"x")
    assert (mounted.link / "job1").stat().st_size == 1
    assert sh("cat one; cp one /dev/stdout", mounted.path / "work/records") == "words: 3\nby:\n- us\n" * 2


@pytest.mark.requirement("fuse.blobs", "fuse.whole")
def test_cp_copies_in_and_out(mounted: Mount, tmp_path: Path, value: bytes) -> None:
    (tmp_path / "source").write_bytes(value)
    sh(f"cp source {mounted.link}/job1", tmp_path)
    assert (mounted.blobs / "job1").read_bytes() == value
    sh(f"cp {mounted.link}/job1 back && cmp source back && cmp source {mounted.link}/job1", tmp_path)
    assert mounted.events() == ["write job1"]


@pytest.mark.requirement("fuse.blobs")
def test_dd_reads_and_writes_anywhere(mounted: Mount, value: bytes) -> None:
    (mounted.blobs / "job1").write_bytes(value)
    read = "dd if=job1 bs=1000 skip=3000 count=2 status=none | sha256sum"
    assert sh(read, mounted.link) == sh(read, mounted.blobs)
    for directory in (mounted.link, mounted.blobs):
        sh("printf changed | dd of=job1 bs=1 seek=100000 conv=notrunc status=none", directory)
    changed = value[:100000] + b"changed" + value[100007:]
    assert (mounted.blobs / "job1").read_bytes() == changed
    assert sh("tail -c 5 job1 | sha256sum", mounted.link) == sh("tail -c 5 job1 | sha256sum", mounted.blobs)
    sh("truncate -s 10 job1; printf more >> job1", mounted.link)
    assert (mounted.blobs / "job1").read_bytes() == changed[:10] + b"more"


@pytest.mark.requirement("fuse.shared-files", "fuse.whole")
@pytest.mark.parametrize(
    "command",
    [
        "(echo a; /bin/echo b; /bin/true; echo c) > job1",
        "{ echo a; /bin/echo b; /bin/true; echo c; } > job1",
        "(echo a; /bin/echo b; exec /bin/echo c) > job1",
        "exec 5> job1; echo a >&5; /bin/echo b >&5; /bin/true 5>&1; echo c >&5",
        "(echo a; (sleep 0.2; /bin/echo b; echo c) & ) > job1; while [ ! -s job1 ]; do sleep 0.05; done; wait; sleep 1",
    ],
)
def test_a_file_that_several_processes_write_is_stored_once(mounted: Mount, command: str) -> None:
    sh(command, mounted.link)
    eventually(lambda: (mounted.blobs / "job1").exists())
    assert (mounted.blobs / "job1").read_text() == "a\nb\nc\n"
    assert mounted.events() == ["write job1"]


@pytest.mark.requirement("fuse.old-value")
def test_a_reader_has_one_value_whatever_is_written_meanwhile(mounted: Mount) -> None:
    (mounted.blobs / "job1").write_bytes(b"old" * MIB)
    with (mounted.link / "job1").open("rb") as reader:
        begin = reader.read(10)
        (mounted.link / "job1").write_bytes(b"new")
        assert begin + reader.read() == b"old" * MIB
    assert (mounted.link / "job1").read_bytes() == b"new"


@pytest.mark.requirement("fuse.records", "fuse.errors")
def test_a_record_is_yaml_and_nothing_else(mounted: Mount, tmp_path: Path) -> None:
    records = mounted.path / "work/records"
    (tmp_path / "bad").write_text("words: [1, 2")
    (tmp_path / "good").write_text("{words: 7}")
    assert "Invalid argument" in sh(f"cp bad {records}/one", tmp_path, check=False)
    assert "Invalid argument" in sh(f"cp bad {records}/two", tmp_path, check=False)
    assert sh("ls; cat one", records) == "one\nwords: 3\nby:\n- us\n"
    sh(f"cp good {records}/two", tmp_path)
    assert sh("cat two; echo 'lines: 8' >> two; cat two; rm two", records) == "words: 7\nwords: 7\nlines: 8\n"


@pytest.mark.requirement("fuse.remove")
def test_rm_deletes_jobs(mounted: Mount) -> None:
    for job in ("job1", "job2"):
        (mounted.blobs / job).touch()
    assert sh("rm job1; ls", mounted.link) == "job2\n"
    assert mounted.events() == ["forget work.blobs job1", "delete job1"]
    assert "No such file" in sh("rm job1", mounted.link, check=False)


@pytest.mark.requirement("fuse.read-only", "fuse.errors")
@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("echo x > view/job1", "Permission denied"),
        ("echo x > view/new", "Operation not permitted"),
        ("rm -f view/job1", "Operation not permitted"),
        ("mv view/job1 view/job2", "Operation not permitted"),
        ("mkdir blobs/new", "Operation not permitted"),
        ("mkdir new", "Operation not permitted"),
        ("touch new", "Operation not permitted"),
        ("rmdir blobs", "Operation not permitted"),
        ("ln -s blobs/job1 blobs/job2", "Operation not permitted"),
        ("ln blobs/job1 blobs/job2", "Operation not permitted"),
        ("mkfifo blobs/pipe", "Operation not permitted"),
        ("cat blobs/nothing", "No such file"),
    ],
)
def test_what_is_not_possible_is_refused(mounted: Mount, command: str, error: str) -> None:
    (mounted.blobs / "job1").touch()
    work = mounted.path / "work"
    if "view" in command and os.getuid() != 0:
        error = "Permission denied|Operation not permitted"  # the kernel looks at the permissions first
    assert re.search(error, sh(command, work, check=False))
    assert mounted.events() == []


@pytest.mark.requirement("fuse.symbolic-links", "fuse.directories")
def test_files_and_directories_are_symbolic_links(mounted: Mount) -> None:
    work, files = mounted.path / "work", mounted.store / "files"
    sh(
        "echo text > files/one; mkdir directories/two; echo text > directories/two/part; "
        "cp -r /etc/skel directories/three",
        work,
    )
    assert os.readlink(work / "files/one") == str(files / "one.txt")
    assert (files / "one.txt").read_text() == "text\n"
    assert os.readlink(work / "directories/two") == str(mounted.store / "directories/two")
    assert (mounted.store / "directories/two/part").read_text() == "text\n"
    assert sorted(os.listdir(mounted.store / "directories/three")) == sorted(os.listdir("/etc/skel"))
    sh("rm directories/two files/one", work)
    assert not (mounted.store / "directories/two").exists()
    assert not (files / "one.txt").exists()


@pytest.mark.requirement("fuse.never-written", "fuse.empty")
def test_touch_makes_a_job_unless_it_is_undone(mounted: Mount) -> None:
    sh("touch job1 job2; rm job1", mounted.link)
    assert mounted.events() == []
    eventually(lambda: mounted.events() == ["write job2"])
    assert sh("ls -s1", mounted.link) == "total 0\n0 job2\n"


@pytest.mark.requirement("fuse.rename", "fuse.temporary-names")
def test_mv_renames_within_a_link_and_copies_between_links(mounted: Mount) -> None:
    sh("echo text > .job1.part; mv .job1.part job1; mv job1 job2; mv job2 ../files/three", mounted.link)
    assert (mounted.store / "files/three.txt").read_text() == "text\n"
    jobs = [event for event in mounted.events() if not event.startswith("forget")]
    assert jobs == ["write job1", "write job2", "delete job1", "delete job2"]


@pytest.mark.requirement("fuse.temporary-files", "fuse.rename")
def test_sed_in_place_replaces_a_job_in_one_step(mounted: Mount) -> None:
    (mounted.blobs / "job1").write_text("some words\n")
    sh("sed -i s/some/other/ job1", mounted.link)
    assert (mounted.blobs / "job1").read_text() == "other words\n"
    assert mounted.events() == ["write job1"]


@pytest.fixture
def vim() -> str:
    for name in ("vim", "vim.tiny", "vi"):
        if found := shutil.which(name):
            return found
    pytest.skip("vim is not installed: tools/system-packages installs vim-tiny")


@pytest.mark.requirement("fuse.rename-away", "fuse.temporary-names", "fuse.never-written", "fuse.old-value")
@pytest.mark.parametrize("how", ["auto", "no", "yes"])
@pytest.mark.parametrize("keeps", ["backup", "nobackup"])
def test_vim_edits_a_job(mounted: Mount, vim: str, how: str, keeps: str) -> None:
    (mounted.blobs / "job1").write_text("some words\n")
    settings = f"set backupskip= backupcopy={how} {keeps} swapfile directory=."
    edit = f"{vim} -u NONE -es -c '{settings}' -c 'normal Gofew' -c 's/few/more/' -c wq job1"
    sh(edit, mounted.link)
    assert (mounted.blobs / "job1").read_text() == "some words\nmore\n"
    assert mounted.events() == ["write job1"]
    expected = ["job1", "job1~"] if keeps == "backup" else ["job1"]
    assert sorted(os.listdir(mounted.link)) == expected
    assert keeps == "nobackup" or (mounted.link / "job1~").read_text() == "some words\n"


def test_vim_writes_a_new_job(mounted: Mount, vim: str) -> None:
    sh(f"{vim} -u NONE -es -c 'set swapfile directory=.' -c 'normal ihello' -c wq job1", mounted.link)
    assert (mounted.blobs / "job1").read_text() == "hello\n"
    assert mounted.events() == ["write job1"]


@pytest.mark.requirement("fuse.streams")
def test_large_values_take_little_memory(mounted: Mount) -> None:
    sh("cat work/records/one; cat work/huge/zeros | head -c 1000000", mounted.path)
    mounted.forget_peak_memory()
    before = mounted.peak_memory()
    assert int(sh("cat work/huge/zeros | wc -c", mounted.path)) == HUGE
    sh("dd if=/dev/zero of=work/huge/new bs=1M count=300", mounted.path)
    assert mounted.peak_memory() - before < 32 * MIB
    assert mounted.events() == [f"count {300 * MIB}"]


def test_many_can_read_at_the_same_time(mounted: Mount, value: bytes) -> None:
    for job in ("job1", "job2", "job3"):
        (mounted.blobs / job).write_bytes(job.encode() + value)
    expected = {sh(f"sha256sum < {job}", mounted.blobs) for job in ("job1", "job2", "job3")}
    readers = [
        subprocess.Popen(f"sha256sum < job{1 + number % 3}", shell=True, cwd=mounted.link, stdout=subprocess.PIPE)
        for number in range(24)
    ]
    assert {reader.communicate(timeout=30)[0].decode() for reader in readers} == expected


def test_a_seek_back_and_one_forward_give_what_is_there(mounted: Mount, value: bytes) -> None:
    (mounted.blobs / "job1").write_bytes(value)
    with (mounted.link / "job1").open("rb", buffering=0) as file:
        for offset in (4 * MIB, 0, 3 * MIB, 2 * MIB, 5 * MIB, 5 * MIB + 200, 1):
            assert os.pread(file.fileno(), 100, offset) == value[offset : offset + 100]


def test_readers_and_writers_that_are_killed_harm_nobody(mounted: Mount, value: bytes) -> None:
    (mounted.blobs / "job1").write_bytes(value)
    for number in range(30):
        processes = [
            subprocess.Popen("cat job1 job1 job1 >/dev/null", shell=True, cwd=mounted.link, start_new_session=True),
            subprocess.Popen("cat work/huge/zeros >/dev/null", shell=True, cwd=mounted.path, start_new_session=True),
        ]
        time.sleep(0.01 + 0.001 * number)
        for process in processes:
            os.killpg(process.pid, 9)
            process.wait()
    assert (mounted.link / "job1").read_bytes() == value


def test_many_files_are_listed_once_each(mounted: Mount) -> None:
    names = sorted(f"job{number}" for number in range(1500))
    for name in names:
        (mounted.blobs / name).touch()
    assert sorted(os.listdir(mounted.link)) == names
    assert sh("ls -l | wc -l", mounted.link).strip() == "1501"


def test_files_can_be_deleted_while_they_are_open(mounted: Mount) -> None:
    descriptor = os.open(mounted.link / ".temporary", os.O_RDWR | os.O_CREAT | os.O_EXCL)
    os.write(descriptor, b"some words")
    os.unlink(mounted.link / ".temporary")
    assert os.pread(descriptor, 100, 5) == b"words"
    assert os.fstat(descriptor).st_nlink == 0
    os.close(descriptor)
    assert os.listdir(mounted.link) == []


def test_times_can_be_set_without_effect_and_permissions_not_at_all(mounted: Mount) -> None:
    (mounted.blobs / "job1").touch()
    os.utime(mounted.link / "job1", (1, 1))
    mode = stat.S_IMODE((mounted.link / "job1").stat().st_mode)
    os.chmod(mounted.link / "job1", mode)
    with pytest.raises(PermissionError):
        os.chmod(mounted.link / "job1", 0o600)


def test_nothing_else_is_there_to_be_asked(mounted: Mount) -> None:
    (mounted.blobs / "job1").touch()
    with pytest.raises(OSError, match="not supported") as refused:
        os.getxattr(mounted.link / "job1", "user.something")
    assert refused.value.errno == errno.EOPNOTSUPP
    assert os.statvfs(mounted.link).f_bavail > 0
