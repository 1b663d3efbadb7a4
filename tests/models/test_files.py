"""Files are checked before the work, and whole or not there."""

import json
import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from models.errors import UserError
from models.files import check_writable, is_file, read_json, write_json


def test_a_check_leaves_no_file_and_changes_none(tmp_path):
    new, old = tmp_path / "folder" / "new.json", tmp_path / "old.json"
    old.write_text("mine")
    check_writable(new)
    check_writable(old)
    assert new.parent.is_dir()
    assert not new.exists()
    assert old.read_text() == "mine"


@pytest.mark.parametrize(
    "place", ["file/results.json", "folder", "file/more/results.json", "loop", 300 * "a", "a\0b"]
)
def test_a_place_that_cannot_be_written(tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=r"cannot be written .* choose another place"):
        check_writable(tmp_path / place)


def test_a_failed_write_leaves_the_old_content(tmp_path):
    path = tmp_path / "results.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert read_json(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_called_one(tmp_path):
    (tmp_path / "file").touch()
    for place in ("file/results.json", "file/more/results.json"):
        with pytest.raises(UserError, match="one of its folders is a file"):
            check_writable(tmp_path / place)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_a_full_disk_is_one_sentence():
    with pytest.raises(UserError, match=r"/dev/full cannot be written \(No space left on device\): make"):
        write_json(Path("/dev/full"), [1])


def test_a_name_that_no_system_takes_is_no_file(tmp_path):
    assert not is_file(tmp_path / (300 * "a"))
    assert not is_file(tmp_path)


def test_a_link_stays_a_link_and_its_target_gets_the_content(tmp_path):
    (tmp_path / "target.json").touch()
    link = tmp_path / "link.json"
    link.symlink_to("target.json")
    check_writable(link)
    write_json(link, [1])
    assert link.is_symlink()
    assert read_json(tmp_path / "target.json") == [1]


def test_a_pipe_is_written_as_it_is(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as thread:
        check_writable(pipe)
        reader = thread.submit(pipe.read_text)
        write_json(pipe, [1])
        assert json.loads(reader.result(10)) == [1]
    assert pipe.is_fifo()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_file_in_a_folder_that_takes_no_other_is_refused_before_the_work(tmp_path):
    path = tmp_path / "results.json"
    path.touch()
    tmp_path.chmod(0o555)
    with pytest.raises(UserError, match="cannot be written"):
        check_writable(path)


def test_two_processes_write_the_same_file_side_by_side(tmp_path):
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        list(pool.map(write_often, [tmp_path / "results.json"] * 2))
    assert read_json(tmp_path / "results.json") == list(range(1000))
    assert list(tmp_path.iterdir()) == [tmp_path / "results.json"]


def write_often(path):
    for _ in range(200):
        write_json(path, list(range(1000)))


@pytest.mark.parametrize("content", [b"", b'{"a":', b"\xff"])
def test_what_is_no_json_any_more(tmp_path, content):
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(UserError, match="restore it, or delete it to have it made again"):
        read_json(tmp_path / "results.json")
