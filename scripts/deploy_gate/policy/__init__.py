"""The law of protected environments: whose checklist is in force, what a release changes in it, and who said so."""
