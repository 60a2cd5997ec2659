"""What each kind of marketplace speaks: one package per kind with the same modules inside, behind the interface of `base`. No model is known here."""
