"""What a training leaves behind: its recorded steps, and the run folder that holds everything."""
