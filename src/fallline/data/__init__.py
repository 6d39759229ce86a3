"""Step 2 of a project, data: a table becomes features and a target, and all that was done is plain data.

read_table -> infer -> split -> fit_preparation and fit_target on the training rows -> apply and encode on any rows.
"""

from fallline.data.fingerprint import fingerprint
from fallline.data.infer import KINDS, Column, infer, task_of
from fallline.data.moments import median, moments
from fallline.data.prepare import Preparation, apply, fit_preparation
from fallline.data.read import read_table
from fallline.data.split import Split, split
from fallline.data.steps import Number
from fallline.data.target import Target, decode, encode, fit_target
from fallline.data.values import present, shown

__all__ = [
    "KINDS",
    "Column",
    "Number",
    "Preparation",
    "Split",
    "Target",
    "apply",
    "decode",
    "encode",
    "fingerprint",
    "fit_preparation",
    "fit_target",
    "infer",
    "median",
    "moments",
    "present",
    "read_table",
    "shown",
    "split",
    "task_of",
]
