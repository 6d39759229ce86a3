"""Step 4 of a project: what a trained model is used for."""
