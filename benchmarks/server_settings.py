"""The project's settings, with the benchmarks' own paths beside the project's."""

from config.settings import *  # noqa: F403
from config.settings import TILL_PATHS

# The compared views are behind what tills' calls are behind, no more and no less.
TILL_PATHS += ["/plain/"]
ROOT_URLCONF = "benchmarks.server_urls"
