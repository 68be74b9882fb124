"""From a checklist to a verdict: plan, run, judge. One direction, no step looks back."""
