"""What goes over the wire, in and out; everything that comes in is bounded."""
