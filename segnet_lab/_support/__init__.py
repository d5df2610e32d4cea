"""What every room uses: errors, files, settings, devices. Imports no other room."""
