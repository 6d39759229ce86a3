"""All commands, in the order in which they are met."""

from __future__ import annotations

import typer

from fallline.catalogue import INSTRUMENTS
from fallline.cli import (
    diagnose,
    explain,
    instruments,
    lab,
    predict,
    quiz,
    report,
    resume,
    runs,
    shortlist,
    show,
    story,
    train,
)

app = typer.Typer(
    name="fallline",
    help="Train models by gradient descent on your own table, keep every step, and be told how it went.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.command("train", short_help="Train on a table, keep every step.")(train.command())
app.command("resume", short_help="Go on with a run: after an accident, or for more steps.")(resume.resume)
app.command("runs", short_help="The runs so far, with their outcome.")(runs.runs)
app.command("show", short_help="One run, or one of its updates in full.")(show.show)
app.command("predict", short_help="Predict new rows with a run.")(predict.predict)
app.command("report", short_help="Write the single-file report of a run.")(report.report)
app.command("lab", short_help="Watch a model learn, and steer it, in the browser.")(lab.lab)
app.command("diagnose", short_help="What is wrong with a run, why, and which fix works.")(diagnose.diagnose)
app.command("explain", short_help="How the model learned, as a tree of questions.")(explain.explain)
app.command("story", short_help="A run in time order.")(story.story)
app.command("quiz", short_help="Guess what the next step does, and see.")(quiz.quiz)
app.command("shortlist", short_help="Several models on a table: compared, fine-tuned, tested once.")(
    shortlist.shortlist
)
for each in INSTRUMENTS.values():
    app.command(each.name, short_help=f"Measure: {each.asks[:1].lower()}{each.asks[1:]}")(instruments.command(each))
