"""What runs on the server: two slots, a flag that nginx looks at, a journal, a guard. Standard library, Python 3.9.

Shipped as one file (`slots.pyz`); nothing in here imports anything from outside of this package.
"""
