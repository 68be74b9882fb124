"""What is written after the verdict: for people, for GitHub, and for other programs."""
