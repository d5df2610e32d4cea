"""What every room uses: errors, files, settings, devices. Knows nothing of networks."""
