"""What the paper compares networks with."""
