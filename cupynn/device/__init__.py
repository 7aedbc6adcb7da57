"""Where networks run: the CPU or a GPU, what is wrong with a GPU that does not work, and how much memory is free."""
