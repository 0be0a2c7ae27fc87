"""Ten downloads as they happen, with dlcore and what people use today: who ends right, and when."""
