"""The project's settings, with the benchmarks' own paths beside the project's."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.server_urls"
