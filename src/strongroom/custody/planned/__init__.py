"""What is to go, as the judge writes it down: plans, who approved them, intents, and the packs on their way out."""
