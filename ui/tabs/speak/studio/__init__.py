"""The studio on the Speak page: long texts, their lines and takes."""
