"""Jobs: all slow work, each in a child process with a folder, locks and an event log of its own."""
