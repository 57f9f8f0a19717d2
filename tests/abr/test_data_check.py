"""`netwright data check` reads what players read: every trace, video and start row."""

import json

from netwright.tasks.abr.area import AREA, check


def test_findings_name_file_and_line(tmp_path):
    traces, video = tmp_path / "traces" / "mine", tmp_path / "videos" / "short"
    traces.mkdir(parents=True)
    video.mkdir(parents=True)
    (traces / "good").write_text("0 1\n1 2\n")
    (traces / "bad").write_text("0 1\n1 -2\n")
    (video / "video_size_0").write_text("12\n")
    (tmp_path / "traces" / "mine.start_ptr.json").write_text(json.dumps({"start_ptr": {"good": 9}}))
    found = {f.place: f.message for f in check(tmp_path) if not f.message.startswith("missing")}
    assert "bandwidth must be" in found[f"{traces / 'bad'}:2"]
    assert "6 bitrates need video_size_0..5" in found[str(video)]
    assert "good starts at row 9" in found[str(tmp_path / "traces" / "mine.start_ptr.json")]
    assert len(found) == 3


def test_the_published_data_pass(real_folder):
    assert AREA.check is not None
    assert [f for f in AREA.check(real_folder / "abr") if f.level == "error"] == []
