"""GitHub's REST API: asked politely, read strictly, and never believed where a list shifts while it is read."""
