import os
from pathlib import Path

import pytest

from pipeline.find import Found, find_recordings
from pipeline.paths import printable


@pytest.fixture
def tree(tmp_path) -> Path:
    root = tmp_path / "calls"
    names = ["b.wav", "a.MP3", "a.json", "manifest.csv", ".hidden.wav", "sub/c.opus", ".git/d.wav"]
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def names(found: list[Found], root: Path) -> list[str]:
    assert not [item.problem for item in found if item.problem]
    return [item.path.relative_to(root).as_posix() for item in found]


def test_a_folder_and_its_subfolders(tree):
    assert names(list(find_recordings([str(tree)])), tree) == ["a.MP3", "b.wav", "sub/c.opus"]


def test_a_file_is_taken_whatever_it_is_called(tree):
    named = [str(tree / "a.json"), str(tree / ".hidden.wav")]
    assert names(list(find_recordings(named)), tree) == ["a.json", ".hidden.wav"]


def test_a_manifest_names_recordings_wherever_they_are(tree, tmp_path):
    manifest = tmp_path / "tonight.csv"
    manifest.write_text(f"file;agent_id\ncalls/sub/c.opus;a1\n{tree}/b.wav;a2\ncalls/gone.wav;a3\n")
    *found, gone = find_recordings([str(manifest)])
    assert names(found, tree) == ["sub/c.opus", "b.wav"]
    assert {item.manifest for item in found} == {manifest}
    assert Found.at(found[0].source) == found[0]
    assert str(gone.problem).endswith("tonight.csv, line 4: no such file; correct the path")
    manifest.write_text("name\na.wav\n")
    (bad,) = find_recordings([str(manifest)])
    assert "no column 'file'" in str(bad.problem)
    manifest.write_text("file\n")
    assert [item.status for item in find_recordings([str(manifest)])] == ["skipped"]


def test_each_recording_once_and_in_the_order_named(tree):
    named = [str(tree / "sub" / "c.opus"), str(tree), f"{tree}/./b.wav"]
    assert names(list(find_recordings(named)), tree) == ["sub/c.opus", "a.MP3", "b.wav"]


def test_a_file_address_is_a_path(tree):
    (found,) = find_recordings([f"file://{tree}/b.wav"])
    assert (found.name, found.address) == (f"{tree}/b.wav", None)
    assert Found.at(found.source) == found


def test_a_linked_folder_is_named_and_not_followed(tree, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tree / "link").symlink_to(tmp_path / "elsewhere")
    skipped = [item for item in find_recordings([str(tree)]) if item.problem]
    assert [(item.status, item.path.name) for item in skipped] == [("skipped", "link")]


def test_patterns(tree):
    assert names(list(find_recordings([f"{tree}/**/*.opus"])), tree) == ["sub/c.opus"]
    assert names(list(find_recordings([f"{tree}/*"])), tree) == ["a.MP3", "b.wav", "sub/c.opus"]


def test_a_folder_that_a_pattern_cannot_search_is_named(tree, monkeypatch):
    """Root reads everything: the system's refusal is put in."""
    scan = os.scandir

    def refuses(folder):
        if Path(os.fspath(folder)).name == "sub":
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuses)
    for pattern in ("**/*.wav", "*/*.wav", "s*/*.wav"):
        problems = [item for item in find_recordings([f"{tree}/{pattern}"]) if item.problem]
        assert [item.path.name for item in problems] == ["sub"]
        assert "cannot be read (Permission denied)" in str(problems[0].problem)
    assert all(item.problem is None for item in find_recordings([f"{tree}/*.wav"]))


def test_a_file_whose_name_looks_like_a_pattern(tree):
    (tree / "x[1].wav").touch()
    assert names(list(find_recordings([f"{tree}/x[1].wav"])), tree) == ["x[1].wav"]


def test_what_is_not_there_is_a_failed_item_among_the_others(tree):
    named = ["gone.wav", str(tree / "b.wav"), "gone/*.wav", "null\0byte.wav", "x" * 5000]
    found = list(find_recordings(named))
    assert [item.problem is None for item in found] == [False, True, False, False, False]
    assert all(item.status == "failed" for item in found)
    assert "gone.wav: no such file" in str(found[0].problem)


def test_folders_that_hold_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.wav").mkdir()
    empty, misnamed = find_recordings([str(tmp_path / "empty"), str(tmp_path / "x.wav")])
    assert empty.status == "skipped"
    assert misnamed.status == "failed"
    assert "a folder, not a recording" in str(misnamed.problem)
    assert [item.status for item in find_recordings([str(tmp_path)])] == ["skipped"]


def test_pipes_and_broken_links_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "link.wav").symlink_to("gone.wav")
    for named in ([str(tmp_path)], [str(tmp_path / "pipe.wav"), str(tmp_path / "link.wav")]):
        found = list(find_recordings(named))
        assert len(found) == 2
        assert all(item.problem for item in found)


def test_names_that_are_not_utf8(tmp_path):
    raw = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    with open(raw, "wb"):
        pass
    (found,) = find_recordings([str(tmp_path)])
    assert found.problem is None
    assert printable(found.path.name) == "caf\\xe9.wav"


def test_control_characters_do_not_reach_the_terminal():
    assert printable("a\x1b[2Jb\n.wav") == "a\\x1b[2Jb\\n.wav"
