"""Forecasts of what comes back, in the background, when somebody asks."""

from __future__ import annotations

from celery import Task, shared_task

from accounts import pending
from recycling.models import ReturnForecast
from recycling.services import forecasts


@shared_task(bind=True, name="recycling.run_forecast")
def run_forecast(self: Task[..., None], forecast_id: int, looks: int = 0) -> None:
    """Carry out the forecast that is next; the message of one has each of them done once, whichever that is."""
    is_done = forecasts.run()
    if is_done is None:
        pending.send(self.delay, *pending.after_loss(self, forecast_id, looks, forecasts.take_up_silent))
    elif is_done and forecasts.is_any_waiting():
        self.delay(forecast_id)  # what had to wait until who asked for it had one less going on


def enqueue(forecast: ReturnForecast) -> ReturnForecast:
    """Have a worker carry the forecast out once what is being done is committed."""
    pending.send(run_forecast.delay, forecast.pk)
    return forecast


def sweep() -> None:
    """For the periodic sweep: send again the forecasts that nobody works on."""
    pending.send(run_forecast.delay, *forecasts.take_up_silent())
