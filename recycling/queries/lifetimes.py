"""How long what was placed on the market lives: the share of a year's vehicles that comes back in each later year.

A vehicle of the year y is taken to be placed in its middle. One that lives for T years gives its battery up at y + 1/2 + T, so
in the calendar year y + n come back those with n - 1/2 < T <= n + 1/2, and in the year itself those with T <= 1/2.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, exp, gamma, sqrt
from typing import Protocol

from recycling.models import Distribution, ReturnForecast


class Lifetimes(Protocol):
    """A distribution of lifetimes, in years."""

    def died_by(self, age: float) -> float:
        """The share that lives no longer than `age`."""

    def share_in(self, years: int) -> float:
        """The share that comes back in the calendar year so many years after that of placement."""


class _Shares:
    def died_by(self, age: float) -> float:
        raise NotImplementedError

    def share_in(self, years: int) -> float:
        if years < 0:
            return 0.0
        return self.died_by(years + 0.5) - self.died_by(years - 0.5)


@dataclass(frozen=True)
class Normal(_Shares):
    """Normal lifetimes; since nobody lives for less than no time, what would is left out and the rest counts as all."""

    mean: float
    sd: float

    def died_by(self, age: float) -> float:
        if age <= 0:
            return 0.0
        before = self._below(0.0)
        return (self._below(age) - before) / (1 - before)

    def _below(self, age: float) -> float:
        return (1 + erf((age - self.mean) / (self.sd * sqrt(2)))) / 2


@dataclass(frozen=True)
class Weibull(_Shares):
    """Weibull lifetimes: 1 - exp(-(age / scale) ^ shape)."""

    shape: float
    scale: float

    def died_by(self, age: float) -> float:
        return 0.0 if age <= 0 else 1 - exp(-((age / self.scale) ** self.shape))

    @classmethod
    def of(cls, mean: float, sd: float) -> Weibull:
        """That with this mean and standard deviation.

        The coefficient of variation falls as the shape grows, so the shape is found by halving.
        """
        wanted = (sd / mean) ** 2
        low, high = 0.05, 500.0
        for _step in range(200):
            shape = (low + high) / 2
            if gamma(1 + 2 / shape) / gamma(1 + 1 / shape) ** 2 - 1 > wanted:
                low = shape
            else:
                high = shape
        return cls(shape, mean / gamma(1 + 1 / shape))


def lifetimes(distribution: str, mean: float, sd: float) -> Normal | Weibull:
    """The lifetimes that a forecast names by its parameters."""
    return Weibull.of(mean, sd) if distribution == Distribution.WEIBULL else Normal(mean, sd)


def weibull_of(forecast: ReturnForecast) -> dict[str, float] | None:
    """The parameters of the Weibull distributions of a forecast, if it has any."""
    if forecast.distribution != Distribution.WEIBULL:
        return None
    light = Weibull.of(float(forecast.mean_years), float(forecast.sd_years))
    large = Weibull.of(float(forecast.large_mean_years), float(forecast.sd_years))
    values = {"shape": light.shape, "scale": light.scale, "large_shape": large.shape, "large_scale": large.scale}
    return {name: round(value, 4) for name, value in values.items()}
