"""Who said yes: comments on a deployment's issue or pull request, read as commands, and the rules that count them."""
