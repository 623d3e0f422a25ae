"""What is measured from the sound: one measure a file, none knows of another."""
