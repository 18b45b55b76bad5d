"""Links: what yt-dlp fetches, and what of an address may be asked for."""
