"""What the actions share: results, inputs, checklist, gate, report, and the bootstrap that starts it all."""
