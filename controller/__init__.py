"""What decides, frame by frame."""
