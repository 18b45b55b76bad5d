"""The machine: hardware, its errors, downloads, and the checks of the System page."""
