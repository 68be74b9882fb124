"""What the ERP does, apart from how it is asked."""
