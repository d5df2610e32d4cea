"""`python -m segnet_lab` is `segnet-lab`."""

from segnet_lab.cli import main

if __name__ == "__main__":
    main(prog_name="segnet-lab")
