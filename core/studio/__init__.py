"""Studio: long texts as documents of a project, spoken line by line, heard, corrected and joined."""
