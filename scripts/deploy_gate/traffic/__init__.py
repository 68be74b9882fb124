"""How the users fare: what was counted of their requests, and what that says about a release."""
