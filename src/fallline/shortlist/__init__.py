"""Step 3 of a project whole: models are compared on validation rows, the best fine-tuned, the winner trained as a run.

candidate.py   what is compared: a model with its settings, walked with several seeds
tuning.py      variants of the best ones, and successive halving among them
winner.py      who won and why: the simplest within one standard error of the best
search.py      all of it in order; the test rows are opened once, for the winner
"""

from fallline.shortlist.candidate import Candidate
from fallline.shortlist.search import Look, Shortlist, shortlist

__all__ = ["Candidate", "Look", "Shortlist", "shortlist"]
