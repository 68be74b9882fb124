"""The checklist: what a file may say, how it is read and laid over the bundled one, and how it reads as a document."""
