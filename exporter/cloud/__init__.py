"""The only folder that knows the vendor: its wire, its signatures, its credentials."""
