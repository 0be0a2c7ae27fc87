"""What every room that touches the disk shares: system calls, locks, and what errors mean."""
