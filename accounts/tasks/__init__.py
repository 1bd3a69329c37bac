from accounts.tasks import mail

__all__ = ["mail"]
