"""`fallline explain`, `story` and `quiz`: what they print, what they take, and how they end."""

from __future__ import annotations

import io
import json
import re

import pytest

from fallline import cli
from fallline.explain.quiz import questions
from fallline.explain.topics import TOPICS


def test_the_tree_has_the_four_steps_and_every_question_with_an_answer(command, linear):
    code, out, _err = command("explain", str(linear.path))
    assert code == 0
    lines = out.splitlines()
    for title in ("1 The problem", "2 The data", "3 The model", "4 Deployment"):
        assert title in lines
    for topic in TOPICS:
        at = lines.index(f"    {topic.name}: {topic.question}")
        assert lines[at + 1].startswith("      ")
    assert not re.search(r"\bnan\b|None|Traceback", out)
    again = command("explain", str(linear.path))
    assert again[1] == out, "what is read is told as it was when it was measured"
    assert "measuring" not in again[2]


def test_what_is_measured_is_told_on_standard_error_while_one_waits(command, home, classes):
    code, out, err = command("explain", str(classes.path), "--open", "learning-rate")
    assert code == 0
    assert err.startswith("Measuring 1 of 2: curvature\n")
    assert "measuring" not in out


def test_ctrl_c_keeps_what_was_measured(linear, monkeypatch, capsys):
    def stop(*given, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("fallline.run.Run.measure", stop)
    monkeypatch.setattr("fallline.run.Run.measured", lambda *given, **options: None)
    monkeypatch.setattr("sys.argv", ["fallline", "explain", str(linear.path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert ended.value.code == 130
    assert "what-is-predicted" in said.out
    assert "is kept with the run" in said.err


def test_one_explanation_has_its_sentences_evidence_and_command(command, linear):
    code, out, _ = command("explain", str(linear.path), "--open", "derivative-slope-or-gradient")
    assert code == 0
    assert "Is it a derivative, a slope or a gradient that we compute?" in out
    assert "partial derivatives" in out
    assert f"Evidence: {linear.path}/evidence/slice.parquet" in out
    assert f"Measure again: fallline slice {linear.name}" in out


def test_explanations_are_json_for_programs(command, linear):
    code, out, _ = command("explain", str(linear.path), "--json", "--quick")
    told = json.loads(out)
    assert code == 0
    assert [each["name"] for each in told] == [topic.name for topic in TOPICS]
    one = json.loads(command("explain", str(linear.path), "--json", "--quick", "--open", "trivial-answer")[1])
    assert one["answer"][0]["claim"] == "trivial-loss"


def test_all_explanations_are_printed_whole(command, linear):
    out = command("explain", str(linear.path), "--all", "--quick")[1]
    for topic in TOPICS:
        assert f"{topic.question}  ({topic.name})" in out


def test_a_run_without_its_table_is_explained_by_its_record(command, linear, home, tmp_path):
    import shutil

    copy = tmp_path / "runs" / linear.name
    shutil.copytree(linear.path, copy)
    told = json.loads((copy / "run.json").read_text())
    told["data"]["source"]["path"] = str(tmp_path / "gone.csv")
    (copy / "run.json").write_text(json.dumps(told))
    for path in (copy / "evidence").glob("directions*"):
        path.unlink()
    code, out, _ = command("explain", str(copy), "--open", "times-minus-one")
    assert code == 0
    assert "uphill" in out
    assert "Not measured: directions:" in " ".join(out.split())
    assert "no longer at hand" in " ".join(out.split())


WRONG = {
    "explain RUN --open steepst": "Did you mean steepest",
    "explain RUN --open steepest --all": "both given",
    "quiz RUN --answers 9": "is no answer to",
    "story no-such-run": "run",
}


@pytest.mark.parametrize("words", WRONG)
def test_what_can_not_be_told_is_said_in_two_lines(fails, linear, words):
    assert WRONG[words] in fails(*words.replace("RUN", str(linear.path)).split())


def test_a_story_is_told_and_is_json_for_programs(command, linear):
    code, out, _ = command("story", str(linear.path))
    assert code == 0
    assert out.splitlines()[0] == linear.name
    assert f"Step {linear.trace.height:,}: the training stopped" in " ".join(out.split())
    told = json.loads(command("story", str(linear.path), "--json")[1])
    assert {"kind", "first", "last", "text", "figures"} == set(told[0])
    assert told[-1]["kind"] == "stop"


def test_right_answers_score(command, linear):
    asked = questions(linear, 3, 4)
    right = ",".join(str(question.right + 1) for question in asked)
    code, out, _ = command("quiz", str(linear.path), "--seed", "3", "--questions", "4", "--answers", right)
    assert code == 0
    assert out.count("\nRight.") == 4
    assert out.endswith("Your score: 4 of 4 right.\n")


def test_wrong_answers_do_not_score_and_are_shown_what_happened(command, linear):
    (question,) = questions(linear, 3, 1)
    wrong = str((question.right + 1) % len(question.choices) + 1)
    out = command("quiz", str(linear.path), "--seed", "3", "--questions", "1", "--answers", wrong)[1]
    assert f"No: {question.choices[question.right]}. {question.shown}" in out
    assert "0 of 1" in out


def test_answers_are_read_from_standard_input_and_its_end_ends_the_quiz(command, linear, monkeypatch):
    asked = questions(linear, 0, 5)
    lines = f"perhaps\n{asked[0].right + 1}\n{asked[1].choices[asked[1].right]}\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    code, out, err = command("quiz", str(linear.path))
    assert (code, err) == (0, "")
    assert "Please answer with a number from 1 to" in out
    assert out.endswith("Your score: 2 of 2 right.\n")


def test_ctrl_c_ends_the_quiz_with_the_score(linear, monkeypatch, capsys):
    class Pressed(io.StringIO):
        def readline(self, size: int = -1) -> str:
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.argv", ["fallline", "quiz", str(linear.path)])
    monkeypatch.setattr("sys.stdin", Pressed())
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert ended.value.code == 130
    assert "No question was answered." in said.out
    assert "Traceback" not in said.err


def test_questions_are_json_for_programs(command, linear):
    told = json.loads(command("quiz", str(linear.path), "--json", "--questions", "3", "--answers", "1")[1])
    assert len(told["questions"]) == 3
    assert {"kind", "text", "choices", "right", "shown", "picture"} == set(told["questions"][0])
    assert told["answered"] == 1
