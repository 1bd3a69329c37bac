from accounts.tasks import cleaning, mail

__all__ = ["cleaning", "mail"]
