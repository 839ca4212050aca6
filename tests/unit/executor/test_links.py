"""The links of a job are there before it starts, or it does not start, and says why."""

import pytest

from launcher.executor.links import place_links
from launcher.executor.preparing import SetupError


@pytest.fixture
def work(tmp_path):
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def data(tmp_path):
    (tmp_path / "imagenet").mkdir()
    return tmp_path / "imagenet"


def test_links_are_made_and_made_again_where_a_program_removed_them(work, data):
    links = {"data": str(data), "deep/val": str(data)}
    place_links(work, links, "host-a")
    place_links(work, links, "host-a")
    assert (work / "data").readlink() == (work / "deep/val").readlink() == data
    (work / "data").unlink()
    place_links(work, links, "host-a")
    assert (work / "data").is_dir()


def test_a_target_that_is_not_there_is_told_with_the_node(work, tmp_path):
    with pytest.raises(SetupError) as caught:
        place_links(work, {"data": str(tmp_path / "gone")}, "host-a")
    assert str(caught.value) == f"links.data: {tmp_path}/gone does not exist on host-a"
    assert list(work.iterdir()) == []


def test_a_target_that_cannot_be_reached_is_told_with_its_reason(work, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match=r"file/x cannot be reached \(Not a directory\) on host-a"):
        place_links(work, {"data": str(tmp_path / "file" / "x")}, "host-a")


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_stands_in_the_place_of_a_link_is_never_replaced(work, data, kind):
    place = work / "data"
    if kind == "file":
        place.write_text("mine")
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to("elsewhere")
    before = place.lstat()
    with pytest.raises(SetupError, match=r"links\.data: something of that name .* on host-a"):
        place_links(work, {"data": str(data)}, "host-a")
    assert place.lstat() == before


def test_no_link_is_made_through_a_link(work, data):
    (work / "deep").symlink_to(data)
    with pytest.raises(SetupError, match=r"links\.deep/val"):
        place_links(work, {"deep/val": str(data)}, "host-a")
    assert list(data.iterdir()) == []
