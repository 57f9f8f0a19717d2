"""`netwright data check` reads what players read: every trace, video and start row."""

import json

from netwright.datasets.check import check as check_folder
from netwright.tasks.abr.area import AREA, check


def test_findings_name_file_and_line(tmp_path):
    traces, video = tmp_path / "traces" / "mine", tmp_path / "videos" / "short"
    traces.mkdir(parents=True)
    video.mkdir(parents=True)
    (traces / "good").write_text("0 1\n1 2\n")
    (traces / "bad").write_text("0 1\n1 -2\n")
    (video / "video_size_0").write_text("12\n")
    (tmp_path / "traces" / "mine.start_ptr.json").write_text(json.dumps({"start_ptr": {"good": 9}}))
    found = {f.place: f.message for f in check(tmp_path)}
    assert "bandwidth must be" in found[f"{traces / 'bad'}:2"]
    assert "6 bitrates need video_size_0..5" in found[str(video)]
    assert "good starts at row 9" in found[str(tmp_path / "traces" / "mine.start_ptr.json")]
    assert len(found) == 3


def test_every_bad_file_is_named_and_what_was_assumed_is_a_warning(tmp_path):
    folder = tmp_path / "abr"
    for name in ("one", "two"):
        (folder / "traces" / name).mkdir(parents=True)
        (folder / "traces" / name / "bad").write_text("0 1\n1 x\n")
    (folder / "traces" / "one" / "packets").write_text("1\n")
    (folder / "traces" / "three").mkdir()
    (folder / "traces" / "three" / "format.json").write_text('{"time": "fortnights"}')
    found = check_folder(tmp_path).findings["abr"]
    traces = folder / "traces"
    assert [f.place for f in found if f.level == "error"] == [
        str(folder / "videos"),
        f"{traces / 'one' / 'bad'}:2",
        str(traces / "three" / "format.json"),
        f"{traces / 'two' / 'bad'}:2",
    ]
    (warned,) = [f for f in found if f.level == "warning"]
    assert warned.place == str(traces / "one" / "packets")
    assert "read as Mahimahi" in warned.message


def test_published_files_are_asked_for_by_name_only(tmp_path):
    (tmp_path / "abr" / "traces" / "mine").mkdir(parents=True)
    (tmp_path / "abr" / "traces" / "mine" / "t").write_text("0 1\n1 2\n")
    (tmp_path / "abr" / "videos" / "v").mkdir(parents=True)
    movie = {"segment_duration_ms": 1000, "bitrates_kbps": [8, 16], "segment_sizes_bits": [[8000, 16000]] * 3}
    (tmp_path / "abr" / "videos" / "v" / "movie.json").write_text(json.dumps(movie))
    assert check_folder(tmp_path).errors == []
    assert len(check_folder(tmp_path, published=True).errors) > 900


def test_the_published_data_pass(real_folder):
    assert AREA.check is not None
    assert [f for f in AREA.check(real_folder / "abr") if f.level == "error"] == []
