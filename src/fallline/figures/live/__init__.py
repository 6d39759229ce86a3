"""Figures whose data come and go while a training runs: the specification is made once, the data are named."""
