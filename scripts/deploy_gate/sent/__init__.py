"""What is sent to a server's own Python and run there: standard library of 3.9, nothing written, every step bounded.

Each module has a `main(given)` that takes and returns plain JSON. `deploy_gate.facts.sending` sends it.
"""
