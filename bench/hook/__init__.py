"""Windows' own engine, emulated, with its built-in downloader and with dlcore-smsts."""
