"""The commands of `anbu`, one group a file. Each is loaded when it is called, so that `anbu --help` answers at once."""
