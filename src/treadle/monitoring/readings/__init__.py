"""What drift monitors read from windows."""
