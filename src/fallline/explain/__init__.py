"""How this model learned, told in plain words: explanations hung on the four steps, the story, and the quiz."""

from fallline.explain.explanation import Chapter, Explanation
from fallline.explain.quiz import questions
from fallline.explain.story import story
from fallline.explain.tell import explain, explanations, headline

__all__ = ["Chapter", "Explanation", "explain", "explanations", "headline", "questions", "story"]
