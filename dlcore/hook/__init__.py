"""The downloader hook: the program that Windows' own engine calls for each package."""
