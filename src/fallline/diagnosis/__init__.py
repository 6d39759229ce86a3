"""What is wrong with a run, why, and the fix that was tried: symptoms (one predicate each), remedies, trials."""
