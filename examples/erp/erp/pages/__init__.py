"""Pages and scripts served as they are."""
