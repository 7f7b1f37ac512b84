"""config.toml and teams/*.toml: their model, how they are read, checked, edited and compiled."""
