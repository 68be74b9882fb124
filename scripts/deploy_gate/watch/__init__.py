"""The watch after a switch: what is looked at, when it counts, what is done, and how that is told."""
