"""What a command prints at its end: results, previews and checks, in lines, tables or JSON."""
