"""How this model learned, told in plain words: explanations hung on the four steps of a project."""
