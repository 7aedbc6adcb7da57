"""Programs that tests start with mpirun."""
