"""What operations do on one server or several: bring a release, switch, confirm, fall back, look."""
