"""What we run: intake, window, detect, alert and the sinks, with the `fault316` command around them."""
